"""POST /$batch: up to 20 requests in one, at most four at a time per mailbox, each counted on its own.

Source: learn.microsoft.com/graph/json-batching.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.graph_errors import graph_answer, graph_refusal
from services.simulator.core.sending import folded
from services.simulator.http.wire import Request

MOST_ITEMS = 20
AT_ONCE_PER_MAILBOX = 4


async def run_batch(request: Request, respond: Callable[[Request], Awaitable[Answer]]) -> Answer:
    """The outer answer is 200 even when every item failed; items come back in the order they end."""
    items = _items(request)
    loop = asyncio.get_running_loop()
    ends: dict[str, asyncio.Future[int]] = {str(item["id"]): loop.create_future() for item in items}
    slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE_PER_MAILBOX))
    responses: list[dict[str, Any]] = []

    async def run(item: dict[str, Any]) -> None:
        needed = [str(one) for one in item.get("dependson") or item.get("depends_on") or []]
        earlier = [await ends[one] for one in needed if one in ends]
        status = 500
        try:
            if any(one >= 400 for one in earlier):
                answer = graph_answer("FailedDependency", message="A dependency of this request failed.", status=424)
            else:
                inner = _inner(item, request)
                async with slots[inner.segments[2].lower() if len(inner.segments) > 2 else ""]:
                    answer = await respond(inner)
            status = answer.status
        finally:
            ends[str(item["id"])].set_result(status)
        responses.append(_response(str(item["id"]), answer))

    await asyncio.gather(*(run(item) for item in items))
    return json_answer(200, {"responses": responses})


def _items(request: Request) -> list[dict[str, Any]]:
    try:
        listed = [folded(item) for item in folded(json.loads(request.body))["requests"]]
    except (ValueError, KeyError, TypeError):
        raise graph_refusal("BadRequest", "Invalid batch payload format.") from None
    if not listed:
        raise graph_refusal("BadRequest", "Batch request must contain at least one request.")
    if len(listed) > MOST_ITEMS:
        text = f"Number of batch request steps exceeds the maximum value of {MOST_ITEMS}"
        raise graph_refusal("MaximumValueExceeded", message=text)
    ids = [str(item.get("id", "")) for item in listed]
    if len(set(ids)) != len(ids) or not all(ids):
        raise graph_refusal("BadRequest", "Request id has to be unique and not empty in a batch.")
    for item in listed:
        has_type = any(name.lower() == "content-type" for name in item.get("headers") or {})
        if item.get("body") is not None and not has_type:
            text = f"Write request id : {item['id']} does not contain Content-Type header or body."
            raise graph_refusal("BadRequest", text)
    return listed


def _inner(item: dict[str, Any], outer: Request) -> Request:
    """Relative urls are below the version; absolute ones, as some SDKs send, carry it already."""
    url = str(item.get("url", ""))
    split = urlsplit(url)
    version = outer.segments[0]
    path = (
        split.path if split.netloc or split.path.startswith(f"/{version}/") else f"/{version}/{split.path.lstrip('/')}"
    )
    headers = {str(name).lower(): str(value) for name, value in (item.get("headers") or {}).items()}
    headers.setdefault("authorization", outer.headers.get("authorization", ""))
    body = item.get("body")
    content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Request(str(item.get("method", "GET")).upper(), path, split.query, headers, content, outer.base, True)


def _response(item_id: str, answer: Answer) -> dict[str, Any]:
    headers = dict(answer.headers)
    document: dict[str, Any] = {"id": item_id, "status": answer.status, "headers": headers}
    if not answer.body:
        return document
    headers["Content-Type"] = answer.content_type
    if answer.content_type.startswith("application/json"):
        try:
            document["body"] = json.loads(answer.body)
        except ValueError:
            document["body"] = answer.body.decode("utf-8", "replace")
    else:
        document["body"] = b64encode(answer.body).decode()
    return document
