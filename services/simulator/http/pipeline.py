"""The steps every provider request takes: forced error, limits, latency, the work, forced error after the work."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.simulator.core.answers import Answer, ConnectionCut, Refused
from services.simulator.core.entra_errors import entra_answer
from services.simulator.core.faults import Call, FaultRule
from services.simulator.core.google_errors import gmail_answer, grant_answer
from services.simulator.core.graph_errors import graph_answer
from services.simulator.core.limits import Excess
from services.simulator.core.registry import Grant
from services.simulator.handler import World
from services.simulator.http.wire import Request

SLOW_SECONDS = 5.0
# Codes for statuses that a rule forces by number.
_GRAPH_BY_STATUS = {
    401: "InvalidAuthenticationToken", 403: "ErrorAccessDenied", 404: "ErrorItemNotFound", 429: "ApplicationThrottled",
    500: "ErrorInternalServerError", 503: "serviceNotAvailable", 504: "gatewayTimeout", 507: "ErrorQuotaExceeded",
}  # fmt: skip
_GMAIL_BY_STATUS = {
    401: "authError", 403: "rateLimitExceeded", 404: "notFound", 429: "userRateLimitExceeded", 500: "backendError",
    503: "unavailable", 504: "deadline",
}  # fmt: skip


@dataclass(slots=True)
class Job:
    """A request on its way: what it is called, who asks, what it costs and the work itself."""

    call: Call
    request: Request
    work: Callable[[], Answer | Awaitable[Answer]]
    grant: Grant | None = None
    cost: float = 1.0


async def perform(world: World, job: Job) -> Answer:
    """Run a job through all steps and count it. Raises ConnectionCut when a rule cuts the connection."""
    status = 0
    try:
        answer = await _steps(world, job)
        status = answer.status
        return answer
    finally:
        world.count(job.call, status)


async def _steps(world: World, job: Job) -> Answer:
    fault, extra = world.fault(job.call), 0.0
    if fault is not None and fault.kind == "slow":
        extra, fault = float(fault.detail or SLOW_SECONDS), None
    if fault is not None and not fault.after:
        return _forced(world, job, fault, None)
    if job.grant is None or job.call.operation == "batch":
        await asyncio.sleep(extra)
        return await _finished(world, job, fault)
    meter = world.meter(job.grant.provider, job.grant.project or job.grant.client, job.call.mailbox)
    excess = meter.enter(job.cost, world.now())
    if excess is not None:
        return throttled(world, job.call.provider, excess)
    try:
        latency = world.latency[job.call.provider]
        wait = extra + (latency.batch_item_ms if job.request.in_batch else latency.request_ms) / 1000
        if wait:
            await asyncio.sleep(wait)
        return await _finished(world, job, fault)
    finally:
        meter.leave()


async def _finished(world: World, job: Job, fault: FaultRule | None) -> Answer:
    try:
        done = job.work()
        answer = done if isinstance(done, Answer) else await done
    except Refused as refused:
        answer = refused.answer
    return answer if fault is None else _forced(world, job, fault, answer)


def throttled(world: World, provider: str, excess: Excess) -> Answer:
    """The provider's own words for too much. Graph: Retry-After in seconds; Gmail: a time in the text."""
    if provider == "microsoft":
        seconds = str(max(1, math.ceil(excess.retry_after)))
        text = "" if excess.kind == "concurrency" else "Application is over its MailboxRequestRate limit."
        return graph_answer("ApplicationThrottled", message=text, headers=(("Retry-After", seconds),))
    if excess.kind == "concurrency":
        return gmail_answer("concurrent")
    return gmail_answer("rateLimitExceeded", later(world, excess.retry_after))


def later(world: World, seconds: float) -> str:
    """A moment as Gmail writes it in "Retry after"."""
    moment = datetime.fromtimestamp(world.now() + seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def entra_refusal(world: World, request: Request, number: int, **words: str) -> Answer:
    """Entra's error with the ids and the time it carries."""
    text = datetime.fromtimestamp(world.now(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    correlation = request.headers.get("client-request-id") or world.guid()
    return entra_answer(number, now_text=text, trace=world.guid(), correlation=correlation, **words)


def _forced(world: World, job: Job, fault: FaultRule, done: Answer | None) -> Answer:
    if fault.kind == "cut":
        raise ConnectionCut
    answer = _forced_answer(world, job, fault, done)
    if fault.body is not None:
        answer.body = fault.body.encode()
    if fault.retry_after is not None and job.call.provider == "microsoft":
        answer.headers = (*answer.headers, ("Retry-After", f"{fault.retry_after:g}"))
    return answer


def _forced_answer(world: World, job: Job, fault: FaultRule, done: Answer | None) -> Answer:
    match fault.kind:
        case "not_json":
            page = b"<html><head><title>Service Unavailable</title></head><body>Please try later.</body></html>"
            return Answer(int(fault.detail or 200), page, "text/html")
        case "truncated_json":
            body = done.body if done is not None and done.body else b'{"value":[{"id":"AAMkADQ0","subject":"Undeliv'
            return Answer(int(fault.detail or 200), body[: max(1, len(body) * 2 // 3)], "application/json")
        case "empty":
            return Answer(int(fault.detail or 200), b"", "application/json")
        case "expired_token":
            return expired_token(job.call.provider)
        case "aadsts":
            return entra_refusal(world, job.request, int(fault.detail or 90033), client=job.call.client)
        case "invalid_grant":
            return grant_answer(fault.detail or "signature")
        case "graph_error":
            return graph_answer(fault.detail or "ErrorAccessDenied", job.call.mailbox)
        case "google_error":
            return gmail_answer(fault.detail or "rateLimitExceeded", later(world, fault.retry_after or 30))
        case _:
            return _by_status(world, job, int(fault.detail), fault.retry_after)


def _by_status(world: World, job: Job, status: int, retry_after: float | None) -> Answer:
    if job.call.operation == "token" and job.call.provider == "microsoft":
        number = 90055 if status == 429 else 90033
        answer = entra_refusal(world, job.request, number)
        answer.status = status
        return answer
    if job.call.operation == "token":
        answer = grant_answer("rate" if status == 429 else "internal")
        answer.status = status
        return answer
    if job.call.provider == "microsoft":
        return graph_answer(_GRAPH_BY_STATUS.get(status, "UnknownError"), job.call.mailbox, status=status)
    words = later(world, 30 if retry_after is None else retry_after)
    return gmail_answer(_GMAIL_BY_STATUS.get(status, "backendError"), words, status=status)


def expired_token(provider: str) -> Answer:
    """What the APIs say to a token that is over."""
    if provider == "microsoft":
        text = "Lifetime validation failed, the token is expired."
        return graph_answer("InvalidAuthenticationToken", message=text)
    return gmail_answer("authError")


def bearer(request: Request) -> str:
    """The token of the Authorization header, "" when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
