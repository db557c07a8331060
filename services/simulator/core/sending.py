"""What the providers do to a mail that a client sends: Graph's JSON form to MIME, ids and headers by policy."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any

from services.simulator.core.graph_errors import graph_refusal
from services.simulator.core.header_fields import addresses, field, fields, with_field, without_fields
from services.simulator.core.mailboxes import MailboxOptions

MOST_CUSTOM_HEADERS = 5
_ORIGINAL_ID = {"microsoft": "X-Microsoft-Original-Message-ID", "google": "X-Gmail-Original-Message-ID"}


def folded(document: Any) -> dict[str, Any]:
    """A JSON object's entries by lower-case name: Graph matches action parameters in any case."""
    return {str(key).lower(): value for key, value in document.items()} if isinstance(document, dict) else {}


def saves_to_sent(value: Any) -> bool:
    """saveToSentItems as a boolean or, as the documentation's own sample has it, as a string. Default true."""
    return str(value).lower() != "false"


def recipients_of(raw: bytes) -> list[str]:
    """Every address of To, Cc and Bcc, once, in order."""
    found = (address for name in ("To", "Cc", "Bcc") for _, address in addresses(field(raw, name)))
    return list(dict.fromkeys(found))


def new_message_id(provider: str, token: str) -> str:
    """A Message-ID as the provider's own servers make it; `token` makes it unique."""
    if provider == "google":
        return f"<CA{token}@mail.gmail.com>"
    return f"<DB9PR04MB{token.upper()}@DB9PR04MB{token[:4].upper()}.eurprd04.prod.outlook.com>"


def as_sent(
    raw: bytes,
    provider: str,
    options: MailboxOptions,
    token: str,
    now: datetime,
    primed: AbstractSet[str] = frozenset(),
) -> bytes:
    """The mail as it leaves: Message-ID kept or replaced, x- fields kept or dropped, Bcc off, Date added.

    primed: lower-case names of x- fields that the mailbox keeps for having had them by JSON.
    """
    raw = without_fields(raw, {"bcc"})
    if options.custom_headers == "drop":
        raw = without_fields(raw, prefix="x-")
    elif options.custom_headers == "drop_until_primed":
        raw = without_fields(raw, {name for name in custom_names(raw) if name not in primed})
    raw = _with_own_name(raw, provider, options.display_name)
    supplied = field(raw, "Message-ID")
    if not supplied or options.message_ids == "rewrite":
        raw = without_fields(raw, {"message-id"})
        if supplied:
            raw = with_field(raw, _ORIGINAL_ID[provider], supplied)
        raw = with_field(raw, "Message-ID", new_message_id(provider, token))
    return raw if field(raw, "Date") else with_field(raw, "Date", format_datetime(now))


def _with_own_name(raw: bytes, provider: str, name: str) -> bytes:
    """From with the mailbox's display name: always at Exchange, at Gmail where the mail says none."""
    senders = addresses(field(raw, "From"))
    if not name or not senders or (provider == "google" and senders[0][0]):
        return raw
    return with_field(without_fields(raw, {"from"}), "From", formataddr((name, senders[0][1])))


def custom_names(raw: bytes) -> set[str]:
    """The x- fields of a mail, in lower case."""
    return {name.lower() for name, _ in fields(raw) if name.lower().startswith("x-")}


def graph_mime(message: dict[str, Any], mailbox: str, display_name: str) -> bytes:
    """Graph's JSON message as MIME. Raises Refused with Graph's answer for headers and recipients it would refuse."""
    given = folded(message)
    mime = EmailMessage(policy=SMTP)
    sender = _mail_address(folded(given.get("from")))
    mime["From"] = formataddr((display_name, sender[1] or mailbox))
    for name, key in (
        ("To", "torecipients"),
        ("Cc", "ccrecipients"),
        ("Bcc", "bccrecipients"),
        ("Reply-To", "replyto"),
    ):
        people = [_mail_address(folded(one)) for one in given.get(key) or []]
        _check_recipients(address for _, address in people)
        if people:
            mime[name] = ", ".join(formataddr(one) for one in people)
    mime["Subject"] = str(given.get("subject") or "").replace("\r", " ").replace("\n", " ")
    if given.get("internetmessageid"):
        mime["Message-ID"] = str(given["internetmessageid"])
    for name, value in _custom_headers(given):
        mime[name] = value
    body = folded(given.get("body"))
    subtype = "html" if str(body.get("contenttype", "text")).lower() == "html" else "plain"
    mime.set_content(str(body.get("content") or ""), subtype=subtype, cte="quoted-printable")
    for one in given.get("attachments") or []:
        attach(mime, attachment_of(folded(one)))
    return mime.as_bytes()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail. content_id: without angle brackets, "" if it has none."""

    name: str
    kind: str
    content: bytes
    inline: bool = False
    content_id: str = ""


def attachment_of(given: dict[str, Any]) -> Attachment:
    """A fileAttachment out of JSON, its keys in lower case."""
    try:
        content = b64decode(str(given.get("contentbytes") or ""), validate=True)
    except (binascii.Error, ValueError):
        raise graph_refusal("ErrorInvalidProperty", "contentBytes is not base64.") from None
    kind = str(given.get("contenttype") or "application/octet-stream")
    inline, content_id = bool(given.get("isinline")), str(given.get("contentid") or "")
    return Attachment(str(given.get("name") or "attachment"), kind, content, inline, content_id)


def attach(mime: EmailMessage, attachment: Attachment) -> None:
    """Adds the file to the mail, which becomes multipart/mixed if it is none."""
    main, _, sub = attachment.kind.partition(";")[0].strip().partition("/")
    mime.add_attachment(
        attachment.content, maintype=main, subtype=sub or "octet-stream", filename=attachment.name,
        disposition="inline" if attachment.inline else "attachment",
        cid=f"<{attachment.content_id}>" if attachment.content_id else None,
    )  # fmt: skip


def with_attachment(raw: bytes, attachment: Attachment) -> bytes:
    """A stored draft with one more file."""
    mime = message_from_bytes(raw, policy=SMTP)
    assert isinstance(mime, EmailMessage)
    attach(mime, attachment)
    return mime.as_bytes()


def _custom_headers(given: dict[str, Any]) -> list[tuple[str, str]]:
    if "internetmessageheaders" not in given:
        return []
    listed = [folded(one) for one in given["internetmessageheaders"] or []]
    if not listed or len(listed) > MOST_CUSTOM_HEADERS:
        raise graph_refusal("InvalidInternetMessageHeaderCollection")
    pairs = [(str(one.get("name", "")), str(one.get("value", ""))) for one in listed]
    for name, _ in pairs:
        if not name.lower().startswith("x-"):
            raise graph_refusal("InvalidInternetMessageHeader", name)
    return pairs


def _mail_address(person: dict[str, Any]) -> tuple[str, str]:
    details = folded(person.get("emailaddress"))
    return str(details.get("name") or ""), str(details.get("address") or "")


def _check_recipients(found: Iterable[str]) -> None:
    for address in found:
        local, _, domain = address.rpartition("@")
        if not local or not domain or " " in address:
            raise graph_refusal("ErrorInvalidRecipients", f"Recipient '{address}' is not resolved.")
