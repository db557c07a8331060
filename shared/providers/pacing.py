"""A mailbox's budget inside one process: slices of the shared allowance, handed to threads in order.

The allowance itself is shared by all processes and kept elsewhere (one UPDATE in storage, or `TokenBucket` here). This
file asks for it about once a second and not for every call, and only the thread whose turn it is asks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.domain.errors import Throttled
from shared.providers.provider import BudgetLimits

SLICE_SECONDS = 0.5
DEFAULT_PATIENCE_SECONDS = 30.0
REFUSAL_SECONDS = 10.0  # when the provider names no time
REFUSAL_FLOOR_SECONDS = 1.0
_LEFTOVER_SECONDS = 5.0  # units not used for this long are forgotten: the window they were granted in has passed
_SHORTEST_WAIT = 0.005
_SLOT_WAIT = 0.1
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the shared allowance grants.

    units: at most what was asked for, may be 0 or a fraction; they are spent and never given back.
    slots: requests at once that this process may have under way, for `valid_for` seconds or until it asks again.
    retry_in: seconds after which asking for the missing rest makes sense; 0 if nothing is missing.
    """

    units: float
    slots: int
    retry_in: float = 0.0
    valid_for: float = 10.0


Reserve = Callable[[float, int], Reservation]
"""reserve(units, slots): asks for up to `units`, and to hold `slots` at once from now on (0 gives them back)."""


class _Ticket:
    """A caller's place in the queue."""

    __slots__ = ("slots", "units")

    def __init__(self, units: float, slots: int) -> None:
        self.units = units
        self.slots = slots


class PacedBudget:
    """A mailbox's Budget for the threads of one process. Implements shared.providers.provider.Budget.

    name: whose budget it is, for messages. block(seconds): tells the other processes that the provider refused.
    observe(what, seconds): told of each call that `waited`, was given up here (`budget`), or was refused by the `provider`.
    clock: seconds, steady. sleep: waits for units; waiting for one's turn is a condition that other threads signal.
    Callers are served strictly in order, so that a batch that needs every slot is not overtaken for ever.
    """

    def __init__(
        self,
        reserve: Reserve,
        limits: BudgetLimits,
        *,
        name: str = "this mailbox",
        block: Callable[[float], None] | None = None,
        observe: Callable[[str, float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
        slice_seconds: float = SLICE_SECONDS,
    ) -> None:
        self._reserve = reserve
        self._limits = limits
        self._name = name
        self._block = block or (lambda seconds: None)
        self._observe = observe or (lambda what, seconds: None)
        self._clock = clock
        self._sleep = sleep
        self._patience = patience_seconds
        self._slice = limits.units_per_second * slice_seconds
        self._changed = threading.Condition()
        self._queue: deque[_Ticket] = deque()
        self._units = 0.0
        self._granted_at = 0.0
        self._in_use = 0
        self._peak = 0
        self._last_peak = 0
        self._slots = 0
        self._slots_until = float("-inf")
        self._blocked_until = float("-inf")

    @contextmanager
    def spend(self, units: float, slots: int = 1) -> Iterator[None]:
        """See Budget.spend. Raises also what `reserve` raises, such as BrokerOrDatabaseDown."""
        ticket = _Ticket(units, min(slots, self._limits.slots))
        asked_at = self._clock()
        try:
            self._take(ticket, asked_at + self._patience)
        except Throttled:
            self._observe("budget", self._clock() - asked_at)
            raise
        self._observe("waited", self._clock() - asked_at)
        try:
            yield
        finally:
            with self._changed:
                self._in_use -= ticket.slots
                self._changed.notify_all()

    def refused(self, retry_after: float | None) -> None:
        """See Budget.refused. What was still in hand is dropped: the provider has counted more than we did."""
        wait = max(REFUSAL_FLOOR_SECONDS, REFUSAL_SECONDS if retry_after is None else retry_after)
        with self._changed:
            self._units = 0.0
            self._blocked_until = max(self._blocked_until, self._clock() + wait)
        self._block(wait)
        self._observe("provider", wait)

    @property
    def waiting(self) -> int:
        """How many callers wait now."""
        with self._changed:
            return len(self._queue)

    def close(self) -> None:
        """Hands the slots back. For the end of the work on this mailbox."""
        with self._changed:
            self._slots, self._slots_until = 0, float("-inf")
        self._reserve(0.0, 0)

    def _take(self, ticket: _Ticket, give_up_at: float) -> None:
        with self._changed:
            self._queue.append(ticket)
            self._peak = max(self._peak, self._demand())
        try:
            self._wait_for_turn(ticket, give_up_at)
            while (wait := self._try_to_take(ticket)) > 0:
                if self._clock() + wait > give_up_at:
                    raise Throttled(f"the budget of {self._name} is used up for now", retry_after=wait)
                self._sleep(wait)
        finally:
            with self._changed:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _wait_for_turn(self, ticket: _Ticket, give_up_at: float) -> None:
        """Until the ticket is first, and enough of the limit's slots are free of this process's own calls."""
        with self._changed:
            while self._queue[0] is not ticket or self._in_use + ticket.slots > self._limits.slots:
                left = give_up_at - self._clock()
                if left <= 0 or not self._changed.wait(left):
                    raise Throttled(f"too many calls wait for {self._name}")

    def _try_to_take(self, ticket: _Ticket) -> float:
        """Takes units and slots and returns 0, or the seconds until the next try. Only the first in line is here."""
        with self._changed:
            now = self._clock()
            if self._blocked_until > now:
                return self._blocked_until - now
            if self._hand_out(ticket, now):
                return 0.0
            wanted = max(0.0, ticket.units - self._units, self._slice - self._units)
            wanted_slots = self._wanted_slots()
        found = self._reserve(
            wanted, wanted_slots
        )  # without the lock: it may take its time, and others end their calls
        with self._changed:
            now = self._clock()
            self._units, self._granted_at = self._units + found.units, now
            self._slots, self._slots_until = found.slots, now + found.valid_for
            if self._blocked_until <= now and self._hand_out(ticket, now):
                return 0.0
            if self._units + _ROUNDING < ticket.units:
                return max(found.retry_in, _SHORTEST_WAIT)
            return max(found.retry_in, _SLOT_WAIT)  # other processes hold the slots

    def _hand_out(self, ticket: _Ticket, now: float) -> bool:
        if now - self._granted_at > _LEFTOVER_SECONDS:
            self._units = 0.0
        slots = self._slots if now < self._slots_until else 0
        if self._units + _ROUNDING < ticket.units or self._in_use + ticket.slots > slots:
            return False
        self._units = max(0.0, self._units - ticket.units)
        self._in_use += ticket.slots
        return True

    def _demand(self) -> int:
        return min(self._limits.slots, self._in_use + sum(ticket.slots for ticket in self._queue))

    def _wanted_slots(self) -> int:
        """The most that was needed lately: an idle process holds nothing that another could use, and a busy one need
        not ask again for each of its threads."""
        wanted = max(self._peak, self._last_peak)
        self._last_peak, self._peak = self._peak, self._demand()
        return max(wanted, self._peak)
