"""Many durations, told by their median and the one that one in a hundred exceeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

from bench.results import Figure


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed (nearest rank). Raises IndexError for no values."""
    ordered = sorted(values)
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(0, int(rank) - 1)]


def figures(name: str, seconds: Sequence[float], *more: float) -> list[Figure]:
    """`name_p50` and `name_p99` in milliseconds. more: further percentiles."""
    named = [(f"{name}_p{percent:g}", percentile(seconds, percent)) for percent in (99, *more)]
    return [Figure(f"{name}_p50", 1_000 * median(seconds), "ms"), *(Figure(n, 1_000 * v, "ms") for n, v in named)]


def timed(act: Callable[[], object]) -> float:
    """Seconds that `act` takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started
