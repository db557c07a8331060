"""When a burst trips, and which of its bounces are held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.actions.core.blast_guard import GuardPolicy, HardBounce, Known, guard, suspects, tally
from services.actions.core.diagnostic_patterns import Key, KeyKind
from tests.builders import NOW

TEXT, DOMAIN = Key(KeyKind.DIAGNOSTIC, "550 unknown"), Key(KeyKind.DOMAIN, "example.net")
POLICY = GuardPolicy(most=5, within=timedelta(minutes=10), times=5.0)


def burst(count: int, *keys: Key, minutes_apart: float = 0) -> list[HardBounce]:
    """So many bounces, the last one now."""
    return [
        HardBounce(n, keys or (TEXT,), NOW - timedelta(minutes=minutes_apart * (count - n)))
        for n in range(1, count + 1)
    ]


def held(bounces: list[HardBounce], about: Known | None = None, usual: float = 0.0) -> list[int]:
    """Ids of those that are held; the same is known of each of their keys."""
    counted = tally(bounces)
    known = {(key, minute): about or Known() for key, minutes in counted.items() for minute in minutes}
    full = suspects(counted, known, POLICY)
    return sorted(guard(bounces, known, {key: usual for key, _ in full}, POLICY).held)


@pytest.mark.parametrize(
    ("count", "before", "first_held"),
    [
        (4, 0, None),  # 4 of 5
        (5, 0, None),  # the fifth is the last that is applied
        (6, 0, 6),
        (3, 3, 3),  # 3 + 2 = 5
        (3, 5, 1),  # another process made it full
    ],
)
def test_what_comes_beyond_the_figure_is_held(count: int, before: int, first_held: int | None) -> None:
    expected = [] if first_held is None else list(range(first_held, count + 1))
    assert held(burst(count), Known(before=before)) == expected


@pytest.mark.parametrize(
    ("usual", "first_held"), [(1.0, 6), (1.2, 7), (1.7, 10), (2.0, None)]
)  # 5 times: 5, 6, 8.5, 10
def test_what_is_usual_counts_five_times(usual: float, first_held: int | None) -> None:
    assert held(burst(10), usual=usual)[:1] == ([] if first_held is None else [first_held])


def test_bounces_that_arrived_over_a_longer_time_are_no_burst() -> None:
    assert held(burst(20, minutes_apart=3)) == []  # 4 in any 10 minutes
    assert held(burst(20, minutes_apart=2)) == list(range(6, 21))  # 5 in 10 minutes


def test_an_open_hold_holds_at_once_and_a_release_lets_pass() -> None:
    assert held(burst(2), Known(hold_id=7)) == [1, 2]
    assert held(burst(20), Known(passes=True)) == []


def test_one_key_of_two_is_enough_and_the_first_is_named() -> None:
    bounces = [*burst(3), *(HardBounce(n, (TEXT, DOMAIN), NOW) for n in (4, 5, 6))]
    counted = tally(bounces)
    known = {
        (key, minute): Known(hold_id=7 if key is DOMAIN else None) for key, found in counted.items() for minute in found
    }
    verdict = guard(bounces, known, {TEXT: 0.0}, POLICY)
    assert verdict.held == {4: DOMAIN, 5: DOMAIN, 6: TEXT}
    assert [(trip.key, trip.hits) for trip in verdict.trips] == [(TEXT, 5)]


def test_a_trip_says_since_when_it_counted() -> None:
    bounces = burst(5)
    known = {(TEXT, bounces[0].minute): Known()}
    (trip,) = guard(bounces, known, {TEXT: 0.2}, POLICY).trips
    assert (trip.hits, trip.usual, trip.counted_from) == (5, 0.2, NOW - timedelta(minutes=9))
