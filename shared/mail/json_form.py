"""A mail as Graph's JSON `message`, and what of its header can't go that way.

In this form Exchange composes the mail: one body, the address fields, and at most five X- headers. Everything else of a header would be
lost, so a mail that has more is refused with the names. Source: Graph, resource message, internetMessageHeader; user-sendmail.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from typing import Any

from shared.mail.message_ids import REFERENCE_HEADER

MOST_CUSTOM_HEADERS = 5
CARRIED = frozenset(
    (
        *("from", "to", "cc", "bcc", "reply-to", "subject", "message-id"),  # fields of their own
        *("date", "mime-version", "content-type", "content-transfer-encoding", "content-disposition"),  # written anew
    )
)


@dataclass(frozen=True, slots=True)
class RefusedHeader:
    """A header that can't go by JSON, and why, for a person."""

    name: str
    reason: str


class JsonFormRefused(ValueError):
    """The mail can't go by JSON. headers: those that stand in the way, none if it is the body."""

    def __init__(self, why: str, headers: tuple[RefusedHeader, ...] = ()) -> None:
        super().__init__(why)
        self.headers = headers


def refused_headers(names: Iterable[str]) -> tuple[RefusedHeader, ...]:
    """The headers of a mail that can't go by JSON, in order; none: all can.

    names: every header field of the mail, as often as it stands there. Our own reference counts as one of the five, whether it
    is among them or not, and is never the one that is refused.
    """
    refused: list[RefusedHeader] = []
    custom = 1
    for name in names:
        folded = name.strip().lower()
        if folded in CARRIED or folded == REFERENCE_HEADER.lower():
            continue
        if not folded.startswith("x-"):
            refused.append(RefusedHeader(name, "its name does not start with X-; send as MIME to keep it"))
            continue
        custom += 1
        if custom > MOST_CUSTOM_HEADERS:
            reason = (
                f"one more than the {MOST_CUSTOM_HEADERS} custom headers that are allowed, {REFERENCE_HEADER} counted"
            )
            refused.append(RefusedHeader(name, reason))
    return tuple(refused)


def graph_message(mime: bytes) -> dict[str, Any]:
    """The mail as Graph's message resource. The HTML body if there is one, else the text. Raises JsonFormRefused."""
    mail = message_from_bytes(mime, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    if refused := refused_headers(mail.keys()):
        raise JsonFormRefused("; ".join(f"{one.name}: {one.reason}" for one in refused), refused)
    body = mail.get_body(("html", "plain"))
    if not isinstance(body, EmailMessage) or mail.get_content_type() in ("multipart/signed", "multipart/encrypted"):
        raise JsonFormRefused(f"a mail of type {mail.get_content_type()} has no body that Exchange could compose anew")
    kind = "HTML" if body.get_content_type() == "text/html" else "Text"
    message: dict[str, Any] = {
        "subject": str(mail.get("subject", "")),
        "body": {"contentType": kind, "content": body.get_content()},
    }
    for name, key in (
        ("to", "toRecipients"),
        ("cc", "ccRecipients"),
        ("bcc", "bccRecipients"),
        ("reply-to", "replyTo"),
    ):
        people = _people(mail, name)
        if people:
            message[key] = people
    sender = _people(mail, "from")
    if sender:
        message["from"] = sender[0]
    if mail.get("message-id"):
        message["internetMessageId"] = str(mail["message-id"]).strip()
    custom = [(name, str(value)) for name, value in mail.items() if name.lower().startswith("x-")]
    if custom:  # an empty list is refused
        message["internetMessageHeaders"] = [{"name": name, "value": value} for name, value in custom]
    attachments = [_attachment(part) for part in _attachments(mail, body)]
    if attachments:
        message["attachments"] = attachments
    return message


def _people(mail: EmailMessage, name: str) -> list[dict[str, Any]]:
    found = getaddresses([str(value) for value in mail.get_all(name, [])])
    return [
        {"emailAddress": {"address": address, **({"name": shown} if shown else {})}}
        for shown, address in found
        if address
    ]


def _attachments(mail: EmailMessage, body: EmailMessage) -> list[EmailMessage]:
    """Leaf parts that are neither the body nor the other form of it."""
    leaves = [part for part in mail.walk() if isinstance(part, EmailMessage) and not part.is_multipart()]
    return [
        part
        for part in leaves
        if part is not body
        and (part.get_content_maintype() != "text" or part.get_content_disposition() == "attachment")
    ]


def _attachment(part: EmailMessage) -> dict[str, Any]:
    content = part.get_payload(decode=True)
    shown: dict[str, Any] = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": part.get_filename() or "attachment",
        "contentType": part.get_content_type(),
        "contentBytes": b64encode(content if isinstance(content, bytes) else b"").decode(),
    }
    content_id = str(part.get("content-id", "")).strip().strip("<>")
    if content_id:
        shown |= {"contentId": content_id, "isInline": part.get_content_disposition() != "attachment"}
    return shown
