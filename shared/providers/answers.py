"""What a provider answered, and how it is read: guarded, so that a broken answer names the mailbox and the call.

Everything here treats the answer as unreliable. What can't be read is ProviderUnavailable: it says nothing about the
key or the mailbox, and may be right the next time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.errors import ProviderUnavailable


@dataclass(frozen=True, slots=True)
class Call:
    """Which request this is: provider (`microsoft`), operation (`list_unread`), and the mailbox it is made for.

    provider and operation are few and fixed: they are metric labels. The mailbox is for messages only.
    """

    provider: str
    operation: str
    mailbox: str

    def __str__(self) -> str:
        return f"{self.provider} {self.operation} for {self.mailbox}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end or up to a byte cap.

    headers: lower-case names. truncated: the cap was reached and the rest not read. now: epoch seconds when it came.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    now: float

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ProviderUnavailable if it is not JSON, cut off, or something else."""
        if self.truncated:
            raise unreadable(self.call, f"the answer is larger than {len(self.body)} bytes")
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type")
            raise unreadable(self.call, f"status {self.status}, {kind}, {len(self.body)} bytes, not JSON") from None
        if not isinstance(parsed, dict):
            raise unreadable(self.call, f"status {self.status}, JSON but not an object")
        return parsed

    def error_object(self) -> dict[str, Any] | None:
        """The body of a refusal as a JSON object; None for HTML, nothing, or anything else that names no reason."""
        try:
            return self.object()
        except ProviderUnavailable:
            return None


def unreadable(call: Call, why: str) -> ProviderUnavailable:
    """An answer that can't be used, as an error that names mailbox and call."""
    return ProviderUnavailable(f"{call}: unreadable answer: {why}")


def text(call: Call, found: Mapping[str, Any], name: str) -> str:
    """A field that must be a non-empty string."""
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise unreadable(call, f"{name} is missing or not a text")
    return value


def optional_text(call: Call, found: Mapping[str, Any], name: str) -> str | None:
    """A field that is a non-empty string or absent."""
    return None if found.get(name) is None else text(call, found, name)


def objects(call: Call, found: Mapping[str, Any], name: str, *, required: bool) -> Sequence[dict[str, Any]]:
    """A field that must be a list of objects; an absent one is empty unless `required`."""
    value = found.get(name)
    if value is None and not required:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise unreadable(call, f"{name} is missing or not a list of objects")
    return value


def utc_time(call: Call, value: str) -> datetime:
    """An ISO 8601 time with its zone, such as 2026-11-21T08:00:00Z."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise unreadable(call, f"{value[:40]!r} is not a time with a zone")
    return parsed
