"""Carries out what retry.decide() decided about one message: delay queue, record, dead letter. And waits out an outage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.domain.errors import ApiConnectError, BrokerOrDatabaseDown, Diagnosis, Permanent
from shared.messaging import dead_letters
from shared.messaging.broker import Broker, Delivery
from shared.messaging.received import Received
from shared.messaging.retry import Action, decide
from shared.messaging.unit import Unit, UnitFactory
from shared.storage.sealing import Sealer
from shared.telemetry import log

# Unit, message, failure: the handler's own recording.
Record = Callable[[Unit, Received[Any], Permanent], None]


class TooManyDeadLetters(ApiConnectError):
    """So many messages in a row went to the dead letters that the fault must be ours: the worker stops instead of emptying
    its queue into them."""


class GaveUp(Permanent):
    """A failure that may pass did not pass for 24 hours."""


class Failures:
    """What one runner does with messages that failed. Safe to use from several threads."""

    def __init__(
        self,
        queue: str,
        units: UnitFactory,
        *,
        clock: Callable[[], float],
        consumer: str | None,
        record: Record | None,
        stop_after: int,
        sealer: Sealer | None = None,
    ) -> None:
        """clock: seconds since 1970. consumer: of the inbox, None if it is not used. record: None if the handler has none.
        stop_after: dead letters in a row after which TooManyDeadLetters is raised, 0 for never. sealer: for what comes from
        outside."""
        self._queue = queue
        self._units = units
        self._clock = clock
        self._consumer = consumer
        self._record = record
        self._stop_after = stop_after
        self._sealer = sealer
        self._in_a_row = 0
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        """A message went well: dead letters are counted from zero again."""
        self._in_a_row = 0

    def settle(self, delivery: Delivery, error: Exception, received: Received[Any] | None) -> Action:
        """Does what the table says; afterwards the delivery can be acknowledged. Returns what was done.

        received: None if the message could not be decoded. Raises BrokerOrDatabaseDown (then nothing was settled) and
        TooManyDeadLetters (then this one was).
        """
        now = self._clock()
        first_failed_at = delivery.first_failed_at if delivery.first_failed_at is not None else now
        decision = decide(error, delivery.attempt, timedelta(seconds=max(0.0, now - first_failed_at)))
        fields = {"queue": self._queue, "message_id": delivery.message_id, "attempt": delivery.attempt}
        if decision.action is Action.WAIT:
            raise error
        if decision.action is Action.RETRY:
            assert decision.tier is not None
            next_attempt = delivery.attempt + 1
            self._units.publisher.publish_retry(
                self._queue, delivery, next_attempt, decision.tier, first_failed_at=first_failed_at
            )
            bug = None if isinstance(error, ApiConnectError) else error
            log.warning("message.retry", **fields, tier=decision.tier, reason=decision.reason, exc_info=bug)
        elif decision.action is Action.RECORD and received is not None:
            try:
                self._keep_record(received, error, decision.reason)
            except BrokerOrDatabaseDown:
                raise
            except Exception as bug:  # noqa: BLE001 - a handler that can't even record goes the way of every bug
                unrecorded = RuntimeError(f"recording failed with {type(bug).__name__}: {bug}")
                unrecorded.__cause__ = bug
                return self.settle(delivery, unrecorded, received)
            log.warning("message.failed", **fields, reason=decision.reason)
        else:
            self._park(delivery, received, decision.reason, fields, error)
        return decision.action

    def _keep_record(self, received: Received[Any], error: Exception, reason: str) -> None:
        if self._record is None and self._consumer is None:
            return
        if not isinstance(error, Permanent):
            cause = "The failure that was waited out for 24 hours did not pass."
            error = GaveUp(reason, Diagnosis("gave-up", cause, "Find its cause in the reason, then poll again."))
        with self._units.begin() as unit:
            known = self._consumer is not None and not unit.claim(self._consumer, [received.message_id])
            if self._record is not None and not known:
                self._record(unit, received, error)

    def _park(
        self,
        delivery: Delivery,
        received: Received[Any] | None,
        reason: str,
        fields: dict[str, Any],
        error: Exception,
    ) -> None:
        message_id = received.message_id if received else _uuid(delivery.message_id)
        database, publisher = self._units.database, self._units.publisher
        dead_letters.park(database, publisher, self._queue, delivery, message_id, reason, self._sealer)
        bug = None if isinstance(error, ApiConnectError) else error
        log.error("message.dead_letter", **fields, reason=reason, exc_info=bug)
        with self._lock:
            self._in_a_row += 1
            too_many = self._stop_after > 0 and self._in_a_row >= self._stop_after
        if too_many:
            raise TooManyDeadLetters(
                f"{self._queue}: {self._in_a_row} dead letters in a row, stopping; the last: {reason}"
            )


class Outage:
    """Waiting for the broker and the database."""

    def __init__(self, broker: Broker, units: UnitFactory, *, longest_wait_seconds: float = 5.0) -> None:
        self._broker = broker
        self._units = units
        self._longest_wait_seconds = longest_wait_seconds
        self._waiting = 0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event, error: BrokerOrDatabaseDown, times: int) -> bool:
        """True once both answer, False if `stop` was set first. times: how often in a row this work has met an outage."""
        pause = min(0.1 * 2**times, self._longest_wait_seconds)
        with self._lock:
            self._waiting += 1
            first = self._waiting == 1
        if first:  # of perhaps 64 threads
            log.warning("runner.waiting", error=str(error))
        try:
            while not stop.wait(pause):
                if self._answers():
                    return True
                pause = min(pause * 2, self._longest_wait_seconds)
            return False
        finally:
            with self._lock:
                self._waiting -= 1

    def _answers(self) -> bool:
        return self._units.database.alive() and self._broker.ping()


def _uuid(text: str | None) -> UUID | None:
    with suppress(ValueError, TypeError):
        return UUID(text or "")
    return None
