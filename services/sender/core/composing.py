"""The mail itself: a request, its sender and its ids become MIME that both providers take as it is (A098, A099, A073, A074).

The same send composed twice is the same to the byte, whenever and wherever: a retry after a crash must be the same mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import UUID

from services.sender.core.addresses import BadAddress, wire_address
from services.sender.core.from_names import FROM_NAME_TAG, fill_in, from_header_name, tag_name
from services.sender.core.mail_bodies import BOUNDARY_START, file_part, multipart, text_part
from services.sender.core.mail_fields import address_field, one_line, text_field
from services.sender.core.rejections import Rejection
from services.sender.core.templates import RESERVED, TemplateFault, merged
from shared.contracts.sending import Attachment, Recipient, SendMail
from shared.domain.mailboxes import Provider
from shared.domain.sending import Ids, Reason
from shared.mail.message_ids import REFERENCE_HEADER
from shared.mail.mime import html_to_text


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """Who sends. from_name, reply_to: the server's own, may be empty. display_name: last seen on a sent mail, may be empty."""

    address: str
    from_name: str
    display_name: str
    reply_to: str | None
    provider: Provider


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail that is ready to leave. mime: CRLF, 7-bit clean, with a Bcc field if there are any.

    subject, text, html: as sent, after templates and tags; None for a body that the mail does not have.
    recipients: (to, cc or bcc; address as it goes out), in the request's order. text_sent: what a person reads in it.
    """

    mime: bytes = field(repr=False)
    subject: str
    text: str | None
    html: str | None
    recipients: tuple[tuple[str, str], ...]
    text_sent: str


class NotComposable(ValueError):
    """The request passed its check, and yet no mail comes of it: a stored attachment is gone, or the server's address is bad."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(f"{rejection.field}: {rejection.detail}")
        self.rejection = rejection


def compose(
    request: SendMail,
    sender: SenderFacts,
    ids: Ids,
    *,
    date: datetime,
    stored: Mapping[UUID, bytes],
    list_targets: Sequence[str] = (),
) -> Composed:
    """The mail. Raises NotComposable.

    date: of the Date field, aware; the same for every try. stored: the stored attachments that the request names.
    list_targets: of List-Unsubscribe, from the list's settings; the request's own goes before them.
    Recipients stand in To, Cc and Bcc: both APIs deliver to what these fields name and take Bcc off on the way. Source: Gmail
    API reference, users.messages.send. No page of Microsoft's says so for MIME, but gateways from SMTP to Graph live by it.
    """
    unique = hashlib.sha256(f"{ids.reference}\0{ids.message_id}".encode()).hexdigest()[:24]
    subject, text, html = _bodies(request, sender)
    people = {kind: _people(kind, getattr(request, kind)) for kind in ("to", "cc", "bcc")}
    targets = (request.list_unsubscribe,) if request.list_unsubscribe else list_targets
    head = _head(request, sender, ids, date, subject, people, _unsubscribing(targets))
    body = _body(request, text, html, stored, unique)
    return Composed(
        head.encode("ascii") + body,
        subject,
        text,
        html,
        tuple((kind, address) for kind, listed in people.items() for _, address in listed),
        text if text is not None else html_to_text(html or ""),
    )


def _head(
    request: SendMail,
    sender: SenderFacts,
    ids: Ids,
    date: datetime,
    subject: str,
    people: Mapping[str, list[tuple[str, str]]],
    unsubscribing: str,
) -> str:
    """All fields of the mail but those of its body, in the order of RFC 5322 §3.6, then the request's own in theirs."""
    name = from_header_name(request.from_name, sender.from_name)
    replies = _people("reply_to", (request.reply_to,) if request.reply_to else ())
    if not replies and sender.reply_to:
        replies = [("", _address("server", sender.reply_to))]
    fields = [
        f"Date: {format_datetime(date.astimezone(UTC))}\r\n",
        address_field("From", [(name, _address("server", sender.address))]),
        address_field("Reply-To", replies),
        address_field("To", people["to"]),
        address_field("Cc", people["cc"]),
        address_field("Bcc", people["bcc"]),
        f"Message-ID: <{ids.message_id}>\r\n",
        text_field("Subject", subject),
        f"{REFERENCE_HEADER}: {ids.reference}\r\n",
        unsubscribing,
        *(text_field(header.name, header.value) for header in request.headers),
        "MIME-Version: 1.0\r\n",
    ]
    return "".join(fields)


def _unsubscribing(targets: Sequence[str]) -> str:
    """RFC 2369 §3.2, and one click where one is https (RFC 8058 §3.1). Each target has a line: none is broken within."""
    if not targets:
        return ""
    https = any(target.startswith("https:") for target in targets)
    one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if https else ""
    return "List-Unsubscribe: " + ",\r\n ".join(f"<{target}>" for target in targets) + "\r\n" + one_click


def _body(request: SendMail, text: str | None, html: str | None, stored: Mapping[UUID, bytes], unique: str) -> bytes:
    """multipart/mixed (alternative (text, related (html, inline images)), attachments), each level only where it is needed."""
    inline: list[bytes] = []
    attached: list[bytes] = []
    for place, one in enumerate(request.attachments):
        shown = bool(html and one.content_id and f"cid:{one.content_id}" in html)
        content = _content(one, place, stored)
        part = file_part(content, one.content_type, one.filename, one.content_id if shown else None)
        (inline if shown else attached).append(part)
    bodies = []
    if text is not None:
        bodies.append(text_part(text, "plain"))
    if html is not None:
        bodies.append(multipart("related", f"{BOUNDARY_START}r{unique}", [text_part(html, "html"), *inline]))
    whole = multipart("alternative", f"{BOUNDARY_START}a{unique}", bodies)
    return multipart("mixed", f"{BOUNDARY_START}m{unique}", [whole, *attached])


def _content(attachment: Attachment, place: int, stored: Mapping[UUID, bytes]) -> bytes | str:
    if attachment.content is not None:
        return attachment.content
    if attachment.stored is None or attachment.stored not in stored:
        detail = "no such stored attachment is kept any more; store it again and send with its new name"
        raise NotComposable(Rejection(Reason.INVALID, f"attachments.{place}.stored", detail))
    return stored[attachment.stored]


def _bodies(request: SendMail, sender: SenderFacts) -> tuple[str, str | None, str | None]:
    """Subject, text and HTML with fields and tags filled in. A body of white space only counts as none."""
    name = one_line(tag_name(request.from_name, sender.from_name, sender.display_name, sender.address))
    filled = [
        _filled(request, source, kind, name) if source.strip() else None
        for kind, source in (("subject", request.subject), ("text", request.text or ""), ("html", request.html or ""))
    ]
    return one_line(filled[0] or ""), filled[1], filled[2]


def _filled(request: SendMail, source: str, kind: str, name: str) -> str:
    """A tag that a merge value brings stays as it is: what the author wrote is marked before the values come in."""
    tag, html = FROM_NAME_TAG, kind == "html"
    if request.merge and tag in source:
        tag, source = RESERVED, source.replace(tag, RESERVED)
    try:
        return fill_in(merged(source, request.merge, html=html, one_line=kind == "subject"), name, html=html, tag=tag)
    except TemplateFault as fault:
        raise NotComposable(Rejection(Reason.TEMPLATE, kind, str(fault))) from None


def _people(kind: str, listed: tuple[Recipient, ...]) -> list[tuple[str, str]]:
    return [(one.name, _address(f"{kind}.{place}.email", one.email)) for place, one in enumerate(listed)]


def _address(at: str, email: str) -> str:
    try:
        return wire_address(email)
    except BadAddress as fault:
        raise NotComposable(Rejection(Reason.INVALID, at, str(fault))) from None
