"""A unit: one transaction with its inbox rows, its rows and its outgoing messages, which are published after the commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts.envelope import Body, wrap
from shared.contracts.sending import RESULTS_EXCHANGE, DeliveryResult, result_key
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import Outgoing, Publisher
from shared.storage import inbox, outbox
from shared.storage.database import Connection, Database
from shared.storage.outbox import OutboxRow
from shared.telemetry import log


class Unit:
    """One open transaction. Made by UnitFactory.begin()."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._rows: list[OutboxRow] = []

    def publish(
        self,
        body: Body,
        *,
        message_id: UUID,
        correlation_id: UUID,
        causation_id: UUID | None = None,
        occurred_at: datetime,
    ) -> None:
        """Sends `body` once this unit has committed; if it rolls back, nothing is sent. occurred_at: aware, UTC."""
        envelope = wrap(
            body,
            message_id=message_id,
            occurred_at=occurred_at,
            correlation_id=correlation_id,
            causation_id=causation_id,
        )
        self._rows.append(OutboxRow(message_id, body.type, envelope.model_dump_json().encode()))

    def publish_result(
        self,
        result: DeliveryResult,
        *,
        integration: str,
        correlation_id: str | None = None,
        reply_to: str | None = None,
    ) -> None:
        """Tells the asker once this unit has committed. integration: its name, '' for the operator's own commands.

        correlation_id: the AMQP property of the request, given back. reply_to: a queue of the asker's that gets a copy.
        Whether anybody reads it is no matter.
        """
        payload = result.model_dump_json(by_alias=True, exclude_none=True).encode()
        places = [(RESULTS_EXCHANGE, result_key(integration, result.state))]
        if reply_to:
            places.append(("", reply_to))
        self._rows += [
            OutboxRow(result.event_id, result.type, payload, exchange, key, correlation_id) for exchange, key in places
        ]

    def claim(self, consumer: str, message_ids: Iterable[UUID]) -> set[UUID]:
        """The ids that `consumer` has not handled yet. Locks them against another worker until the unit ends."""
        return inbox.claim(self.connection, consumer, message_ids)

    @property
    def rows(self) -> Sequence[OutboxRow]:
        """What was collected by publish(), in order."""
        return self._rows


class UnitFactory:
    """Begins units. Safe to use from several threads: each unit has its own connection, and publishers lock.

    `unpublished` counts messages whose publishing failed after the commit: their outbox rows wait for relay().
    """

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self.database = database
        self.publisher = publisher
        self.unpublished = 0
        self._warned = False

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """Commits on leaving, then publishes with confirms, then removes the outbox rows.

        Raises BrokerOrDatabaseDown if PostgreSQL does not answer, and what the block raises; both roll back. A broker
        that is down raises nothing: the rows stay in the outbox.
        """
        with self.database.transaction() as connection:
            unit = Unit(connection)
            yield unit
            row_ids = outbox.add(connection, unit.rows)
        if row_ids:
            self._send(unit.rows, row_ids)

    def _send(self, rows: Sequence[OutboxRow], row_ids: Sequence[int]) -> None:
        try:
            self.publisher.publish([_outgoing(row) for row in rows])
            with self.database.transaction() as connection:
                outbox.remove(connection, row_ids)
        except BrokerOrDatabaseDown as error:
            self.unpublished += len(rows)
            if not self._warned:
                log.warning("outbox.left_over", rows=len(rows), error=str(error))
            self._warned = True
        else:
            self._warned = False


def relay(database: Database, publisher: Publisher, older_than: timedelta, limit: int) -> int:
    """Publishes what a unit committed but could not publish, at most `limit` rows; returns how many.

    A row is removed after the broker confirmed it, so one may be sent twice, never not at all. Several relays share the
    work. Raises BrokerOrDatabaseDown; the rows then stay.
    """
    with database.transaction() as connection:
        found = outbox.left_over(connection, older_than, limit)
        if found:
            publisher.publish([_outgoing(row) for _, row in found])
            outbox.remove(connection, [row_id for row_id, _ in found])
    return len(found)


def _outgoing(row: OutboxRow) -> Outgoing:
    return Outgoing(
        row.message_id,
        row.type,
        row.payload,
        exchange=row.exchange,
        routing_key=row.routing_key,
        correlation_id=row.correlation,
    )
