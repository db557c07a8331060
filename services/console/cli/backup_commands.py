"""`backup` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import REFUSED, opened_database, sealer
from services.console.cli.screen import Json
from services.console.core.durations import counted, moment
from services.console.handler import backup
from services.console.handler.backup import Manifest

Folder = Annotated[Path, typer.Argument(help="A folder.", metavar="FOLDER")]


def take(folder: Folder, as_json: Json = False) -> None:
    """Writes the whole database into a new FOLDER, with a manifest. Services may go on. The sealing keys are not in it.

    Needs pg_dump, of the server's version or newer. RabbitMQ needs no backup.
    """
    with opened_database() as database:
        manifest = backup.take(database, folder)
    if as_json:
        screen.as_json(manifest.model_dump(mode="json"))
        return
    screen.say(f"{folder}: {_described(manifest)}.", mark="ok")
    needed = ", ".join(manifest.sealing_keys)
    if needed:
        screen.say(f"Needs sealing keys {needed}. Keep them too, apart from this folder.", mark="warning")


def restore(
    folder: Annotated[Path | None, typer.Argument(help="A folder that backup wrote.", metavar="FOLDER")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop every table that is there.")] = False,
    without_keys: Annotated[
        bool, typer.Option("--without-sealing-keys", help="Even if secrets in it can't be opened.")
    ] = False,
    loaded: Annotated[
        bool, typer.Option("--loaded", help="You loaded a dump yourself: do what remains, without FOLDER.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Puts a backup into the database: an empty one, or any with --replace. Services must be stopped. Needs pg_restore."""
    if (folder is None) != loaded:
        screen.complain("Name the folder that backup wrote, or say --loaded.")
        raise typer.Exit(REFUSED)
    if folder is None:
        _finish_loaded(as_json=as_json)
        return
    with opened_database(migrated=False) as database:
        ring = frozenset(sealer().ring)
        done = backup.restore(database, folder, ring, replace=replace, without_keys=without_keys)
    if as_json:
        screen.as_json(
            {
                "manifest": done.manifest.model_dump(mode="json"),
                "migrations_applied": done.migrations_applied,
                "missing_sealing_keys": done.missing_keys,
                "differing_tables": done.differing,
            }
        )
        return
    screen.say(f"Restored: {_described(done.manifest)}.", mark="ok")
    for name in done.migrations_applied:
        screen.say(f"applied {name}", mark="ok")
    if done.differing:
        screen.say(f"Not as many rows as the manifest says: {', '.join(done.differing)}.", mark="warning")
    if done.missing_keys:
        keys = ", ".join(done.missing_keys)
        screen.say(f"Secrets under {keys} can't be opened: run apiconnect apply with them.", mark="fault")
    _say_what_is_lost()


def _finish_loaded(*, as_json: bool) -> None:
    with opened_database(migrated=False) as database:
        applied = backup.finish_loaded(database)
    if as_json:
        screen.as_json({"migrations_applied": applied})
        return
    for name in applied:
        screen.say(f"applied {name}", mark="ok")
    screen.say("The loaded database is ready: start the services.", mark="ok")
    _say_what_is_lost()


def _say_what_is_lost() -> None:
    screen.say(
        "What happened since then is as if it had not: mail that is still unread is fetched again; mail that was tidied away "
        "since is not, and its effects are not here. See docs/runbook.md, Backup.",
        mark="note",
    )


def _described(manifest: Manifest) -> str:
    rows = sum(manifest.rows.values())
    size = f"{manifest.bytes / 1_000_000:.1f} MB"
    return f"the state of {moment(manifest.taken_at)}, {counted(rows, 'row')}, {size}, release {manifest.version}"
