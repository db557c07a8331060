"""Abuse reports (ARF, RFC 5965; extensions RFC 6591, 6650) and the provider programmes that look otherwise (JMRP)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.mail.dsn import address_of
from shared.mail.headers import Headers


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """The fields of a message/feedback-report part.

    recipient: whom the mail was sent to, empty where redacted. others: the rest, where the report names several.
    """

    feedback_type: str
    recipient: str
    source: str
    original_mail_from: str = ""
    others: tuple[str, ...] = ()


def parse_feedback_report(block: bytes) -> FeedbackReport:
    """Reads a feedback-report part (RFC 5965 §3).

    A missing Feedback-Type is `abuse`, the type of the first programmes.
    """
    fields = Headers(block.lstrip(b"\n").replace(b"\n\n", b"\n"))
    kind = fields.get("feedback-type").split(";")[0].split("(")[0].strip().lower()
    named: dict[str, None] = {}
    for name in ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to"):
        if not named:
            named = dict.fromkeys(address for one in fields.all(name)[:100] if (address := plain_address(one)))
    recipient, *others = [*named] or [""]
    sender = address_of(fields.get("original-mail-from"))
    return FeedbackReport(kind or "abuse", recipient, fields.get("user-agent"), sender, tuple(others))


def is_jmrp(outer: Headers, returned: Headers | None) -> bool:
    """Microsoft's Junk Mail Reporting Program:

    no feedback part; known by its sender and a header of the returned mail.
    """
    sender = outer.get("from").lower()
    if "staff@hotmail.com" not in sender and "staff@outlook.com" not in sender:
        return False
    return "x-hmxmroriginalrecipient" in outer or (returned is not None and "x-hmxmroriginalrecipient" in returned)


def is_apple_unsubscribe(outer: Headers) -> bool:
    """Apple Mail's answer to List-Unsubscribe with a mailto address: its reader asked to be taken off the list.

    Known by a header of its own beside Auto-Submitted (RFC 3834); a person who writes `unsubscribe` has neither.
    """
    automatic = outer.get("auto-submitted").lower().startswith("auto-")
    return automatic and outer.get("x-apple-unsubscribe").lower() == "true"


def plain_address(value: str) -> str:
    """The address of a field, or empty if it was redacted (RFC 6590):

    `redacted@…`, `[redacted]`, hashes without a host.
    """
    address = address_of(value)
    local, _, domain = address.partition("@")
    if not domain or "redacted" in local or "[" in local or "*" in local or "undisclosed" in local:
        return ""
    return address
