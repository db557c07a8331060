"""What the providers do to a mail that a client sends: Graph's JSON form to MIME, ids and headers by policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any

from services.simulator.core.graph_errors import graph_refusal
from services.simulator.core.header_fields import addresses, field, with_field, without_fields
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


def as_sent(raw: bytes, provider: str, options: MailboxOptions, token: str, now: datetime) -> bytes:
    """The mail as it leaves: Message-ID kept or replaced, x- fields kept or dropped, Bcc off, Date added."""
    raw = without_fields(raw, {"bcc"})
    if options.custom_headers == "drop":
        raw = without_fields(raw, prefix="x-")
    supplied = field(raw, "Message-ID")
    if not supplied or options.message_ids == "rewrite":
        raw = without_fields(raw, {"message-id"})
        if supplied:
            raw = with_field(raw, _ORIGINAL_ID[provider], supplied)
        raw = with_field(raw, "Message-ID", new_message_id(provider, token))
    return raw if field(raw, "Date") else with_field(raw, "Date", format_datetime(now))


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
