"""Percentiles as they are told: by nearest rank, so that each is a duration that was measured."""

from __future__ import annotations

import pytest

from bench.durations import figures, percentile


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(100, 99, 99), (200, 99, 198), (10, 99, 10), (1, 99, 1), (100, 50, 50), (3, 100, 3)],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(count: int, percent: int, expected: int) -> None:
    assert percentile([float(n) for n in range(count, 0, -1)], percent) == expected


def test_figures_are_in_milliseconds() -> None:
    made = figures("tick", [0.001, 0.002, 0.003])
    assert [(one.name, one.value, one.unit) for one in made] == [("tick_p50", 2.0, "ms"), ("tick_p99", 3.0, "ms")]
