"""Rolling windows: how much fits, and when the next mail may leave."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.core.windows import (
    DAY,
    HOUR,
    MONTH,
    Room,
    ServerLimits,
    fitting,
    next_free,
    provider_windows,
    room,
    server_windows,
    warm_up_limit,
    windows,
)
from shared.domain.sending import Reason, SendLimits, Window
from shared.providers.gmail import limits as gmail_limits
from shared.providers.graph import limits as graph_limits

FIRST_DAY = date(2026, 11, 1)
PLAN = ((1, 50), (3, 100), (10, 0))
AN_HOUR = Window(HOUR, 10, Reason.QUOTA)
A_DAY = Window(DAY, 100, Reason.QUOTA)
RECIPIENTS = Window(DAY, 1_000, Reason.PROVIDER_LIMIT, "recipients")


@pytest.mark.parametrize("quota", [None, 0])
def test_an_empty_quota_and_one_of_zero_are_no_limit(quota: int | None) -> None:
    assert server_windows(ServerLimits(hourly=quota, daily=quota, monthly=quota), today=FIRST_DAY) == ()


def test_each_limit_is_a_window_and_the_pause_is_one_too() -> None:
    limits = ServerLimits(hourly=10, daily=100, monthly=1_000, pause=timedelta(seconds=2))
    assert server_windows(limits, today=FIRST_DAY) == (
        Window(timedelta(seconds=2), 1, Reason.PAUSE),
        AN_HOUR,
        A_DAY,
        Window(MONTH, 1_000, Reason.QUOTA),
    )


@pytest.mark.parametrize(
    ("day", "mails"),
    [
        (-3, 50),  # before the plan begins its first step counts
        (1, 50),
        (2, 50),
        (3, 100),
        (9, 100),
        (10, None),  # 0: warmed up
        (400, None),
    ],
)
def test_the_warm_up_plan_says_how_many_mails_a_day(day: int, mails: int | None) -> None:
    limits = ServerLimits(warm_up=PLAN, warm_up_from=FIRST_DAY)
    assert warm_up_limit(limits, FIRST_DAY + timedelta(days=day - 1)) == mails


@pytest.mark.parametrize(("daily", "counts"), [(None, 50), (40, 40), (60, 50)])
def test_the_smaller_of_daily_quota_and_warm_up_counts(daily: int | None, counts: int) -> None:
    limits = ServerLimits(daily=daily, warm_up=PLAN, warm_up_from=FIRST_DAY)
    assert server_windows(limits, today=FIRST_DAY) == (Window(DAY, counts, Reason.QUOTA),)


@pytest.mark.parametrize("limits", [graph_limits.SEND_LIMITS, gmail_limits.SEND_LIMITS])
def test_every_provider_has_windows_that_say_whose_limit_they_are(limits: SendLimits) -> None:
    both = windows(ServerLimits(hourly=10), provider_windows(limits), today=FIRST_DAY)
    assert both[0].why is Reason.QUOTA
    assert {window.why for window in both[1:]} == {Reason.PROVIDER_LIMIT}
    assert {window.counts for window in both[1:]} == {"mails", "recipients"}


@pytest.mark.parametrize(
    ("counts", "mails", "full"),
    [
        ((0, 0), 10, ()),
        ((9, 0), 1, ()),
        ((10, 0), 0, (AN_HOUR,)),
        ((11, 0), 0, (AN_HOUR,)),  # the limit was lowered
        ((5, 97), 3, ()),
        ((10, 100), 0, (AN_HOUR, A_DAY)),
    ],
)
def test_the_tightest_window_decides(counts: tuple[int, int], mails: int, full: tuple[Window, ...]) -> None:
    assert room(counts, (AN_HOUR, A_DAY)) == Room(mails, None, full)


def test_without_windows_there_is_no_end_of_room() -> None:
    assert room((), ()) == Room(None, None)
    assert fitting(Room(None, None), [500] * 1_000) == 1_000


def test_counts_belong_to_windows_one_by_one() -> None:
    with pytest.raises(ValueError, match="zip"):
        room((1,), (AN_HOUR, A_DAY))


@pytest.mark.parametrize(
    ("held", "waiting", "leave"),
    [
        (990, (10, 1), 1),  # 990 + 10 is the limit
        (990, (11, 1), 0),  # and what is behind does not overtake for ever
        (0, (500, 499, 1, 1), 3),
        (1_000, (1,), 0),
    ],
)
def test_recipients_fill_a_window_mail_by_mail(held: int, waiting: tuple[int, ...], leave: int) -> None:
    assert fitting(room((held,), (RECIPIENTS,)), waiting) == leave


def test_a_full_window_opens_when_its_call_has_left_it() -> None:
    ended = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert next_free(AN_HOUR, ended) == ended + timedelta(minutes=60)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=80), st.integers(1, 10), st.integers(1, 60))
def test_played_through_no_window_ever_holds_more_than_its_limit(
    gaps: list[int], limit: int, length_seconds: int
) -> None:
    """Mails come at any pace; each leaves when there is room, else at next_free."""
    window = Window(timedelta(seconds=length_seconds), limit, Reason.QUOTA)
    now, ended = datetime(2026, 11, 21, tzinfo=UTC), list[datetime]()
    for gap in gaps:
        now += timedelta(seconds=gap)
        while room((len(held := [at for at in ended if at > now - window.length]),), (window,)).full:
            now = next_free(window, sorted(held)[-limit])
        ended.append(now)
    for at in ended:
        assert len([one for one in ended if at - window.length < one <= at]) <= limit
