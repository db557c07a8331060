"""Messages that a consumer has handled. In the same transaction as their effect, so that a second delivery is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from shared.storage.database import Connection


def claim(connection: Connection, consumer: str, message_ids: Iterable[UUID]) -> set[UUID]:
    """The ids that `consumer` has not handled yet; they are its own from now on, if this transaction commits.

    Rows go in sorted, so that two workers with the same batch wait for each other instead of deadlocking.
    """
    rows = connection.execute(
        """
        insert into inbox (consumer, message_id)
        select %s, id from unnest(%b::uuid[]) with ordinality as t (id, n) order by n
        on conflict do nothing
        returning message_id
        """,
        (consumer, sorted(set(message_ids))),
    )
    return {row[0] for row in rows}


def forget(connection: Connection, older_than: timedelta, limit: int = 50_000) -> int:
    """Deletes rows older than `older_than`, at most `limit`; returns how many. A message can't come back after that long."""
    return connection.execute(
        """
        delete from inbox where ctid = any(array(
            select ctid from inbox where received_at < now() - %s limit %s))
        """,
        (older_than, limit),
    ).rowcount
