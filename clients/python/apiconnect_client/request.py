"""A send request. The full contract is mail.send.v1.json; only what is surely wrong is refused here, the rest by API Connect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from apiconnect_client.errors import InvalidRequest, TooLarge

LARGEST_BYTES: Final = 8_000_000
_LONGEST_KEY: Final = 200


@dataclass(frozen=True)
class Recipient:
    """email: without a display name."""

    email: str
    name: str = ""


@dataclass(frozen=True)
class Header:
    """A header field of your own."""

    name: str
    value: str


@dataclass(frozen=True)
class Attachment:
    """content: base64; or stored: the id of a file that was stored before. One of the two."""

    filename: str
    content_type: str = "application/octet-stream"
    content: str | None = None
    stored: str | None = None
    content_id: str | None = None


@dataclass(frozen=True)
class SendRequest:
    """One mail. The same idempotency_key (per customer) is the same mail, however often it is published.

    Left out (None, or empty): as the schema says for each field. Times are datetimes with a time zone.
    """

    idempotency_key: str
    to: tuple[Recipient, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    cc: tuple[Recipient, ...] = ()
    bcc: tuple[Recipient, ...] = ()
    customer: str | None = None
    server: str | None = None
    fail_over: bool = False
    from_name: str | None = None
    reply_to: Recipient | None = None
    headers: tuple[Header, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    list: str | None = None
    campaign: str | None = None
    campaign_group: str | None = None
    merge: Mapping[str, Any] = field(default_factory=dict)
    list_unsubscribe: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    tags: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As it is published: what was left out is left out."""
        plain: dict[str, Any] = _plain(self)
        return plain


def encode(request: SendRequest | Mapping[str, Any]) -> bytes:
    """The request as JSON in UTF-8. Raises InvalidRequest, TooLarge."""
    document = request.as_dict() if isinstance(request, SendRequest) else dict(request)
    _check(document)
    try:
        body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidRequest("request", f"it can't be written as JSON: {error}") from None
    if len(body) > LARGEST_BYTES:
        raise TooLarge(
            "request", f"{len(body)} bytes are more than {LARGEST_BYTES}: store large attachments first, and name them"
        )
    return body


def _check(document: Mapping[str, Any]) -> None:
    unknown = sorted(set(document) - {one.name for one in fields(SendRequest)} - {"version"})
    if unknown:
        raise InvalidRequest(unknown[0], "there is no such field")
    key = document.get("idempotency_key")
    if not isinstance(key, str) or not 1 <= len(key) <= _LONGEST_KEY or not all("!" <= char <= "~" for char in key):
        raise InvalidRequest("idempotency_key", "1 to 200 printable ASCII characters without spaces")
    if not any(document.get(kind) for kind in ("to", "cc", "bcc")):
        raise InvalidRequest("to", "at least one recipient in to, cc and bcc together")
    if document.get("text") is None and document.get("html") is None:
        raise InvalidRequest("text", "text, html, or both")


def _plain(value: Any) -> Any:
    if isinstance(value, (SendRequest, Recipient, Header, Attachment)):
        named = ((one.name, getattr(value, one.name)) for one in fields(value))
        return {name: _plain(each) for name, each in named if each not in (None, "", (), {}, False) or name == "value"}
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidRequest("request", "a time needs a time zone")
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value
