"""Dead letters as rows: what could not be handled, why, and whether a person has replayed it.

A message of our own holds ids, and lies here as it is. One from outside may hold mail: it is sealed, and how much is kept is bounded.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from shared.domain.errors import ApiConnectError
from shared.storage.database import Connection
from shared.storage.sealing import Sealer

LONGEST_WHOLE_BYTES: Final = 8_000_000  # longer than any send request may be: replaying it could not help
BEGINNING_BYTES: Final = 4_096  # for a person to see what it was
MOST_BYTES_OF_A_QUEUE: Final = 256_000_000  # sealed and waiting; whoever floods a queue fills no disk


class PayloadNotKept(ApiConnectError):
    """Too little of it is here to be published again, or nothing here can open it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One parked message, without its payload. `reason`: field and cause in words. `attempts`: deliveries that were tried.

    size, sha256 (hex): of the message as it came, None where an earlier release parked it. whole: False if only its beginning
    was kept.
    """

    dead_letter_id: int
    queue: str
    message_id: UUID | None
    type: str
    reason: str
    attempts: int
    parked_at: datetime
    replayed_at: datetime | None
    headers: dict[str, str]
    size: int | None
    sha256: str | None
    sealed: bool
    whole: bool


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


def park(connection: Connection, letters: Sequence[Parked], sealer: Sealer | None = None) -> None:
    """Stores them; a letter that is already there and was not replayed stays one row.

    sealer: for what programs outside have published. It is sealed, and only its beginning is kept if it is too long to be a
    request, or if too much of its queue lies here already.
    """
    for letter in letters:
        kept, plain, sealed = letter.payload, None, None
        if sealer is None:
            plain = letter.payload
        else:
            kept = _kept(connection, letter)
            sealed = sealer.seal(zlib.compress(kept, 1), belongs_to(letter.message_key))
        connection.execute(
            """
            insert into dead_letters
                (queue, message_key, message_id, type, reason, attempts, payload, sealed, size, sha256, whole, headers)
            values (%s, %s, %s, %s, %s, %s, %b, %b, %s, %b, %s, %s)
            on conflict (queue, message_key) where replayed_at is null do nothing
            """,
            (
                letter.queue, letter.message_key, letter.message_id, letter.type, letter.reason, letter.attempts,
                plain, sealed, len(letter.payload), hashlib.sha256(letter.payload).digest(), kept is letter.payload,
                Jsonb(letter.headers),
            ),
        )  # fmt: skip


def seal_plain(connection: Connection, sealer: Sealer, queue: str, limit: int) -> int:
    """Seals letters of this queue, and of those whose names begin so, that lie here as they came; returns how many."""
    rows = connection.execute(
        """
        select id, message_key, payload from dead_letters
        where payload is not null and (queue = %(queue)s or starts_with(queue, %(queue)s || '.'))
        order by id limit %(limit)s for update skip locked
        """,
        {"queue": queue, "limit": limit},
    ).fetchall()
    for letter_id, key, plain in rows:
        sealed = sealer.seal(zlib.compress(plain, 1), belongs_to(key))
        connection.execute(
            "update dead_letters set payload = null, sealed = %b, size = %s, sha256 = %b where id = %s",
            (sealed, len(plain), hashlib.sha256(plain).digest(), letter_id),
        )
    return len(rows)


def _kept(connection: Connection, letter: Parked) -> bytes:
    """The payload itself, or its beginning."""
    if len(letter.payload) <= BEGINNING_BYTES:
        return letter.payload
    if len(letter.payload) <= LONGEST_WHOLE_BYTES:
        row = connection.execute(
            "select coalesce(sum(octet_length(sealed)), 0) from dead_letters where queue = %s and replayed_at is null",
            (letter.queue,),
        ).fetchone()
        if row is not None and row[0] + len(letter.payload) <= MOST_BYTES_OF_A_QUEUE:
            return letter.payload
    return letter.payload[:BEGINNING_BYTES]


def payload(connection: Connection, sealer: Sealer | None, dead_letter_id: int) -> bytes:
    """What was kept of a letter's payload, maybe its beginning only. Raises SealBroken, and PayloadNotKept without a sealer."""
    row = connection.execute(
        "select payload, sealed, message_key from dead_letters where id = %s", (dead_letter_id,)
    ).fetchone()
    if row is None:
        raise PayloadNotKept(f"there is no dead letter {dead_letter_id}")
    if row[1] is None:
        return bytes(row[0])
    if sealer is None:
        raise PayloadNotKept(f"dead letter {dead_letter_id} is sealed; set APICONNECT_SEALING_KEYS")
    return zlib.decompress(sealer.open(bytes(row[1]), belongs_to(row[2])))


def belongs_to(message_key: str) -> str:
    """What a sealed payload is bound to."""
    return f"dead_letter:{message_key}"


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


def discard(connection: Connection, dead_letter_ids: Sequence[int]) -> list[int]:
    """Deletes letters that nobody needs, with what was kept of them; returns which were there."""
    rows = connection.execute("delete from dead_letters where id = any(%s) returning id", (list(dead_letter_ids),))
    return sorted(row[0] for row in rows)


def forget_replayed(connection: Connection, older_than: timedelta) -> int:
    """Deletes letters that were replayed longer ago than that; returns how many."""
    return connection.execute("delete from dead_letters where replayed_at < now() - %s", (older_than,)).rowcount


def count_waiting(connection: Connection) -> dict[str, int]:
    """Letters that wait, by queue."""
    rows = connection.execute("select queue, count(*) from dead_letters where replayed_at is null group by queue")
    return {row[0]: row[1] for row in rows}


def _select(
    connection: Connection, where: str, queue: str | None, letter_id: int | None, limit: int
) -> list[DeadLetter]:
    rows = connection.execute(
        "select id, queue, message_id, type, reason, attempts, parked_at, replayed_at, headers, size,"
        " encode(sha256, 'hex'), sealed is not null, whole from dead_letters"
        f" where {where} order by id limit %(limit)s",
        {"queue": queue, "id": letter_id, "limit": limit},
    )
    return [DeadLetter(*row) for row in rows]
