"""A send that may leave wakes the senders that have nothing to do: LISTEN and NOTIFY. A wake that is lost costs a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event

import psycopg

from shared.domain.sending import HOLDS, Reason
from shared.storage.database import Connection, Database
from shared.storage.sends import WAKE_CHANNEL

_RECONNECT_SECONDS = 2.0
_LOOK_UP_SECONDS = 1.0


def wake(connection: Connection) -> None:
    """Tells every idle sender, once the transaction commits, that there is something to send."""
    connection.execute(f"notify {WAKE_CHANNEL}".encode())


def resume(connection: Connection, mailbox_ids: Iterable[int], reasons: Iterable[Reason] = HOLDS) -> bool:
    """What was held for a person at the servers of these mailboxes, for one of these reasons, may leave now and not at its hourly try.

    Returns whether a hold ended. Waits for a quota or a limit go on.
    """
    held = {"mailboxes": list(mailbox_ids), "holds": [reason.value for reason in reasons]}
    servers = connection.execute(
        """
        update delivery_servers set next_free_at = '-infinity', next_free_reason = null, next_free_detail = ''
        where mailbox_id = any(%(mailboxes)s) and next_free_at > now() and next_free_reason = any(%(holds)s)
        """,
        held,
    ).rowcount
    sends = connection.execute(
        """
        update sends s set due_at = now() from delivery_servers d
        where d.mailbox_id = any(%(mailboxes)s) and s.server_id = d.id and s.state = 'deferred' and s.due_at > now()
          and s.reason = any(%(holds)s)
        """,
        held,
    ).rowcount
    if servers or sends:
        wake(connection)
    return bool(servers or sends)


def resume_key(connection: Connection, api_key_id: int, reasons: Iterable[Reason] = (Reason.KEY_REFUSED,)) -> bool:
    """The same for every mailbox of a key that works again."""
    rows = connection.execute("select id from mailboxes where api_key_id = %s", (api_key_id,)).fetchall()
    return resume(connection, [row[0] for row in rows], reasons)


def listen(database: Database, woken: Callable[[], None], stop: Event) -> None:
    """Calls `woken` after each wake until `stop` is set. Holds a connection of its own, and makes a new one when it is lost."""
    while not stop.is_set():
        try:
            with psycopg.connect(
                database.url, autocommit=True, connect_timeout=5, application_name="apiconnect wakes"
            ) as open_:
                open_.execute(f"listen {WAKE_CHANNEL}".encode())
                woken()
                while not stop.is_set():
                    for _ in open_.notifies(timeout=_LOOK_UP_SECONDS, stop_after=1):
                        woken()
        except psycopg.Error:
            stop.wait(_RECONNECT_SECONDS)
