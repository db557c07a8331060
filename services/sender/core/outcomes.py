"""What follows from a call's outcome: the state of the send, why, and when it is looked at again (docs/adr/0008-sending.md).

The rule behind the table: what surely did not leave is tried again; what may have left is looked for first; what was refused
as it is has failed; what only a person can mend is held. Whatever the table does not know may have left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.domain.errors import (
    BrokerOrDatabaseDown,
    CredentialsRejected,
    MailboxMissing,
    OutcomeUnknown,
    PayloadRejected,
    Permanent,
    PermissionMissing,
    ProviderUnavailable,
    Temporary,
    Throttled,
)
from shared.domain.sending import Reason, SendState

# Mails appear late in Sent Items. Each is the time before one look, from the call or the look before: 8 min 40 s in all.
LOOKS: Final[Sequence[timedelta]] = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
)
MOST_RESENDS: Final = 2

HELD_FOR: Final = timedelta(hours=1)  # a broken key is tried hourly, should nobody say that it is mended
_THROTTLED_FIRST, _THROTTLED_CAP = timedelta(seconds=10), timedelta(minutes=30)
_UNAVAILABLE_FIRST, _UNAVAILABLE_CAP = timedelta(seconds=5), timedelta(minutes=10)
_LONGEST_WISH = timedelta(hours=24)  # a provider that asks for more is asked again after a day

# What only a person can mend, and what the server then waits for.
_HOLDS: Final[tuple[tuple[type[Permanent], Reason], ...]] = (
    (CredentialsRejected, Reason.KEY_REFUSED),
    (PermissionMissing, Reason.PERMISSION_MISSING),
    (MailboxMissing, Reason.NOT_CONNECTED),
)


@dataclass(frozen=True, slots=True)
class Sending:
    """What is known of a send when its call or look ends.

    attempt: calls made so far, this one included, from 1. lookups: looks that ended in "not there", over all resends.
    can_read: whether the key may look into Sent Items. looks: the wait before each look.
    """

    attempt: int
    lookups: int
    can_read: bool
    expires_at: datetime | None = None
    looks: Sequence[timedelta] = LOOKS
    most_resends: int = MOST_RESENDS


@dataclass(frozen=True, slots=True)
class Step:
    """What to write. due_in: until the send is looked at again, None where nothing is due (final, or a person decides).

    server_waits: keep the whole server from claiming that long, for the same reason. counts_look: add one to lookups.
    """

    state: SendState
    reason: Reason | None = None
    due_in: timedelta | None = None
    detail: str = ""
    server_waits: timedelta | None = None
    counts_look: bool = False


def after_call(error: BaseException | None, facts: Sending, *, now: datetime) -> Step:
    """What follows when a call to the provider has ended. error: None when it was taken."""
    match error:
        case None:
            return Step(SendState.SENT)
        case Throttled():
            wait = _wait(error.retry_after, facts.attempt, _THROTTLED_FIRST, _THROTTLED_CAP)
            return _deferred(Reason.THROTTLED, wait, facts, now, "The provider's limit was met.")
        case OutcomeUnknown():
            return unanswered(Reason.NO_ANSWER, facts)
        case ProviderUnavailable():
            wait = _wait(error.retry_after, facts.attempt, _UNAVAILABLE_FIRST, _UNAVAILABLE_CAP)
            return _deferred(Reason.UNAVAILABLE, wait, facts, now, "The provider can't be reached.")
        case Temporary() | BrokerOrDatabaseDown():
            asked = error.retry_after if isinstance(error, Temporary) else None
            wait = _wait(asked, facts.attempt, _UNAVAILABLE_FIRST, _UNAVAILABLE_CAP)
            return _deferred(Reason.UNAVAILABLE, wait, facts, now, "It could not be sent just now.")
        case PayloadRejected():
            return Step(SendState.FAILED, Reason.REFUSED, detail=_words(error))
        case Permanent():
            held = hold_reason(error) or Reason.NOT_CONNECTED
            return _deferred(held, HELD_FOR, facts, now, _words(error))
        case _:
            return unanswered(Reason.NO_ANSWER, facts)


def before_call(error: BaseException, facts: Sending, *, now: datetime) -> Step:
    """What follows when it failed before the provider was asked to send: no token, no place in the budget. Nothing has left."""
    held = hold_reason(error)
    if held or isinstance(error, Throttled):
        return after_call(error, facts, now=now)
    if isinstance(error, Permanent):
        return _deferred(Reason.NOT_CONNECTED, HELD_FOR, facts, now, _words(error))
    asked = error.retry_after if isinstance(error, Temporary) else None
    wait = _wait(asked, facts.attempt, _UNAVAILABLE_FIRST, _UNAVAILABLE_CAP)
    return _deferred(Reason.UNAVAILABLE, wait, facts, now, "The provider can't be reached.")


def after_look(found: bool, facts: Sending, *, now: datetime) -> Step:
    """What follows when Sent Items was looked through for an unknown send. facts.lookups: without this look."""
    if found:
        return Step(SendState.SENT, counts_look=True)
    looks = facts.lookups + 1
    if looks % len(facts.looks):
        return Step(SendState.UNKNOWN, Reason.NO_ANSWER, facts.looks[looks % len(facts.looks)], counts_look=True)
    if is_expired(facts.expires_at, now):
        return Step(SendState.FAILED, Reason.EXPIRED, detail=_EXPIRED, counts_look=True)
    if looks // len(facts.looks) > facts.most_resends:
        return Step(SendState.FAILED, Reason.NOT_FOUND_AFTER_TRIES, detail=_NOT_FOUND, counts_look=True)
    return Step(SendState.ACCEPTED, due_in=timedelta(0), counts_look=True)


def after_failed_look(error: BaseException, facts: Sending) -> Step:
    """What follows when the look itself failed: nothing is known of the send, so it goes on being unknown."""
    match error:
        case Throttled() | ProviderUnavailable():
            wait = _wait(error.retry_after, 1, facts.looks[facts.lookups % len(facts.looks)], _THROTTLED_CAP)
            return Step(SendState.UNKNOWN, Reason.NO_ANSWER, wait)
        case PermissionMissing():
            return Step(SendState.UNKNOWN, Reason.CANNOT_LOOK, detail=_CANNOT_LOOK)
        case Permanent():
            return Step(SendState.UNKNOWN, Reason.CANNOT_LOOK, HELD_FOR, _words(error))
        case _:
            return Step(SendState.UNKNOWN, Reason.NO_ANSWER, facts.looks[-1])


def after_lease(state: SendState, facts: Sending) -> Step:
    """What follows when whoever had the send in hand is gone. Only what was being sent may have left."""
    if state is SendState.CLAIMED:
        return Step(SendState.ACCEPTED, due_in=timedelta(0))
    return unanswered(Reason.LEASE_ENDED, facts)


def unanswered(reason: Reason, facts: Sending) -> Step:
    """The send may have left: it is looked for where the key can read, else held for a person."""
    if not facts.can_read:
        return Step(SendState.UNKNOWN, Reason.CANNOT_LOOK, detail=_CANNOT_LOOK)
    return Step(SendState.UNKNOWN, reason, facts.looks[facts.lookups % len(facts.looks)])


def hold_reason(error: BaseException) -> Reason | None:
    """What a server waits for after this failure; None where no person needs to do anything to it."""
    return next((reason for kind, reason in _HOLDS if isinstance(error, kind)), None)


def is_expired(expires_at: datetime | None, now: datetime) -> bool:
    """Whether the asker no longer wants it sent: from `expires_at` on, that moment included."""
    return expires_at is not None and expires_at <= now


def _deferred(reason: Reason, wait: timedelta, facts: Sending, now: datetime, detail: str) -> Step:
    """It waits, but not beyond its own end: there it is looked at once more, and fails as expired."""
    if is_expired(facts.expires_at, now):
        return Step(SendState.FAILED, Reason.EXPIRED, detail=_EXPIRED, server_waits=wait)
    due = wait if facts.expires_at is None else min(wait, facts.expires_at - now)
    return Step(SendState.DEFERRED, reason, due, detail, server_waits=wait)


def _wait(asked: float | None, attempt: int, first: timedelta, cap: timedelta) -> timedelta:
    """What the provider asked for, else twice as long after each attempt, up to the cap."""
    if asked is not None:
        return min(timedelta(seconds=max(asked, 0)), _LONGEST_WISH)
    doublings = min(max(attempt - 1, 0), 16)
    return min(first * (1 << doublings), cap)


def _words(error: Permanent) -> str:
    return f"{error.diagnosis.cause} {error.diagnosis.fix}".strip()


_EXPIRED = "It was still waiting at its expires_at; send it again with a later one."
_NOT_FOUND = "The provider gave no answer and the mail never appeared in Sent Items, also after it was sent again."
_CANNOT_LOOK = "The provider gave no answer, and this key may not read Sent Items; look there and decide, or allow the key to read."
