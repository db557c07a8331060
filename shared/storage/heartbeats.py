"""Who is alive: a row per running service, so that an absent scheduler is seen (A012)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One running instance. `age`: since its last beat."""

    service: str
    instance: str
    started_at: datetime
    age: timedelta


def beat(connection: Connection, service: str, instance: str) -> None:
    """`instance` of `service` is alive now."""
    connection.execute(
        """
        insert into heartbeats (service, instance) values (%s, %s)
        on conflict (service, instance) do update set beat_at = now()
        """,
        (service, instance),
    )


def leave(connection: Connection, service: str, instance: str) -> None:
    """`instance` ends in an orderly way."""
    connection.execute("delete from heartbeats where service = %s and instance = %s", (service, instance))


def forget(connection: Connection, older_than: timedelta) -> int:
    """Drops instances that have not been seen for so long."""
    return connection.execute("delete from heartbeats where beat_at < now() - %s", (older_than,)).rowcount


def all_beats(connection: Connection) -> list[Heartbeat]:
    """Every instance that is known, by service."""
    rows = connection.execute(
        "select service, instance, started_at, now() - beat_at from heartbeats order by service, instance"
    )
    return [Heartbeat(*row) for row in rows]
