"""What a request puts into the header of the mail: nothing that ends a line, hides a header, or is the sender's own to make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.sender.core.mail_fields import LONGEST_WORD
from services.sender.core.recipient_checks import recipients_of
from services.sender.core.rejections import Rejection
from shared.contracts.sending import SendMail
from shared.domain.sending import Reason
from shared.mail.headers import words

# What the sender makes itself, or a server on the way adds. Lower case; a trailing * stands for any rest.
_OURS: Final = (
    "from", "sender", "to", "cc", "bcc", "subject", "date",
    "message-id", "reply-to", "return-path", "received", "mime-*", "content-*", "list-unsubscribe*",
    "x-apiconnect-*", "dkim-*", "domainkey-*", "arc-*", "authentication-results", "received-*", "resent-*",
    "delivered-to", "apparently-to", "envelope-*", "x-original-to", "x-envelope-*", "x-ms-exchange-*", "x-google-*",
    "x-gm-*", "x-received",
)  # fmt: skip
_NAMES: Final = frozenset(name for name in _OURS if not name.endswith("*"))
_PREFIXES: Final = tuple(name[:-1] for name in _OURS if name.endswith("*"))
_ONCE: Final = frozenset(("in-reply-to", "references", "list-id", "precedence", "auto-submitted", "importance"))


def header_problems(request: SendMail) -> Iterator[Rejection]:
    """Names, subject, display names, list_unsubscribe and the request's own headers."""
    for field, value in _one_line_values(request):
        if problem := line_problem(value):
            yield Rejection(Reason.INVALID, field, problem)
    seen: set[str] = set()
    for place, header in enumerate(request.headers):
        name = header.name.lower()
        if name in _NAMES or name.startswith(_PREFIXES):
            detail = f"{header.name} is made by the sender or by mail servers; leave it out{_INSTEAD.get(name, '')}"
            yield Rejection(Reason.INVALID, f"headers.{place}.name", detail)
        if name in _ONCE and name in seen:
            yield Rejection(
                Reason.INVALID, f"headers.{place}.name", f"{header.name} may stand in a mail once; join them"
            )
        seen.add(name)
        if any(len(word) > LONGEST_WORD for word in header.value.split()):
            detail = f"more than {LONGEST_WORD} characters stand in it without a space; shorten it"
            yield Rejection(Reason.INVALID, f"headers.{place}.value", detail)
    target = request.list_unsubscribe
    if target is not None and not target.isascii():
        yield Rejection(Reason.INVALID, "list_unsubscribe", "a character outside ASCII stands in it; percent-encode it")


def line_problem(value: str) -> str:
    """Why this can't stand in a header line, also once its encoded words (RFC 2047) are read; empty if it can."""
    if _CONTROL.search(value):
        return "a line break or control character stands in it; take it out"
    if "=?" in value and _CONTROL.search(words(value)):
        return "an encoded word in it holds a line break or control character; take it out"
    return ""


def _one_line_values(request: SendMail) -> Iterator[tuple[str, str]]:
    yield "from_name", request.from_name or ""
    yield "subject", request.subject
    for field, recipient in recipients_of(request):
        yield f"{field}.name", recipient.name
    if request.reply_to is not None:
        yield "reply_to.name", request.reply_to.name
    for place, header in enumerate(request.headers):
        yield f"headers.{place}.value", header.value
    yield "list_unsubscribe", request.list_unsubscribe or ""


_INSTEAD: Final = {
    "reply-to": " and use reply_to",
    "subject": " and use subject",
    "list-unsubscribe": " and use list_unsubscribe",
    "list-unsubscribe-post": " and use list_unsubscribe",
    "to": " and use to",
    "cc": " and use cc",
    "bcc": " and use bcc",
    "from": " and use from_name",
}
# Control characters of ASCII and Latin-1 but the tab, and Unicode's line and paragraph separators: any of them ends a line
# somewhere on the way.
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
