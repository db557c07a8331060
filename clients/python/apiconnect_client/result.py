"""What became of a send: delivery.result.v1.json, one object for each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from dataclasses import field as filled  # a result has a field of that name
from datetime import datetime
from typing import Any, Final

from apiconnect_client.errors import UnreadableResult

# No later result says that the mail left, or did not. `bounced` and `complained` may follow `sent`.
FINAL_STATES: Final = frozenset({"sent", "rejected", "failed", "cancelled"})


def _nothing() -> None:
    """An answer over reply-to is not acknowledged."""


@dataclass(frozen=True)
class Result:
    """One step of one send. Results come at least once: remember `event_id` if a step must count once. `at` orders them.

    state: accepted, rejected, deferred, sent, unknown, failed, cancelled, bounced, complained.
    more: fields that a newer API Connect added. correlation_id: as you gave it to send().
    """

    event_id: str
    state: str
    at: datetime
    idempotency_key: str
    version: int = 1
    customer: str | None = None
    send_id: str | None = None
    server: str | None = None
    reason: str | None = None
    field: str | None = None
    detail: str | None = None
    until: datetime | None = None
    repeated: bool = False
    message_id: str | None = None
    actual_message_id: str | None = None
    provider_mail_id: str | None = None
    recipient: str | None = None
    bounce_class: str | None = None
    status: str | None = None
    diagnostic: str | None = None
    list: str | None = None
    campaign: str | None = None
    tags: tuple[str, ...] = ()
    more: Mapping[str, Any] = filled(default_factory=dict)
    correlation_id: str | None = None
    redelivered: bool = False
    _ack: Callable[[], None] = filled(default=_nothing, repr=False, compare=False)

    @property
    def is_final(self) -> bool:
        """Whether the mail left, or never will."""
        return self.state in FINAL_STATES

    def ack(self) -> None:
        """You have dealt with it; it will not come again. After a lost connection it may come again all the same."""
        self._ack()


_OURS: Final = ("more", "correlation_id", "redelivered", "_ack")
_KNOWN: Final = frozenset(one.name for one in fields(Result)) - frozenset(_OURS)


def decode(body: bytes, correlation_id: str | None, redelivered: bool, ack: Callable[[], None] = _nothing) -> Result:
    """A result from the wire. Raises UnreadableResult."""
    try:
        document = json.loads(body)
        known = {name: value for name, value in document.items() if name in _KNOWN and value is not None}
        for name in ("at", "until"):
            if name in known:
                known[name] = datetime.fromisoformat(known[name])
        known["tags"] = tuple(known.get("tags", ()))
        more = {name: value for name, value in document.items() if name not in _KNOWN}
        return Result(**known, more=more, correlation_id=correlation_id, redelivered=redelivered, _ack=ack)
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableResult(f"not a result: {type(error).__name__}", body) from None
