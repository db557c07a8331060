"""Messages to be published, written in the transaction that makes them true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message as it goes on the wire. `type` is its routing key, `payload` the envelope's JSON in UTF-8.

    exchange: None for the internal one, by type; routing_key, correlation: of one that goes elsewhere.
    """

    message_id: UUID
    type: str
    payload: bytes
    exchange: str | None = None
    routing_key: str | None = None
    correlation: str | None = None


def add(connection: Connection, rows: Sequence[OutboxRow]) -> list[int]:
    """Stores the rows; returns their outbox ids in the order of `rows`."""
    if not rows:
        return []
    added = connection.execute(
        """
        insert into outbox (message_id, type, payload, exchange, routing_key, correlation)
        select id, type, payload, exchange, routing_key, correlation
        from unnest(%b::uuid[], %s::text[], %b::bytea[], %s::text[], %s::text[], %s::text[]) with ordinality
            as t (id, type, payload, exchange, routing_key, correlation, n)
        order by n
        returning id
        """,
        (
            [row.message_id for row in rows],
            [row.type for row in rows],
            [row.payload for row in rows],
            [row.exchange for row in rows],
            [row.routing_key for row in rows],
            [row.correlation for row in rows],
        ),
    )
    return [row[0] for row in added]


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """The broker has confirmed these."""
    connection.execute("delete from outbox where id = any(%s)", (list(ids),))


def left_over(connection: Connection, older_than: timedelta, limit: int) -> list[tuple[int, OutboxRow]]:
    """Rows whose publisher died or lost the broker: older than `older_than`, oldest first, at most `limit`.

    Locks them until the transaction ends and skips rows locked by another relay.
    """
    rows = connection.execute(
        """
        select id, message_id, type, payload, exchange, routing_key, correlation from outbox
        where added_at < now() - %s order by id limit %s for update skip locked
        """,
        (older_than, limit),
    )
    return [(row[0], OutboxRow(row[1], row[2], bytes(row[3]), row[4], row[5], row[6])) for row in rows]


def age_seconds(connection: Connection) -> float:
    """Age of the oldest row in seconds; 0 when empty."""
    row = connection.execute("select coalesce(extract(epoch from now() - min(added_at)), 0) from outbox").fetchone()
    return float(row[0]) if row else 0.0
