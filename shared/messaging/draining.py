"""The draining thread of a runner: receives, hands work to threads, acknowledges. It alone touches the subscription."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event

from shared.messaging.broker import Delivery, Subscription
from shared.messaging.workers import Workers
from shared.telemetry import log

_IDLE_SECONDS = 0.25  # longest wait for a first message: how late a stop may be noticed
_BUSY_SECONDS = 0.005  # while work is in hand: how late its end may be noticed


@dataclass(slots=True)
class Settled:
    """What became of a piece of work. fatal: the runner must stop for this reason."""

    done: list[Delivery] = field(default_factory=list)
    handed_back: list[Delivery] = field(default_factory=list)
    fatal: Exception | None = None


class Draining:
    """Keeps `threads` workers busy with batches of up to `batch_size`; receives the next while they work."""

    def __init__(
        self,
        subscription: Subscription,
        work: Callable[[Sequence[Delivery]], Settled],
        *,
        threads: int,
        batch_size: int,
        linger_seconds: float,
        name: str,
    ) -> None:
        self._subscription = subscription
        self._workers: Workers[Sequence[Delivery], Settled] = Workers(threads, work, name)
        self._batch_size = batch_size
        self._linger_seconds = linger_seconds
        self._waiting: list[Delivery] = []
        self._fatal: Exception | None = None

    def run(self, stop: Event, grace_seconds: float) -> None:
        """Until `stop` is set or the work says that it must end; then waits `grace_seconds` for what is in hand.

        Raises what was fatal.
        """
        with closing(self._subscription):
            try:
                while not stop.is_set() and self._fatal is None:
                    self._receive()
                    self._settle(self._workers.finished())
                    self._start()
                stop.set()  # work in hand looks at it and comes back early
                self._wind_down(grace_seconds)
            finally:
                self._workers.close()
        if self._fatal is not None:
            raise self._fatal

    def _receive(self) -> None:
        busy = self._workers.idle < self._workers.count
        room = max(self._workers.idle, 1) * self._batch_size - len(self._waiting)
        if room <= 0:
            self._settle(self._workers.finished(_BUSY_SECONDS))
            self._subscription.receive(0, 0.0)
            return
        self._waiting += self._subscription.receive(room, _BUSY_SECONDS if busy else _IDLE_SECONDS)
        if not busy and self._waiting:
            self._linger(room - len(self._waiting))

    def _linger(self, room: int) -> None:
        end = time.monotonic() + self._linger_seconds
        while room > 0 and (left := end - time.monotonic()) > 0:
            more = self._subscription.receive(room, left)
            self._waiting += more
            room -= len(more)

    def _start(self) -> None:
        while self._waiting and self._workers.idle > 0 and self._fatal is None:
            batch, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
            self._workers.submit(batch)

    def _settle(self, results: Sequence[Settled]) -> None:
        for settled in results:
            if settled.done:
                self._subscription.ack(settled.done)
            self._hand_back(settled.handed_back)
            self._fatal = self._fatal or settled.fatal

    def _wind_down(self, grace_seconds: float) -> None:
        self._hand_back(self._waiting)
        end = time.monotonic() + grace_seconds
        while self._workers.in_hand and (left := end - time.monotonic()) > 0:
            self._settle(self._workers.finished(min(left, _IDLE_SECONDS)))
            self._subscription.receive(0, 0.0)
        unfinished = [delivery for batch in self._workers.in_hand for delivery in batch]
        if unfinished:
            log.warning("runner.unfinished_at_stop", messages=len(unfinished))
        self._hand_back(unfinished)

    def _hand_back(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._subscription.reject(delivery)
