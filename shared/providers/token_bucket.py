"""An allowance kept in memory: what storage does with one UPDATE, for one process, tests and connection checks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from shared.providers.pacing import Reservation, Reserve
from shared.providers.provider import BudgetLimits

_VALID_SECONDS = 10.0


class TokenBucket:
    """Fills at the limits' rate up to their burst, and lends slots to holders. Safe for threads.

    It starts empty, so that a process that is restarted again and again stays inside the limits. clock: seconds,
    steady.
    """

    def __init__(
        self, limits: BudgetLimits, *, clock: Callable[[], float] = time.monotonic, level: float = 0.0
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._level = level
        self._filled_at = clock()
        self._blocked_until = float("-inf")
        self._held: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def reserve_for(self, holder: str) -> Reserve:
        """The `reserve` of one holder; each process is one."""
        return lambda units, slots: self._reserve(holder, units, slots)

    def block(self, seconds: float) -> None:
        """Grants nothing for so long: the provider refused."""
        with self._lock:
            self._level = 0.0
            self._filled_at = self._blocked_until = max(self._blocked_until, self._clock() + seconds)

    def _reserve(self, holder: str, units: float, slots: int) -> Reservation:
        with self._lock:
            now = self._clock()
            self._level += max(0.0, now - self._filled_at) * self._limits.units_per_second
            self._level = min(self._limits.burst, self._level)
            self._filled_at = max(now, self._filled_at)
            granted_slots = self._lend(holder, slots, now)
            if now < self._blocked_until:
                return Reservation(0.0, granted_slots, self._blocked_until - now, _VALID_SECONDS)
            granted = min(units, self._level)
            self._level -= granted
            retry_in = min(units - granted, self._limits.burst) / self._limits.units_per_second
            return Reservation(granted, granted_slots, retry_in, _VALID_SECONDS)

    def _lend(self, holder: str, slots: int, now: float) -> int:
        self._held = {who: held for who, held in self._held.items() if held[1] > now and who != holder}
        granted = min(slots, self._limits.slots - sum(held for held, _ in self._held.values()))
        if granted > 0:
            self._held[holder] = (granted, now + _VALID_SECONDS)
        return max(0, granted)
