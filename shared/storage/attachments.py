"""Stored attachments: sealed files that a send request names, because they are too large to stand in it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from shared.domain.send_requests import StoredAttachment
from shared.storage.database import Connection
from shared.storage.sealing import Sealer


def put(connection: Connection, sealer: Sealer, uid: UUID, customer: str, filename: str, content: bytes) -> bool:
    """Stores a file for a customer (uid). False: there is no such customer."""
    sealed = sealer.seal(zlib.compress(content, 1), belongs_to(uid))
    return (
        connection.execute(
            """
            insert into stored_attachments (uid, customer_id, filename, size, sealed)
            select %s, id, %s, %s, %b from customers where uid = %s
            """,
            (uid, filename, len(content), sealed, customer),
        ).rowcount
        == 1
    )


def content(connection: Connection, sealer: Sealer, uid: UUID) -> bytes | None:
    """The file; None if it is not there (any more). Raises SealBroken."""
    row = connection.execute("select sealed from stored_attachments where uid = %s", (uid,)).fetchone()
    return zlib.decompress(sealer.open(bytes(row[0]), belongs_to(uid))) if row else None


def known(connection: Connection, uids: Iterable[UUID]) -> dict[UUID, StoredAttachment]:
    """Those of these stored attachments that are there."""
    rows = connection.execute(
        "select uid, customer_id, size from stored_attachments where uid = any(%b)", (list(uids),)
    )
    return {row[0]: StoredAttachment(row[1], row[2]) for row in rows}


def tie(connection: Connection, pairs: Iterable[tuple[int, UUID]]) -> None:
    """Sends need these attachments: (send, attachment)."""
    rows = list(pairs)
    if rows:
        connection.execute(
            """
            insert into send_attachments (send_id, attachment_id)
            select w.send_id, a.id from unnest(%s::bigint[], %b::uuid[]) as w (send_id, uid)
            join stored_attachments a on a.uid = w.uid
            on conflict do nothing
            """,
            ([row[0] for row in rows], [row[1] for row in rows]),
        )


def forget(connection: Connection, unused_for: timedelta, limit: int = 1_000) -> int:
    """Deletes those that were stored, and last used, longer ago than that, and that no send still needs."""
    return connection.execute(
        """
        delete from stored_attachments where id = any(array(
            select a.id from stored_attachments a
            where a.stored_at < now() - %(age)s and not exists (
                select from send_attachments t join sends s on s.id = t.send_id
                where t.attachment_id = a.id
                  and (s.state not in ('sent', 'failed', 'cancelled', 'rejected') or s.state_at >= now() - %(age)s))
            limit %(limit)s))
        """,
        {"age": unused_for, "limit": limit},
    ).rowcount


def belongs_to(uid: UUID) -> str:
    """What a sealed attachment is bound to."""
    return f"attachment:{uid}"
