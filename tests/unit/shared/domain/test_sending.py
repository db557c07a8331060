"""When the next mail may go under a provider's limits: exact, whatever the order and the density of what went before."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.sending import DAY, SendLimits, Spent, next_free, next_send

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def ago(hours: float, amount: int = 1) -> Spent:
    return Spent(NOW - timedelta(hours=hours), amount)


def in_hours(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("spent", "limit", "amount", "free"),
    [
        ([], 2, 1, NOW),
        ([ago(1)], 2, 1, NOW),
        ([ago(1), ago(3)], 2, 1, in_hours(21)),  # the older one leaves the window 24 - 3 hours from now
        ([ago(3), ago(1)], 2, 1, in_hours(21)),  # in any order
        ([ago(1), ago(3)], 2, 2, in_hours(23)),  # two need both gone
        ([ago(25), ago(24)], 1, 1, NOW),  # what is a day old counts no more
        ([ago(1, 5), ago(2, 5)], 10, 3, in_hours(22)),  # 5 of 10 come free when the older leaves
        ([ago(1)], None, 9, NOW),
        ([], 3, 4, None),  # never fits
        ([], 0, 1, None),
        ([ago(1, 9)], 3, 1, in_hours(23)),  # more was spent than the limit is now
    ],
)
def test_the_next_free_moment(spent: list[Spent], limit: int | None, amount: int, free: datetime | None) -> None:
    assert next_free(spent, limit, DAY, NOW, amount) == free


@pytest.mark.parametrize("seed", range(20))
def test_who_goes_at_the_next_free_moment_never_breaks_any_window_and_waits_for_nothing(seed: int) -> None:
    chance, limit, window = random.Random(seed), 10, timedelta(hours=1)
    gone: list[Spent] = []
    now = NOW
    for _ in range(200):
        now += timedelta(minutes=chance.choice((0, 0, 0, 5, 40)))
        amount = chance.randint(1, 4)
        at = next_free(gone, limit, window, now, amount)
        assert at is not None
        if at > now:  # a moment earlier it would have been too much
            earlier = at - timedelta(microseconds=1)
            assert sum(one.amount for one in gone if one.at + window > earlier) + amount > limit
        now = at
        gone.append(Spent(now, amount))
        assert sum(one.amount for one in gone if one.at > now - window) <= limit


@pytest.mark.parametrize(
    ("limits", "to", "free"),
    [
        (SendLimits(messages_per_day=2), 1, in_hours(22)),
        (SendLimits(recipients_per_day=100), 50, in_hours(22)),  # 40 + 30 are used; 50 fit when the 40 are gone
        (SendLimits(recipients_per_day=100), 30, NOW),
        (SendLimits(messages_per_day=2, recipients_per_day=75), 60, in_hours(23)),  # the later of the two
        (SendLimits(recipients_per_mail=60), 61, None),
        (SendLimits(recipients_per_day=100), 101, None),
        (SendLimits(), 10_000, NOW),
    ],
)
def test_a_mail_waits_for_all_daily_limits(limits: SendLimits, to: int, free: datetime | None) -> None:
    mails, recipients = [ago(1), ago(2)], [ago(1, 30), ago(2, 40)]
    assert next_send(mails, recipients, limits, NOW, to) == free


def test_a_ledger_that_sums_up_what_lies_together_is_never_too_early() -> None:
    each = [ago(2 - minute / 60) for minute in range(60)]
    summed = [Spent(max(one.at for one in each[at : at + 10]), 10) for at in range(0, 60, 10)]
    exact, rough = (next_free(spent, 60, DAY, NOW) for spent in (each, summed))
    assert exact is not None
    assert rough is not None
    assert exact == in_hours(22) < rough <= in_hours(22) + timedelta(minutes=10)
