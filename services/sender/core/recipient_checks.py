"""Whom a request names: how many, whether they can be addressed, and each only once."""

from __future__ import annotations

from collections.abc import Iterator

from services.sender.core.addresses import BadAddress, wire_address
from services.sender.core.rejections import Rejection
from shared.contracts.sending import MOST_RECIPIENTS, Recipient, SendMail
from shared.domain.mailboxes import normalize_address
from shared.domain.sending import Reason


def recipient_problems(request: SendMail) -> Iterator[Rejection]:
    """To, cc and bcc together, then reply_to. The number is looked at before any address is."""
    named = list(recipients_of(request))
    if not named:
        yield Rejection(Reason.INVALID, "to", "the mail has no recipient; name at least one in to, cc or bcc")
    if len(named) > MOST_RECIPIENTS:
        detail = f"{len(named)} recipients are more than {MOST_RECIPIENTS}; split it into several requests"
        yield Rejection(Reason.INVALID, crossing(request, MOST_RECIPIENTS), detail)
        return
    seen: dict[str, str] = {}
    for field, recipient in named:
        try:
            address = normalize_address(wire_address(recipient.email))
        except BadAddress as fault:
            yield Rejection(Reason.INVALID, f"{field}.email", str(fault))
            continue
        if address in seen:
            detail = f"the same address stands in {seen[address]} already; name each recipient once"
            yield Rejection(Reason.INVALID, f"{field}.email", detail)
        seen.setdefault(address, field)
    if request.reply_to is not None:
        try:
            wire_address(request.reply_to.email)
        except BadAddress as fault:
            yield Rejection(Reason.INVALID, "reply_to.email", str(fault))


def recipients_of(request: SendMail) -> Iterator[tuple[str, Recipient]]:
    """Every recipient with its field, such as `cc.0`."""
    for kind in ("to", "cc", "bcc"):
        for place, recipient in enumerate(getattr(request, kind)):
            yield f"{kind}.{place}", recipient


def crossing(request: SendMail, most: int) -> str:
    """The field in which the number of recipients passes `most`."""
    if len(request.to) > most:
        return "to"
    return "cc" if len(request.to) + len(request.cc) > most else "bcc"
