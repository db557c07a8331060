"""`import` and `export` of bounce servers and monitors as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database
from services.console.cli.saved_checks import try_mailboxes
from services.console.cli.screen import As, Json
from services.console.core.csv_text import RowsRefused
from services.console.core.durations import counted
from services.console.handler.server_files import Imported, export_file, import_file
from shared.domain.access import Feature, NotThere, Role
from shared.storage import overview
from shared.storage.database import Database

_PLANNED = {"create": "to create", "update": "to update", "unchanged": "unchanged"}
_DONE = {"create": "created", "update": "updated", "unchanged": "unchanged"}
_SHOWN = 50


def importer(feature: Feature) -> Callable[..., None]:
    """`import FILE`."""

    def command(
        file: Annotated[Path, typer.Argument(help="CSV with a first line that names the columns; docs/monitors.md.")],
        as_customer: As = None,
        dry: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
        check: Annotated[
            bool, typer.Option("--check/--no-check", help="Try new and changed mailboxes afterwards.")
        ] = True,
        as_json: Json = False,
    ) -> None:
        raw = _read(file)
        with opened_database(connections=8) as database:
            role = Role(as_customer)
            done = _import(database, feature, role, raw, file, dry=dry, as_json=as_json)
            if not as_json:
                _show(done, feature)
            saved = try_mailboxes(database, done.touched, quiet=as_json, role=role) if check and not dry else []
        if as_json:
            counts = {word: done.count(verb) for verb, word in _DONE.items()}
            changes = [change for change in done.changes if change.verb != "unchanged"]
            screen.as_json({"dry_run": dry, **counts, "skipped": done.skipped, "changes": changes, "checks": saved})
        if any(one.faulty for one in saved):
            raise typer.Exit(FAULT_FOUND)

    command.__doc__ = f"Makes and changes {feature.many} as a CSV file says: all of it, or nothing."
    return command


def _import(
    database: Database, feature: Feature, role: Role, raw: bytes, file: Path, *, dry: bool, as_json: bool
) -> Imported:
    with database.transaction() as connection:
        now = overview.now(connection)
    try:
        return import_file(database, feature, role, raw, now=now, dry_run=dry)
    except NotThere as error:
        screen.complain(str(error))
    except RowsRefused as refused:
        if as_json:
            screen.as_json({"refused": True, "faults": refused.faults})
        else:
            for fault in refused.faults[:_SHOWN]:
                screen.complain(fault.text(str(file)))
            more = len(refused.faults) - _SHOWN
            shown = f" ({more} more are not shown)" if more > 0 else ""
            screen.complain(f"{counted(len(refused.faults), 'fault')}{shown}; nothing was written.")
    raise typer.Exit(REFUSED)


def _show(done: Imported, feature: Feature) -> None:
    changed = [change for change in done.changes if change.verb != "unchanged"]
    for change in changed[:_SHOWN]:
        sign = "+" if change.verb == "create" else "~"
        screen.say(f"{sign} {change.name}: {'; '.join(change.details)}", indent=2)
    if len(changed) > _SHOWN:
        screen.say(f"and {len(changed) - _SHOWN} more", indent=2)
    for one in done.skipped[:_SHOWN]:
        screen.say(f"line {one.line}: {one.name} is left as it is: {one.why}", mark="note")
    words = _PLANNED if done.dry_run else _DONE
    summary = ", ".join(f"{done.count(verb)} {word}" for verb, word in words.items())
    begin = "Dry run, nothing written" if done.dry_run else f"Imported {feature.many}"
    screen.say(f"{begin}: {summary}, {len(done.skipped)} skipped.", mark="ok")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        screen.complain(f"{file}: {error.strerror}")
        raise typer.Exit(REFUSED) from None


def exporter(feature: Feature) -> Callable[..., None]:
    """`export`."""

    def command(
        file: Annotated[Path | None, typer.Argument(help="Where to write. Default: standard output.")] = None,
        as_customer: As = None,
    ) -> None:
        with opened_database() as database:
            try:
                text = export_file(database, feature, Role(as_customer))
            except NotThere as error:
                screen.complain(str(error))
                raise typer.Exit(REFUSED) from None
        if file is None:
            typer.echo(text, nl=False)
        else:
            file.write_text(text, "utf-8-sig", newline="")  # the mark tells spreadsheets that it is UTF-8

    command.__doc__ = f"Writes {feature.many} as CSV; importing it again changes nothing. Never a secret."
    return command
