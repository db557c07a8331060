"""The control API under /_control: JSON in, JSON out; a wrong request is a 400 that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.simulator.core.answering import AnswerRule
from services.simulator.core.answers import Answer, json_answer
from services.simulator.core.composing import KINDS, SHAPES
from services.simulator.core.faults import rule_from
from services.simulator.core.gmail_mailbox import GmailMailbox
from services.simulator.core.limits import changed
from services.simulator.core.send_limits import changed_sends
from services.simulator.handler import Latency, World
from services.simulator.http import control_reading as reading
from services.simulator.http.control_parsing import ControlError, flag, provider_named, providers_named, taken
from services.simulator.http.control_registering import plant, register_account, register_app, register_mailboxes
from services.simulator.http.wire import Request

Route = Callable[[World, dict[str, Any]], Any]


class Control:
    """Answers /_control/…; GET parameters and POST bodies are both handed on as a dictionary.

    GET /_control tells every call with its description.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def knows(self, request: Request) -> bool:
        return request.segments[0] == "_control"

    async def respond(self, request: Request) -> Answer:
        route = _ROUTES.get((request.method, "/".join(request.segments[1:])))
        if route is None:
            known = {
                f"{method} /_control/{path}": (one.__doc__ or "").strip() for (method, path), one in _ROUTES.items()
            }
            if len(request.segments) == 1:
                return json_answer(200, {"calls": known})
            return json_answer(404, {"error": f"no such call: {request.method} {request.path}", "known": list(known)})
        try:
            document = json.loads(request.body) if request.body else dict(request.query)
            if not isinstance(document, dict):
                raise ControlError("the body must be a JSON object")
            return json_answer(200, route(self.world, document))
        except (ControlError, ValueError, KeyError, TypeError) as problem:
            text = problem.args[0] if isinstance(problem, KeyError) else str(problem)
            return json_answer(400, {"error": text})


def reset(world: World, document: dict[str, Any]) -> Any:
    """An empty world with the settings' defaults; tokens issued before are unknown afterwards."""
    world.reset()
    return {}


def health(world: World, document: dict[str, Any]) -> Any:
    """Whether the simulator is there."""
    return {"status": "ok", "mailboxes": len(world.mailboxes)}


def set_seed(world: World, document: dict[str, Any]) -> Any:
    """{seed}: ids and the chance of forced errors repeat themselves from here."""
    world.chance.seed(int(document["seed"]))
    return {"seed": int(document["seed"])}


def set_latency(world: World, document: dict[str, Any]) -> Any:
    """{provider?, ms, batch_item_ms?}: milliseconds of a request, and of an item inside a batch (default the same)."""
    milliseconds = float(document["ms"])
    item = document.get("batch_item_ms")
    for provider in providers_named(document):
        world.latency[provider] = Latency(milliseconds, milliseconds if item is None else float(item))
    return {name: {"ms": one.request_ms, "batch_item_ms": one.batch_item_ms} for name, one in world.latency.items()}


def set_tokens(world: World, document: dict[str, Any]) -> Any:
    """{lifetime_seconds?, expire?: true|false, provider?}: how long new tokens live; end those already issued."""
    if "lifetime_seconds" in document:
        world.token_lifetime = float(document["lifetime_seconds"])
    ended = 0
    if flag(document, "expire", False):
        for token, grant in list(world.grants.items()):
            if grant.provider in providers_named(document):
                ended += 1
                world.grants[token] = replace(grant, expires_at=0.0)
    return {"lifetime_seconds": world.token_lifetime, "expired": ended}


def set_limits(world: World, document: dict[str, Any]) -> Any:
    """{provider?, mailbox?, amount?, window?, concurrent?, starts_empty?, enforced?, units?: {operation: cost}}.

    All meters start over. Without `mailbox` it is the default of the provider's mailboxes.
    """
    wishes = {name: value for name, value in document.items() if name not in ("provider", "mailbox", "units")}
    mailbox = str(document.get("mailbox") or "").lower()
    for provider in providers_named(document):
        if mailbox:
            base = world.own_allowances.get((provider, mailbox), world.allowances[provider])
            world.own_allowances[provider, mailbox] = changed(base, wishes)
        else:
            world.allowances[provider] = changed(world.allowances[provider], wishes)
    world.units |= {str(name): int(cost) for name, cost in dict(document.get("units") or {}).items()}
    world.restart_meters()
    return reading.limits(world, {})


def set_send_limits(world: World, document: dict[str, Any]) -> Any:
    """{provider?, mailbox?, per_minute?, messages_per_day?, recipients_per_day?, over_minute?: hold|refuse, enforced?}; null: no limit.

    All send meters start over. Without `mailbox` it is the default of the provider's mailboxes.
    """
    wishes = {name: value for name, value in document.items() if name not in ("provider", "mailbox")}
    mailbox = str(document.get("mailbox") or "").lower()
    for provider in providers_named(document):
        if mailbox:
            base = world.own_send_allowances.get((provider, mailbox), world.send_allowances[provider])
            world.own_send_allowances[provider, mailbox] = changed_sends(base, wishes)
        else:
            world.send_allowances[provider] = changed_sends(world.send_allowances[provider], wishes)
    world.send_meters.clear()
    return reading.send_limits(world, {})


def restart(world: World, document: dict[str, Any]) -> Any:
    """Statistics and meters start over (buckets that start empty are empty again)."""
    world.restart_observation()
    return {}


def add_faults(world: World, document: dict[str, Any]) -> Any:
    """{rules: [...]} or one rule; they are tried in the order they came.

    {kind, match?: {provider, mailbox, operation, client}, when?: before|after, times?, probability?, retry_after?,
    detail?, body?}. kind: a status (429, 500, 503, 504, …), cut, expired_token, aadsts:NUMBER,
    invalid_grant:signature|account|subject|not_valid_email|clock|audience|unauthorized|scope|principal|disabled|rate|…,
    graph_error:CODE, google_error:REASON, slow:SECONDS, not_json, truncated_json, empty. `after`: the work is done first.
    """
    listed = document.get("rules", [document])
    first = len(world.faults) + 1
    world.faults += [rule_from(one, first + place) for place, one in enumerate(listed)]
    return {"rules": [rule.described() for rule in world.faults]}


def clear_faults(world: World, document: dict[str, Any]) -> Any:
    """No forced errors any more."""
    world.faults.clear()
    return {}


def add_answers(world: World, document: dict[str, Any]) -> Any:
    """{rules: [...]} or one: {recipient|domain, kind?=hard, shape?, delay?, folder?}: sends answered with a mail.

    kind: one of core.composing.KINDS. shape: exchange, gmail, gmail_legacy, postfix; default the sender's provider's.
    delay: seconds. folder: where it arrives, default the inbox.
    """
    listed = document.get("rules", [document])
    for one in listed:
        rule = AnswerRule(**taken(one, "kind", "recipient", "domain", "shape", "delay", "folder"))
        if rule.kind not in KINDS:
            raise ControlError(f"unknown kind {rule.kind!r}; known: {', '.join(KINDS)}")
        if rule.shape not in ("", *SHAPES):
            raise ControlError(f"unknown shape {rule.shape!r}; known: {', '.join(SHAPES)}")
        if not rule.recipient and not rule.domain:
            raise ControlError("a rule needs a recipient or a domain")
        world.answers.append(rule)
    return {"rules": len(world.answers)}


def clear_answers(world: World, document: dict[str, Any]) -> Any:
    """Sends are not answered any more."""
    world.answers.clear()
    return {}


def forget_history(world: World, document: dict[str, Any]) -> Any:
    """{mailbox}: a Gmail mailbox's history so far answers 404 from now on."""
    found = world.mailbox(provider_named({"provider": "google"}), str(document["mailbox"]))
    if not isinstance(found, GmailMailbox):
        raise ControlError(f"no such Gmail mailbox: {document['mailbox']}")
    found.forget_history()
    return {}


_ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "reset"): reset,
    ("GET", "health"): health,
    ("POST", "apps"): register_app,
    ("POST", "service-accounts"): register_account,
    ("POST", "mailboxes"): register_mailboxes,
    ("POST", "mails"): plant,
    ("POST", "seed"): set_seed,
    ("POST", "latency"): set_latency,
    ("POST", "tokens"): set_tokens,
    ("POST", "limits"): set_limits,
    ("GET", "limits"): reading.limits,
    ("POST", "send-limits"): set_send_limits,
    ("GET", "send-limits"): reading.send_limits,
    ("POST", "statistics/restart"): restart,
    ("GET", "statistics"): reading.statistics,
    ("POST", "faults"): add_faults,
    ("GET", "faults"): reading.faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "answers"): add_answers,
    ("DELETE", "answers"): clear_answers,
    ("POST", "history/forget"): forget_history,
    ("GET", "removals"): reading.removals,
    ("GET", "sent"): reading.sent,
    ("GET", "deliveries"): reading.deliveries,
    ("GET", "mailboxes"): reading.mailboxes,
    ("GET", "mailbox"): reading.mailbox_state,
    ("GET", "mail"): reading.mail_source,
}
