"""What a check of a mailbox means for the servers that use it: whether delivery servers can send, and who waits for a passed check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from psycopg.types.json import Jsonb

from shared.domain.errors import Diagnosis
from shared.storage.database import Connection
from shared.storage.send_wakes import resume

_LOOKING = ("bounce_servers", "monitors")


def can_send(connection: Connection, mailbox_id: int) -> bool:
    """A check found that mail can be sent from this mailbox: what was held for a person leaves now, and not at its hourly try.

    Returns whether a hold ended. Waits for a quota or a limit go on.
    """
    connection.execute(
        """
        update delivery_servers set connection = 'connected', connection_failure = null, checked_at = now()
        where mailbox_id = %s
        """,
        (mailbox_id,),
    )
    return resume(connection, [mailbox_id])


def can_not_send(connection: Connection, mailbox_id: int, diagnosis: Diagnosis) -> None:
    """A check found that it can't; sends of its servers are held from now on."""
    connection.execute(
        """
        update delivery_servers set connection = 'not connected', connection_failure = %s, checked_at = now()
        where mailbox_id = %s
        """,
        (Jsonb(asdict(diagnosis)), mailbox_id),
    )


def used_for(connection: Connection, mailbox_id: int) -> tuple[bool, bool]:
    """(is looked into by a bounce server or monitor, is sent from by a delivery server)."""
    row = connection.execute(
        """
        select exists (select from bounce_servers where mailbox_id = %(id)s)
               or exists (select from monitors where mailbox_id = %(id)s),
               exists (select from delivery_servers where mailbox_id = %(id)s)
        """,
        {"id": mailbox_id},
    ).fetchone()
    return (bool(row[0]), bool(row[1])) if row else (False, False)


def deactivate(connection: Connection, mailbox_id: int, uids: Sequence[str]) -> list[str]:
    """Those of these servers whose mailbox was refused wait for a passed check; returns their names (A092)."""
    rows: list[tuple[str]] = []
    for table in _LOOKING:
        rows += connection.execute(
            f"""
            update {table} b set status = 'inactive', inactive_reason = coalesce(m.connection_failure, '{{}}')
            from mailboxes m
            where m.id = %s and b.mailbox_id = m.id and m.connection = 'not connected' and b.uid = any(%s)
              and b.status = 'active'
            returning b.name
            """,
            (mailbox_id, list(uids)),
        ).fetchall()
    rows += connection.execute(
        """
        update delivery_servers set status = 'inactive', inactive_reason = coalesce(connection_failure, '{}')
        where mailbox_id = %s and connection = 'not connected' and uid = any(%s) and status = 'active'
        returning name
        """,
        (mailbox_id, list(uids)),
    ).fetchall()
    return sorted(str(row[0]) for row in rows)


def activate_waiting(connection: Connection, mailbox_id: int) -> list[str]:
    """Activates the servers that only waited for a check to pass, and for which it has; returns their names."""
    rows: list[tuple[str]] = []
    for table in _LOOKING:
        rows += connection.execute(
            f"""
            update {table} b set status = 'active', inactive_reason = null
            from mailboxes m
            where m.id = %s and b.mailbox_id = m.id and m.connection = 'connected' and b.inactive_reason is not null
            returning b.name
            """,
            (mailbox_id,),
        ).fetchall()
    rows += connection.execute(
        """
        update delivery_servers set status = 'active', inactive_reason = null
        where mailbox_id = %s and connection = 'connected' and inactive_reason is not null returning name
        """,
        (mailbox_id,),
    ).fetchall()
    return sorted(str(row[0]) for row in rows)
