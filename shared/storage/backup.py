"""Copies of the whole database, taken and put back with PostgreSQL's own tools, and what has to be put right afterwards."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.domain.errors import ApiConnectError
from shared.settings import child_environment
from shared.storage import migrator, sealed_values
from shared.storage.database import Connection, Database

# More mails than are fetched between a backup and its restore: a message from that time must not name a mail of later.
_ID_GAP = 10_000_000
# More often than a mail is opened again in that time.
_GENERATION_GAP = 1_000


class BackupFailed(ApiConnectError):
    """A backup can't be taken or put back; the text says why and what to do, and holds no password."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds at one moment. rows: by table. sealing_keys: key id -> values sealed under it."""

    server_version: str
    migrations: tuple[str, ...]
    rows: dict[str, int]
    sealing_keys: dict[str, int]


def contents(connection: Connection) -> Contents:
    """Counts every row: reads whole tables."""
    by_key: dict[str, int] = {}
    for counted in sealed_values.counts(connection).values():
        for key_id, count in counted.items():
            by_key[key_id] = by_key.get(key_id, 0) + count
    version = connection.execute("show server_version").fetchone()
    return Contents(
        server_version=str(version[0]) if version else "",
        migrations=tuple(sorted(migrator.applied(connection))),
        rows=row_counts(connection),
        sealing_keys=by_key,
    )


def row_counts(connection: Connection) -> dict[str, int]:
    """Rows by table, partitions counted with their table."""
    names = [
        row[0]
        for row in connection.execute(
            """
            select relname from pg_class
            where relkind in ('r', 'p') and not relispartition and relnamespace = current_schema()::regnamespace
            order by relname
            """
        )
    ]
    counts = {}
    for name in names:
        row = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(name))).fetchone()
        counts[str(name)] = int(row[0]) if row else 0
    return counts


@contextmanager
def snapshot(database: Database) -> Iterator[tuple[Connection, str]]:
    """One moment, held still: a connection that sees it, and its name for `dump`."""
    with database.transaction() as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        row = connection.execute("select pg_export_snapshot()").fetchone()
        assert row is not None
        yield connection, str(row[0])


def dump(url: str, file: Path, snapshot_name: str) -> None:
    """Writes that moment of the database to `file`, in pg_dump's custom format (compressed). Raises BackupFailed."""
    _run(
        "pg_dump",
        url,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot_name}",
        f"--file={file}",
    )


def load(url: str, file: Path) -> None:
    """Puts a dump into an empty database, all of it or nothing. Raises BackupFailed."""
    _run("pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file))


def services_at_work(connection: Connection) -> list[str]:
    """Names of our services that are connected to this database now."""
    rows = connection.execute(
        """
        select distinct application_name from pg_stat_activity
        where datname = current_database() and application_name like 'apiconnect %' order by 1
        """
    )
    return [str(row[0]).removeprefix("apiconnect ") for row in rows]


def strange_tables(connection: Connection) -> list[str]:
    """Tables beside ours, which no release of ours made."""
    texts = [text for _, text in migrator.migration_files()]
    ours = {name for text in texts for name in re.findall(r"(?im)^create table (?:if not exists )?(\w+)", text)}
    return sorted(set(row_counts(connection)) - ours - {"schema_migrations"})


def wipe(connection: Connection) -> None:
    """Drops every table of the schema, whatever release or day made it."""
    for name in row_counts(connection):
        connection.execute(sql.SQL("drop table if exists {} cascade").format(sql.Identifier(name)))


def put_right(connection: Connection) -> None:
    """After a load: what the broker may still hold from later than the backup must meet no mail of the time after.

    Ids of new mails begin far above, and mails on their way get message ids that no inbox row and no queue knows.
    """
    connection.execute(
        """
        select setval(pg_get_serial_sequence('fetched_mail', 'id'), (select coalesce(max(id), 0) from fetched_mail) + %s)
        """,
        (_ID_GAP,),
    )
    connection.execute(
        "update fetched_mail set generation = generation + %s where stage in ('listed', 'fetched', 'classified')",
        (_GENERATION_GAP,),
    )
    # Whoever held a lease then does not now; what is unread is to be looked for at once.
    connection.execute(
        """
        update mailboxes set next_poll_at = now(), poll_requested_until = null, lease_holder = null, leased_until = null,
            lease_epoch = lease_epoch + 1, last_tidied_at = null
        """
    )
    connection.execute("delete from heartbeats")


def _run(tool: str, url: str, *arguments: str) -> None:
    program = shutil.which(tool)
    if program is None:
        raise BackupFailed(
            f"{tool} is not installed here: install PostgreSQL's client, or run {tool} where it is; see docs/runbook.md, Backup"
        )
    place = conninfo_to_dict(url)
    password = str(place.pop("password", "") or "")
    added = {"PGPASSWORD": password} if password else {}  # an argument could be read by every user of the machine
    done = subprocess.run(
        [program, "--no-password", f"--dbname={make_conninfo('', **place)}", *arguments],
        env=child_environment(**added),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupFailed(f"{tool} failed: {' / '.join(lines[:3]) or f'exit code {done.returncode}'}")
