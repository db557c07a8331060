"""How the simulator counts what a mailbox sends: windows that slide, and mail that is held back."""

from __future__ import annotations

import pytest

from services.simulator.core.send_limits import (
    GOOGLE_SENDS,
    MICROSOFT_SENDS,
    SendAllowance,
    SendExcess,
    SendMeter,
    changed_sends,
)


def test_what_is_over_a_minute_leaves_when_there_is_room() -> None:
    meter = SendMeter(SendAllowance(per_minute=2))
    waits = [meter.enter(1, at) for at in (0.0, 10.0, 20.0, 21.0, 22.0)]
    # The third leaves when the first is a minute old, the fourth with the second, the fifth a minute after the third.
    assert waits == [0, 0, 40, 49, 98]
    assert (meter.held, meter.minute.most) == (3, 2)


def test_a_minute_that_has_passed_holds_nothing_back() -> None:
    meter = SendMeter(SendAllowance(per_minute=1))
    assert [meter.enter(1, at) for at in (0.0, 60.0, 120.5)] == [0, 0, 0]


def test_a_day_of_recipients_is_refused_and_says_when() -> None:
    meter = SendMeter(SendAllowance(recipients_per_day=10))
    assert meter.enter(6, 0.0) == 0
    assert meter.enter(4, 100.0) == 0
    assert meter.enter(1, 200.0) == SendExcess("recipients", 86_200.0)
    assert meter.enter(7, 200.0) == SendExcess("recipients", 86_300.0)
    assert meter.enter(6, 86_400.0) == 0


def test_nothing_is_refused_when_nothing_is_enforced_but_it_is_seen() -> None:
    meter = SendMeter(SendAllowance(per_minute=1, enforced=False))
    assert [meter.enter(1, 0.0), meter.enter(1, 0.0)] == [0, 0]
    assert meter.observed()["over_limit"]


def test_the_providers_figures_are_the_ones_they_publish() -> None:
    assert (MICROSOFT_SENDS.per_minute, MICROSOFT_SENDS.recipients_per_day) == (30, 10_000)
    assert GOOGLE_SENDS.messages_per_day == 2_000


@pytest.mark.parametrize("wishes", [{"per_hour": 1}, {"over_minute": "x"}])
def test_a_wish_that_is_none_is_told(wishes: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        changed_sends(MICROSOFT_SENDS, wishes)
