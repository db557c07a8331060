"""Applies the numbered SQL files of `migrations/`, each once, in one transaction each."""

from __future__ import annotations

from importlib.resources import files

from shared.storage.database import Connection, Database

# Any number: it only has to be the same for every migrator, so that two of them queue up.
_ADVISORY_LOCK = 0x0A71C0


def migration_files() -> list[tuple[str, str]]:
    """(name, SQL) of every migration, in order."""
    folder = files("shared.storage.migrations")
    named = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(name, folder.joinpath(name).read_text("utf-8")) for name in named]


def applied(connection: Connection) -> set[str]:
    """Names of the migrations that this database has."""
    exists = connection.execute("select to_regclass('schema_migrations') is not null").fetchone()
    if not exists or not exists[0]:
        return set()
    return {row[0] for row in connection.execute("select name from schema_migrations")}


def migrate(database: Database) -> list[str]:
    """Applies what is missing and returns its names. Two migrators at once: the second waits, and finds nothing to do."""
    done: list[str] = []
    for name, sql in migration_files():
        with database.transaction() as connection:
            connection.execute("select pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
            connection.execute(
                "create table if not exists schema_migrations (name text primary key, applied_at timestamptz default now())"
            )
            if name in applied(connection):
                continue
            connection.execute(sql.encode())
            connection.execute("insert into schema_migrations (name) values (%s)", (name,))
            done.append(name)
    return done


def pending(connection: Connection) -> list[str]:
    """Names of migrations that this database lacks."""
    have = applied(connection)
    return [name for name, _ in migration_files() if name not in have]
