"""`migrate` and `apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database, sealer
from services.console.cli.saved_checks import try_mailboxes
from services.console.cli.screen import Json
from services.console.core.faults import DocumentRefused
from services.console.core.planning import Change
from services.console.handler.apply import ApplyResult, apply_document
from shared.storage import migrator, overview

_SIGNS = {"create": "+", "update": "~", "remove": "-", "unchanged": " "}


def migrate(as_json: Json = False) -> None:
    """Brings the database's tables up to this version, and says what was applied."""
    with opened_database(migrated=False) as database:
        done = migrator.migrate(database)
    if as_json:
        screen.as_json({"applied": done})
    elif done:
        for name in done:
            screen.say(f"applied {name}", mark="ok")
    else:
        screen.say("Nothing to do: every migration is applied.", mark="ok")


def apply(
    file: Annotated[
        Path, typer.Argument(help="YAML: settings, groups, customers, keys, lists, campaigns, bounce servers.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what the file's sections name no more.")] = False,
    resubscribe: Annotated[
        bool,
        typer.Option("--resubscribe", help="Subscribers who unsubscribed come back where the file gives a status."),
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Show also what stays as it is.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try new and changed mailboxes afterwards.")] = True,
    as_json: Json = False,
) -> None:
    """Brings settings, customers, keys, lists and bounce servers to what FILE says: all of it, or nothing.

    Then tries each mailbox that is new or changed: a new bounce server whose mailbox is refused is inactive until
    apiconnect mailbox check passes. Exit code 1 if a check failed; what FILE says is stored all the same.
    """
    with opened_database(connections=8) as database:
        with database.transaction() as connection:
            now = overview.now(connection)
        try:
            result = apply_document(
                database, sealer(), file, now=now, dry_run=dry_run, prune=prune, resubscribe=resubscribe
            )
        except DocumentRefused as error:
            _refuse(error, as_json=as_json)
            raise typer.Exit(REFUSED) from None
        if not as_json:
            _show(result, show_all=show_all)
        saved = try_mailboxes(database, result.touched, quiet=as_json) if check and not dry_run else []
    if as_json:
        shown = [change for change in result.changes if show_all or change.verb != "unchanged"]
        screen.as_json(
            {
                "dry_run": dry_run,
                "changed": result.anything,
                "changes": shown,
                "notes": result.notes,
                "checks": saved,
            }
        )
    if any(one.faulty for one in saved):
        raise typer.Exit(FAULT_FOUND)


def _refuse(error: DocumentRefused, *, as_json: bool) -> None:
    if as_json:
        faults = [
            {"file": error.file, "line": line, "field": fault.field, "reason": fault.reason, "fix": fault.fix}
            for line, fault in error.located
        ]
        screen.as_json({"refused": True, "faults": faults})
        return
    for text in error.texts():
        screen.complain(text)
    count = len(error.faults)
    screen.complain(f"{count} fault{'s' if count > 1 else ''}; nothing was written.")


def _show(result: ApplyResult, *, show_all: bool) -> None:
    shown = [change for change in result.changes if show_all or change.verb != "unchanged"]
    if shown:
        screen.table(("", "what", "name", "details"), [_row(change) for change in shown])
    unchanged = sum(1 for change in result.changes if change.verb == "unchanged")
    for note in result.notes:
        screen.say(note, mark="note")
    if not result.anything:
        screen.say(f"Nothing to do: all {unchanged} entries are as the file says.", mark="ok")
        return
    words = _PLANNED if result.dry_run else _DONE
    counts = [f"{_count(result, verb)} {word}" for verb, word in words.items() if _count(result, verb)]
    summary = ", ".join([*counts, f"{unchanged} unchanged"])
    screen.say(f"Dry run, nothing written: {summary}." if result.dry_run else f"Applied: {summary}.", mark="ok")


_PLANNED = {"create": "to create", "update": "to update", "remove": "to remove"}
_DONE = {"create": "created", "update": "updated", "remove": "removed"}


def _row(change: Change) -> tuple[str, str, str, str]:
    return _SIGNS.get(change.verb, " "), change.kind, change.name, "; ".join(change.details)


def _count(result: ApplyResult, verb: str) -> int:
    return sum(1 for change in result.changes if change.verb == verb)
