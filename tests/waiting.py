"""Waiting is "until, at most"; and several at once, who all begin together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def until(holds: Callable[[], object], at_most_seconds: float = 40.0) -> bool:
    """Waits until `holds`; whether it came true in time."""
    end = time.monotonic() + at_most_seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def at_once(count: int, act: Callable[[int], Result]) -> list[Result]:
    """What `act(0)` … `act(count - 1)` return, run in threads that begin together. Raises what one of them raised."""
    gate = threading.Barrier(count)

    def one(number: int) -> Result:
        gate.wait(10)
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))
