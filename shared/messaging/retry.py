"""What happens after a failure. Pure: error, attempt and age in, decision out. The table is the policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from shared.domain.errors import BrokerOrDatabaseDown, Permanent, Temporary
from shared.messaging.received import NotOurMessage
from shared.messaging.topology import RETRY_TIERS

GIVE_UP_AFTER: Final = timedelta(hours=24)
BUG_RETRIES: Final = 3

# Try that failed -> tier in which the next one waits; later tries stay in the last tier.
_LADDER: Final = ("10s", "1m", "10m", "1h")


class Action(Enum):
    """What the runner does with the message."""

    RETRY = "retry"  # delay queue, then ack
    WAIT = "wait"  # keep it, stop consuming until broker and database are back, then try again
    RECORD = "record"  # a permanent failure: recorded, ack
    DEAD_LETTER = "dead_letter"  # parked for a person, ack


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """tier: set with RETRY only. reason: one line for people."""

    action: Action
    reason: str
    tier: str | None = None


def decide(error: BaseException, attempt: int, first_seen_age: timedelta) -> RetryDecision:
    """What to do after try number `attempt` (from 1) ended in `error`.

    first_seen_age: time since the first failure of this message, zero at the first.
    Source: the failure table of docs/architecture.md.
    """
    reason = f"{type(error).__name__}: {error}"
    match error:
        case NotOurMessage():
            return RetryDecision(Action.DEAD_LETTER, str(error))
        case BrokerOrDatabaseDown():
            return RetryDecision(Action.WAIT, reason)
        case Permanent():
            return RetryDecision(Action.RECORD, reason)
        case Temporary() if first_seen_age >= GIVE_UP_AFTER:
            return RetryDecision(Action.RECORD, f"gave up after {GIVE_UP_AFTER}: {reason}")
        case Temporary():
            return RetryDecision(Action.RETRY, reason, _tier(attempt, error.retry_after))
        case _ if attempt > BUG_RETRIES:
            return RetryDecision(Action.DEAD_LETTER, reason)
        case _:
            return RetryDecision(Action.RETRY, reason, _tier(attempt, None))


def _tier(attempt: int, retry_after: float | None) -> str:
    """The other side's wish, rounded up to a tier, wins over our own ladder."""
    if retry_after is None:
        return _LADDER[min(max(attempt, 1), len(_LADDER)) - 1]
    return next((tier for tier, seconds in RETRY_TIERS.items() if seconds >= retry_after), _LADDER[-1])
