"""Raw MIME, stored once: compressed, sealed, in daily partitions that are dropped whole when their time is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from psycopg import sql

from shared.storage.database import Connection

# Any number, the same everywhere: two processes that make the same partition queue up.
_PARTITION_LOCK = 0x0A71C1


def ensure_partition(connection: Connection, day: date) -> None:
    """Makes the partition of `day` if it is missing. Cheap when it is there."""
    name = f"raw_mail_{day:%Y%m%d}"
    found = connection.execute("select to_regclass(%s) is not null", (name,)).fetchone()
    if found and found[0]:
        return
    connection.execute("select pg_advisory_xact_lock(%s)", (_PARTITION_LOCK,))
    connection.execute(
        sql.SQL("create table if not exists {} partition of raw_mail for values from ({}) to ({})").format(
            sql.Identifier(name), sql.Literal(day.isoformat()), sql.Literal((day + timedelta(days=1)).isoformat())
        )
    )


def put(connection: Connection, day: date, mails: Iterable[tuple[int, bytes]]) -> None:
    """Stores (mail id, sealed). A mail that is there already stays as it is: a crashed poll may come again."""
    rows = list(mails)
    connection.execute(
        """
        insert into raw_mail (fetched_on, mail_id, sealed)
        select %s, id, sealed from unnest(%s::bigint[], %b::bytea[]) as t (id, sealed)
        on conflict do nothing
        """,
        (day, [row[0] for row in rows], [row[1] for row in rows]),
    )


def drop_before(connection: Connection, day: date) -> list[str]:
    """Drops the partitions of days before `day`; their mails keep their ledger rows. Returns the partitions' names."""
    names = [
        row[0]
        for row in connection.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'raw_mail'::regclass order by 1"
        )
    ]
    old = [name for name in names if name.removeprefix("raw_mail_") < f"{day:%Y%m%d}"]
    for name in old:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(name)))
    if old:
        connection.execute("update fetched_mail set raw_on = null where raw_on < %s", (day,))
    return old
