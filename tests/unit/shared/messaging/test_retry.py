"""The failure table: error, try and age in, decision out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.errors import (
    BrokerOrDatabaseDown,
    CredentialsRejected,
    Diagnosis,
    LeaseLost,
    MailboxMissing,
    OutcomeUnknown,
    PayloadRejected,
    PermissionMissing,
    ProviderUnavailable,
    Temporary,
    Throttled,
)
from shared.messaging.received import NotOurMessage
from shared.messaging.retry import Action, decide

NOW = timedelta(0)
DAY = timedelta(hours=24)
WHY = Diagnosis("code", "cause", "fix")


def test_a_message_that_is_not_ours_is_never_retried() -> None:
    decision = decide(NotOurMessage("body.mail_id: missing"), 1, NOW)
    assert (decision.action, decision.reason) == (Action.DEAD_LETTER, "body.mail_id: missing")


@pytest.mark.parametrize(
    ("attempt", "tier"),
    [(1, "10s"), (2, "1m"), (3, "10m"), (4, "1h"), (5, "1h"), (40, "1h")],
)
def test_what_may_pass_waits_longer_each_time(attempt: int, tier: str) -> None:
    decision = decide(Temporary("busy"), attempt, NOW)
    assert (decision.action, decision.tier) == (Action.RETRY, tier)


@pytest.mark.parametrize(
    ("retry_after", "tier"),
    [(0, "10s"), (10, "10s"), (10.5, "1m"), (60, "1m"), (61, "10m"), (600, "10m"), (601, "1h"), (9000, "1h")],
)
def test_retry_after_wins_over_our_ladder_and_is_rounded_up_to_a_tier(retry_after: float, tier: str) -> None:
    assert decide(Throttled("slow down", retry_after=retry_after), 4, NOW).tier == tier


@pytest.mark.parametrize("error", [Throttled("t"), ProviderUnavailable("p"), OutcomeUnknown("o"), LeaseLost("l")])
def test_every_kind_of_temporary_failure_is_retried(error: Temporary) -> None:
    assert decide(error, 1, NOW).action is Action.RETRY


@pytest.mark.parametrize(("age", "action"), [(DAY - timedelta(seconds=1), Action.RETRY), (DAY, Action.RECORD)])
def test_waiting_ends_after_24_hours(age: timedelta, action: Action) -> None:
    assert decide(Temporary("busy"), 9, age).action is action


@pytest.mark.parametrize("kind", [CredentialsRejected, PermissionMissing, MailboxMissing, PayloadRejected])
def test_what_will_not_pass_is_recorded(kind: type[CredentialsRejected]) -> None:
    assert decide(kind("no", WHY), 1, NOW).action is Action.RECORD


@pytest.mark.parametrize("attempt", [1, 4, 99])
def test_an_outage_has_nothing_to_do_with_the_message(attempt: int) -> None:
    assert decide(BrokerOrDatabaseDown("down"), attempt, 2 * DAY).action is Action.WAIT


@pytest.mark.parametrize(
    ("attempt", "action"),
    [(1, Action.RETRY), (2, Action.RETRY), (3, Action.RETRY), (4, Action.DEAD_LETTER), (5, Action.DEAD_LETTER)],
)
def test_a_bug_is_retried_three_times(attempt: int, action: Action) -> None:
    assert decide(ZeroDivisionError("division by zero"), attempt, NOW).action is action
