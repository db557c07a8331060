"""A new send wakes the senders that have nothing to do: LISTEN and NOTIFY. A wake that is lost costs a second."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import psycopg

from shared.storage.database import Connection, Database
from shared.storage.sends import WAKE_CHANNEL

_RECONNECT_SECONDS = 2.0
_LOOK_UP_SECONDS = 1.0


def wake(connection: Connection) -> None:
    """Tells every idle sender, once the transaction commits, that there is something to send."""
    connection.execute(f"notify {WAKE_CHANNEL}".encode())


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
