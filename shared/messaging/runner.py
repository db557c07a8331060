"""The two ways in which a service works through a queue. The same for all services; what differs is the handler.

BatchRunner: many small messages whose work is in PostgreSQL. ConcurrentRunner: work that waits for providers.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Generic
from uuid import UUID

from prometheus_client import Counter

from shared.domain.errors import BrokerOrDatabaseDown, Temporary
from shared.messaging.broker import Broker, Delivery
from shared.messaging.draining import Draining, Settled
from shared.messaging.failures import Failures, Outage, TooManyDeadLetters
from shared.messaging.handlers import BatchHandler, Facts, OneHandler, Outcome
from shared.messaging.received import Message, NotOurMessage, Ours, Received, Source, from_table
from shared.messaging.retry import Action
from shared.messaging.unit import UnitFactory
from shared.telemetry import handling, log, telling

__all__ = ["BatchHandler", "BatchRunner", "ConcurrentRunner", "OneHandler", "Received", "TooManyDeadLetters"]

# A message that meets an "outage" this often in a row, though broker and database answer, has a fault of its own.
_OUTAGES_IN_A_ROW = 5

_MESSAGES = Counter("apiconnect_messages_total", "Messages by what became of them", ["queue", "result"])


@dataclass(slots=True)
class Counters:
    """Messages of one runner since its start, by what became of them. known: came again after they were done."""

    queue: str
    handled: int = 0
    known: int = 0
    retried: int = 0
    failed: int = 0
    dead: int = 0

    def add(self, result: str, messages: int = 1) -> None:
        """result: one of the fields' names. Also counted for /metrics."""
        setattr(self, result, getattr(self, result) + messages)
        _MESSAGES.labels(self.queue, result).inc(messages)


_COUNTED_AS = {Action.RETRY: "retried", Action.RECORD: "failed", Action.DEAD_LETTER: "dead"}


class _Runner(Generic[Message]):
    """What both runners do alike: decoding, patience in an outage, the failure table."""

    def __init__(
        self,
        broker: Broker,
        units: UnitFactory,
        source: Source[Message],
        consumer: str | None,
        record: Callable[..., None] | None,
        clock: Callable[[], float],
        dead_letters_in_a_row: int,
    ) -> None:
        self.queue = source.queue
        self.counters = Counters(self.queue)
        self._broker = broker
        self._units = units
        self._source = source
        self._outage = Outage(broker, units)
        self._stop = Event()
        self._failures = Failures(
            self.queue,
            units,
            clock=clock,
            consumer=consumer,
            record=record,
            stop_after=dead_letters_in_a_row,
            sealer=source.outside,
        )

    def _decoded(self, deliveries: Sequence[Delivery], settled: Settled) -> list[tuple[Delivery, Received[Message]]]:
        """Those that are messages of ours; the others are parked and settled. At a stop: handed back."""
        good = []
        for delivery in deliveries:
            if self._stop.is_set():
                settled.handed_back.append(delivery)
                continue
            try:
                good.append((delivery, self._source.decode(delivery)))
            except NotOurMessage as error:
                self._fail(delivery, error, None, settled)
        return good

    def _patiently(self, attempt: Callable[[], None]) -> bool:
        """Runs `attempt` until it does not meet an outage. False: stopped before that. No attempt is counted.

        Raises Temporary when the outage seems to be the message's own: it comes each time, and all else is well.
        """
        times = 0
        while True:
            try:
                attempt()
                return True
            except BrokerOrDatabaseDown as error:
                if times >= _OUTAGES_IN_A_ROW:
                    raise Temporary(f"meets an outage each time: {error}") from error
                if not self._outage.wait(self._stop, error, times):
                    return False
                times += 1

    def _fail(self, delivery: Delivery, error: Exception, received: Received[Message] | None, settled: Settled) -> None:
        """By the table; the delivery is then settled, or handed back if the runner stops or has to."""
        if settled.fatal is not None:
            settled.handed_back.append(delivery)
            return
        try:
            while True:
                try:
                    with telling(received) if received is not None else nullcontext():
                        action = self._failures.settle(delivery, error, received)
                    self.counters.add(_COUNTED_AS[action])
                    break
                except BrokerOrDatabaseDown as down:
                    if not self._outage.wait(self._stop, down, 0):
                        settled.handed_back.append(delivery)
                        return
        except TooManyDeadLetters as fatal:
            log.critical("runner.too_many_dead_letters", queue=self.queue, reason=str(fatal))
            self.counters.add("dead")
            settled.fatal = fatal
            self._stop.set()  # the other threads must not add to them
        settled.done.append(delivery)


class BatchRunner(_Runner[Message], Generic[Message, Facts, Outcome]):
    """One batch is one unit: inbox, rows and outgoing messages in one transaction, then publish, then one ack for all."""

    def __init__(
        self,
        broker: Broker,
        units: UnitFactory,
        handler: BatchHandler[Message, Facts, Outcome],
        *,
        source: Source[Message] | None = None,
        batch_size: int = 200,
        linger_ms: float = 5,
        prefetch: int | None = None,
        dead_letters_in_a_row: int = 50,
        grace_seconds: float = 15.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """source: by default the table's, for the handler's `message`. prefetch: two batches by default, one in the database
        and one on its way. clock: seconds since 1970."""
        record = getattr(handler, "failed", None)
        place: Source[Message] = source or from_table(handler.message)  # type: ignore[attr-defined]
        self._inbox = None if place.outside else handler.consumer
        stop_after = 0 if place.outside else dead_letters_in_a_row
        super().__init__(broker, units, place, self._inbox, record, clock, stop_after)
        self._handler = handler
        self._batch_size = batch_size
        self._linger_seconds = linger_ms / 1000
        self._prefetch = prefetch or 2 * batch_size
        self._grace_seconds = grace_seconds

    def run(self, stop: Event) -> None:
        """Works until `stop` is set. Raises TooManyDeadLetters; sets `stop` then too."""
        self._stop = stop
        subscription = self._broker.subscribe(self.queue, self._prefetch, consumer_tag(self.queue.partition(".")[0]))
        Draining(
            subscription,
            self._work,
            threads=1,
            batch_size=self._batch_size,
            linger_seconds=self._linger_seconds,
            name=self._handler.consumer,
        ).run(stop, self._grace_seconds)

    def _work(self, deliveries: Sequence[Delivery]) -> Settled:
        settled = Settled()
        good = self._decoded(deliveries, settled)
        # What was handed out before may be what killed its consumer: it must not take its neighbours along.
        fresh = [pair for pair in good if not pair[0].redelivered]
        for group in [fresh, *([pair] for pair in good if pair[0].redelivered)]:
            if group:
                self._group(group, settled)
        return settled

    def _group(self, group: list[tuple[Delivery, Received[Message]]], settled: Settled) -> None:
        if self._stop.is_set() or settled.fatal is not None:
            settled.handed_back += [delivery for delivery, _ in group]
            return
        try:
            if self._patiently(lambda: self._unit([received for _, received in group])):
                settled.done += [delivery for delivery, _ in group]
            else:
                settled.handed_back += [delivery for delivery, _ in group]
        except Exception as error:  # noqa: BLE001 - the failure table decides about every kind
            if len(group) == 1:
                delivery, received = group[0]
                self._fail(delivery, error, received, settled)
                return
            log.info("batch.refused", queue=self.queue, messages=len(group), error=type(error).__name__)
            for pair in group:
                self._group([pair], settled)

    def _unit(self, received: Sequence[Received[Message]]) -> None:
        by_id = {one.message_id: one for one in received}
        with handling(self.queue, list(by_id.values())):
            new = self._write(by_id)
        self.counters.add("handled", new)
        self.counters.add("known", len(received) - new)
        self._failures.succeeded()

    def _write(self, by_id: Mapping[UUID, Received[Message]]) -> int:
        """Reads, decides, and writes in one transaction; returns how many of the messages were new."""
        facts = self._handler.read(list(by_id.values()))
        outcomes = [(one, self._handler.decide(one, facts)) for one in by_id.values()]
        with self._units.begin() as unit:
            new = by_id.keys() if self._inbox is None else unit.claim(self._inbox, by_id)
            todo = [(one, outcome) for one, outcome in outcomes if one.message_id in new]
            if todo:
                self._handler.write(unit, todo)
        return len(todo)


class ConcurrentRunner(_Runner[Ours]):
    """Up to `concurrency` messages at once, each in its own thread. No inbox: the handler's work is repeatable."""

    def __init__(
        self,
        broker: Broker,
        units: UnitFactory,
        handler: OneHandler[Ours],
        *,
        concurrency: int = 64,
        grace_seconds: float = 15.0,
        dead_letters_in_a_row: int = 50,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """grace_seconds: how long a stop waits for work in hand before it is handed back. clock: seconds since 1970."""
        record = getattr(handler, "failed", None)
        super().__init__(broker, units, from_table(handler.message), None, record, clock, dead_letters_in_a_row)
        self._handler = handler
        self._concurrency = concurrency
        self._grace_seconds = grace_seconds

    def run(self, stop: Event) -> None:
        """Works until `stop` is set. Raises TooManyDeadLetters; sets `stop` then too."""
        self._stop = stop
        name = self.queue.partition(".")[0]
        # One more than can be worked on, so that a thread that ends finds its next message here already.
        subscription = self._broker.subscribe(self.queue, self._concurrency + 1, consumer_tag(name))
        Draining(subscription, self._work, threads=self._concurrency, batch_size=1, linger_seconds=0.0, name=name).run(
            stop, self._grace_seconds
        )

    def _work(self, deliveries: Sequence[Delivery]) -> Settled:
        settled = Settled()
        for delivery, received in self._decoded(deliveries, settled):
            if self._stop.is_set():
                settled.handed_back.append(delivery)
                continue
            try:
                done = self._patiently(partial(self._handle, received))
            except Exception as error:  # noqa: BLE001 - the failure table decides about every kind
                self._fail(delivery, error, received, settled)
                continue
            (settled.done if done else settled.handed_back).append(delivery)
            if done:
                self.counters.add("handled")
                self._failures.succeeded()
        return settled

    def _handle(self, received: Received[Ours]) -> None:
        with handling(self.queue, [received]):
            self._handler.handle(received)


def consumer_tag(name: str) -> str:
    """`<service>-<host>-<pid>`: what operators see at the broker."""
    return f"{name}-{socket.gethostname()}-{os.getpid()}"
