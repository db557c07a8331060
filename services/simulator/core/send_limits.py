"""How much a mailbox may send, as the providers count it, and what an observer saw of it.

Microsoft holds back what is over its messages a minute and delivers it later, answering 202 all the same; what is over a day's
recipients is refused. Google refuses what is over a day's messages. Times are seconds of any steady clock, passed in.
Source: Exchange Online limits, "Sending limits"; Google Workspace Admin Help, "Gmail sending limits".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from services.simulator.core.limits import Window

MINUTE, DAY = 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class SendAllowance:
    """What one mailbox may send in windows that slide; None: no such limit.

    over_minute: what becomes of a mail over `per_minute`: "hold" (delivered when there is room) or "refuse".
    """

    per_minute: int | None = None
    messages_per_day: int | None = None
    recipients_per_day: int | None = None
    over_minute: str = "hold"
    enforced: bool = True


MICROSOFT_SENDS = SendAllowance(per_minute=30, recipients_per_day=10_000)
GOOGLE_SENDS = SendAllowance(messages_per_day=2_000)


@dataclass(frozen=True, slots=True)
class SendExcess:
    """A send that is refused: which limit ("minute", "messages", "recipients"), and seconds until another can pass."""

    limit: str
    retry_after: float


@dataclass(slots=True)
class SendMeter:
    """Admission and observation of one mailbox's sends."""

    allowance: SendAllowance
    minute: Window = field(default_factory=lambda: Window(MINUTE))
    messages: Window = field(default_factory=lambda: Window(DAY))
    recipients: Window = field(default_factory=lambda: Window(DAY))
    asked_in_minute: Window = field(default_factory=lambda: Window(MINUTE))
    refused: int = 0
    held: int = 0
    sent: int = 0

    def enter(self, recipients: int, now: float) -> SendExcess | float:
        """A mail is handed over now. Refused, or in how many seconds it leaves."""
        self.asked_in_minute.add(1, now)
        excess = self._excess(recipients, now) if self.allowance.enforced else None
        if excess is not None:
            self.refused += 1
            return excess
        wait = self._held_for(now)
        self.held += wait > 0
        self.sent += 1
        self.minute.add(1, now + wait)
        self.messages.add(1, now)
        self.recipients.add(recipients, now)
        return wait

    def observed(self) -> dict[str, Any]:
        """What a benchmark reads. `over_limit` counts what was handed over, so holding back does not hide it."""
        return {
            "sent": self.sent,
            "refused": self.refused,
            "held": self.held,
            "max_asked_in_any_minute": self.asked_in_minute.most,
            "max_messages_in_any_day": self.messages.most,
            "max_recipients_in_any_day": self.recipients.most,
            "per_minute": self.allowance.per_minute,
            "messages_per_day": self.allowance.messages_per_day,
            "recipients_per_day": self.allowance.recipients_per_day,
            "over_limit": bool(self.refused) or _over(self.asked_in_minute.most, self.allowance.per_minute),
        }

    def _excess(self, recipients: int, now: float) -> SendExcess | None:
        allowed = self.allowance
        counted = [
            ("messages", self.messages, 1, allowed.messages_per_day),
            ("recipients", self.recipients, recipients, allowed.recipients_per_day),
        ]
        if allowed.over_minute == "refuse":
            counted.append(("minute", self.minute, 1, allowed.per_minute))
        for name, window, amount, limit in counted:
            window.slide(now)
            if _over(window.total + amount, limit):
                return SendExcess(name, window.free_in(window.total + amount - (limit or 0), now))
        return None

    def _held_for(self, now: float) -> float:
        limit = self.allowance.per_minute
        if limit is None or not self.allowance.enforced or len(self.minute.entries) < limit:
            return 0.0
        return max(0.0, self.minute.entries[-limit][0] + MINUTE - now)


def _over(amount: float, limit: int | None) -> bool:
    return limit is not None and amount > limit


def changed_sends(allowance: SendAllowance, wishes: dict[str, Any]) -> SendAllowance:
    """The allowance with the named fields replaced. Raises KeyError for a name that is none, ValueError for a value."""
    known = ("per_minute", "messages_per_day", "recipients_per_day", "over_minute", "enforced")
    if unknown := set(wishes) - set(known):
        raise KeyError(f"unknown send limit {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if wishes.get("over_minute", "hold") not in ("hold", "refuse"):
        raise ValueError("over_minute is hold or refuse")
    return replace(allowance, **wishes)
