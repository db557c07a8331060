"""`backup` and `restore`: a folder with the database's dump and a manifest that says what it is and what it needs. No key is in it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.storage import backup, migrator, overview
from shared.storage.backup import BackupFailed
from shared.storage.database import Database

DUMP = "database.dump"
MANIFEST = "manifest.json"
_FORMAT = 1


class Manifest(BaseModel):
    """What a backup is. sealing_keys: ids of the keys that it needs, and how many values each; never the keys."""

    model_config = ConfigDict(frozen=True)

    format: int
    version: str
    taken_at: datetime
    server_version: str
    migrations: tuple[str, ...]
    sealing_keys: Mapping[str, int]
    rows: Mapping[str, int]
    dump: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. differing: tables whose rows are not as many as the manifest says."""

    manifest: Manifest
    migrations_applied: tuple[str, ...]
    missing_keys: tuple[str, ...]
    differing: tuple[str, ...]


def take(database: Database, folder: Path) -> Manifest:
    """Writes a backup of one moment into a new or empty folder; services may go on meanwhile. Raises BackupFailed."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BackupFailed(f"{folder} is not empty: name a new folder")
        file = folder / DUMP
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # subscribers' addresses are in it
    except OSError as error:
        raise BackupFailed(f"{folder}: {error.strerror}") from None
    with backup.snapshot(database) as (connection, name):
        found = backup.contents(connection)
        taken_at = overview.now(connection)
        backup.dump(database.url, file, name)
    manifest = Manifest(
        format=_FORMAT,
        version=version("api-connect"),
        taken_at=taken_at,
        dump=DUMP,
        bytes=file.stat().st_size,
        sha256=_digest(file),
        **asdict(found),
    )
    # Last of all: a folder without it is a backup that was not finished.
    (folder / MANIFEST).write_text(json.dumps(manifest.model_dump(mode="json"), indent=2) + "\n", "utf-8")
    return manifest


def read(folder: Path) -> Manifest:
    """The manifest of a backup that is whole. Raises BackupFailed."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text("utf-8"))
        whole = _digest(folder / manifest.dump) == manifest.sha256
    except (OSError, UnicodeDecodeError, ValidationError):
        raise BackupFailed(f"{folder} holds no whole backup: {MANIFEST} or {DUMP} is missing or broken") from None
    if manifest.format != _FORMAT:
        raise BackupFailed(f"{folder} was made by another release ({manifest.version}): use that one")
    if not whole:
        raise BackupFailed(f"{folder / manifest.dump} is not what was written: its checksum differs")
    return manifest


def restore(database: Database, folder: Path, ring: frozenset[str], *, replace: bool, without_keys: bool) -> Restored:
    """Puts a backup into an empty database (`replace`: into any, whose tables are dropped), and migrates it to this release.

    ring: ids of the sealing keys at hand. without_keys: even if one is missing that the backup needs. Raises BackupFailed
    before anything is touched; if the load itself fails, the database is empty, and the restore can be run again.
    """
    manifest = read(folder)
    missing = tuple(sorted(set(manifest.sealing_keys) - ring))
    _refuse_early(database, manifest, missing, replace=replace, without_keys=without_keys)
    if replace:
        with database.transaction() as connection:
            backup.wipe(connection)
    backup.load(database.url, folder / manifest.dump)
    with database.transaction() as connection:
        counts = backup.row_counts(connection)
    applied = migrator.migrate(database)
    with database.transaction() as connection:
        backup.put_right(connection)
    differing = tuple(name for name, count in manifest.rows.items() if counts.get(name) != count)
    return Restored(manifest, tuple(applied), missing, differing)


def finish_loaded(database: Database) -> list[str]:
    """The rest of a restore, after a dump was loaded by other means: migrates, and returns what was applied. Raises BackupFailed."""
    with database.transaction() as connection:
        at_work = backup.services_at_work(connection)
        loaded = migrator.applied(connection)
    if at_work:
        raise BackupFailed(f"services are at work on this database: stop {', '.join(at_work)} first")
    if not loaded:
        raise BackupFailed("nothing is loaded: the database has none of API Connect's tables")
    applied = migrator.migrate(database)
    with database.transaction() as connection:
        backup.put_right(connection)
    return applied


def _refuse_early(
    database: Database, manifest: Manifest, missing: tuple[str, ...], *, replace: bool, without_keys: bool
) -> None:
    unknown = sorted(set(manifest.migrations) - {name for name, _ in migrator.migration_files()})
    if unknown:
        raise BackupFailed(f"the backup is of a newer release ({manifest.version}, {', '.join(unknown)}): use that one")
    if missing and not without_keys:
        raise BackupFailed(
            f"the backup needs sealing keys that APICONNECT_SEALING_KEYS lacks: {', '.join(missing)}. Put them back, or say "
            "--without-sealing-keys and enter the secrets again"
        )
    with database.transaction() as connection:
        present = backup.row_counts(connection)
        strange = backup.strange_tables(connection)
        at_work = backup.services_at_work(connection)
    if at_work:
        raise BackupFailed(f"services are at work on this database: stop {', '.join(at_work)} first")
    if strange:
        raise BackupFailed(
            f"the database holds tables of somebody else ({', '.join(strange)}): restore into one of its own"
        )
    if present and not replace:
        raise BackupFailed(f"the database is not empty ({len(present)} tables): say --replace to drop them")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
