"""Windows and buckets: what is admitted, what is refused, and what an observer reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.simulator.core.limits import Allowance, Meter

THREE_IN_TEN = Allowance(amount=3, window=10.0, concurrent=100)


def _admitted(meter: Meter, moments: list[float], cost: float = 1) -> list[bool]:
    admitted = []
    for now in moments:
        admitted.append(meter.enter(cost, now) is None)
        if admitted[-1]:
            meter.leave()
    return admitted


def test_a_window_admits_its_amount_and_no_more() -> None:
    assert _admitted(Meter(THREE_IN_TEN, 0), [0, 1, 2, 3, 9.9]) == [True, True, True, False, False]


def test_a_place_is_free_again_when_the_window_has_passed_it() -> None:
    assert _admitted(Meter(THREE_IN_TEN, 0), [0, 1, 2, 10, 10.5, 11]) == [True, True, True, True, False, True]


def test_the_wait_is_until_the_oldest_leaves() -> None:
    meter = Meter(THREE_IN_TEN, 0)
    _admitted(meter, [0, 1, 2])
    excess = meter.enter(2, 4)
    assert excess is not None
    assert excess.retry_after == 7  # two places: those of 0 and 1 leave at 10 and 11


def test_a_bucket_that_starts_empty_fills_at_the_sustained_rate() -> None:
    allowance = Allowance(amount=600, window=60.0, concurrent=100, starts_empty=True)  # 10 a second
    assert _admitted(Meter(allowance, 0), [0, 0.05, 0.1, 0.15, 0.2]) == [False, False, True, False, True]


def test_places_at_once_are_given_back() -> None:
    meter = Meter(Allowance(amount=100, window=10.0, concurrent=2), 0)
    assert [meter.enter(1, 0) for _ in range(2)] == [None, None]
    refused = meter.enter(1, 0)
    assert refused is not None
    assert refused.kind == "concurrency"
    meter.leave()
    assert meter.enter(1, 0) is None
    assert meter.observed()["max_concurrent"] == 3


def test_a_restart_forgets_what_was_seen_but_not_who_is_inside() -> None:
    meter = Meter(THREE_IN_TEN, 0)
    assert [meter.enter(1, 0) for _ in range(3)] == [None] * 3
    meter.restart(THREE_IN_TEN, 1)
    assert (meter.observed()["requests"], meter.in_flight) == (0, 3)
    meter.leave()
    assert meter.enter(1, 1) is None


def test_refused_requests_show_that_a_client_asked_for_too_much() -> None:
    meter = Meter(THREE_IN_TEN, 0)
    _admitted(meter, [0, 0, 0, 0])
    seen = meter.observed()
    assert (seen["max_in_any_window"], seen["max_asked_in_any_window"], seen["over_limit"]) == (3, 4, True)


def test_without_enforcement_everything_passes_and_is_still_seen() -> None:
    meter = Meter(Allowance(amount=3, window=10.0, concurrent=1, enforced=False), 0)
    assert _admitted(meter, [0, 0, 0, 0]) == [True] * 4
    assert meter.observed()["over_limit"]


@given(st.lists(st.floats(0, 40), max_size=60), st.integers(1, 8), st.booleans())
def test_no_window_ever_holds_more_than_the_amount(moments: list[float], amount: int, starts_empty: bool) -> None:
    meter = Meter(Allowance(amount=amount, window=7.0, concurrent=100, starts_empty=starts_empty), 0)
    taken = [now for now in sorted(moments) if _admitted(meter, [now]) == [True]]
    for end in taken:
        assert sum(1 for now in taken if end - 7.0 < now <= end) <= amount
