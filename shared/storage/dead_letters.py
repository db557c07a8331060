"""Dead letters as rows: what could not be handled, why, and whether a person has replayed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One parked message. `reason`: field and cause in words. `attempts`: deliveries that were tried."""

    dead_letter_id: int
    queue: str
    message_id: UUID | None
    type: str
    reason: str
    attempts: int
    payload: bytes
    parked_at: datetime
    replayed_at: datetime | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Parked:
    """A message to park. `message_key`: hash of queue and payload, so that parking it twice makes one row."""

    queue: str
    message_key: str
    message_id: UUID | None
    type: str
    reason: str
    attempts: int
    payload: bytes
    headers: dict[str, str]


def park(connection: Connection, letters: Sequence[Parked]) -> None:
    """Stores them; a letter that is already there and was not replayed stays one row."""
    for letter in letters:
        connection.execute(
            """
            insert into dead_letters (queue, message_key, message_id, type, reason, attempts, payload, headers)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (queue, message_key) where replayed_at is null do nothing
            """,
            (
                letter.queue, letter.message_key, letter.message_id, letter.type,
                letter.reason, letter.attempts, letter.payload, Jsonb(letter.headers),
            ),
        )  # fmt: skip


def waiting(connection: Connection, queue: str | None = None, limit: int = 200) -> list[DeadLetter]:
    """Letters that nobody has replayed, oldest first."""
    return _select(
        connection, "replayed_at is null and (%(queue)s::text is null or queue = %(queue)s)", queue, None, limit
    )


def one(connection: Connection, dead_letter_id: int) -> DeadLetter | None:
    """A letter by its id, replayed or not."""
    found = _select(connection, "id = %(id)s", None, dead_letter_id, 1)
    return found[0] if found else None


def mark_replayed(connection: Connection, dead_letter_id: int) -> None:
    """The letter was published again."""
    connection.execute("update dead_letters set replayed_at = now() where id = %s", (dead_letter_id,))


def count_waiting(connection: Connection) -> dict[str, int]:
    """Letters that wait, by queue."""
    rows = connection.execute("select queue, count(*) from dead_letters where replayed_at is null group by queue")
    return {row[0]: row[1] for row in rows}


def _select(
    connection: Connection, where: str, queue: str | None, letter_id: int | None, limit: int
) -> list[DeadLetter]:
    rows = connection.execute(
        "select id, queue, message_id, type, reason, attempts, payload, parked_at, replayed_at, headers from dead_letters"
        f" where {where} order by id limit %(limit)s",
        {"queue": queue, "id": letter_id, "limit": limit},
    )
    return [
        DeadLetter(row[0], row[1], row[2], row[3], row[4], row[5], bytes(row[6]), row[7], row[8], row[9])
        for row in rows
    ]
