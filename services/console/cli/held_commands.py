"""`bounces held list|show|release|discard|take-back`: what the blast guard held, and a person's decision about it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database
from services.console.cli.run_commands import say_run
from services.console.cli.screen import Json
from services.console.core.durations import counted, moment
from shared.storage import effect_runs, hold_runs, holds
from shared.storage.database import Connection
from shared.storage.holds import GuardedBounce, Hold

HoldId = Annotated[int, typer.Argument(metavar="HOLD", help="A hold's number, as bounces held list says.")]
HoldIds = Annotated[list[int] | None, typer.Argument(metavar="HOLD…", help="Numbers of holds.")]
Every = Annotated[bool, typer.Option("--all", help="All that wait.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]


def held_list(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Holds that are open or still hold bounces. Exit code 1 if there are any."""
    with opened_database() as database, database.transaction() as connection:
        found = holds.holds(connection, every=every, limit=limit)
    waiting = any(hold.held or hold.closed_at is None for hold in found)
    if as_json:
        screen.as_json({"holds": found})
    elif not found:
        screen.say("Nothing is held.", mark="ok")
    else:
        screen.table(
            ("hold", "tripped", "what", "counted", "usual", "held", "state"),
            [
                (hold.hold_id, moment(hold.tripped_at), _what(hold), hold.hits, f"{hold.usual:g}", hold.held, _state(hold))
                for hold in found
            ],
            right=("hold", "counted", "usual", "held"),
        )  # fmt: skip
    if waiting:
        raise typer.Exit(FAULT_FOUND)


def held_show(hold_id: HoldId, limit: Limit = 100, as_json: Json = False) -> None:
    """One hold: what tripped it, what it holds, and what had been blacklisted before."""
    with opened_database() as database, database.transaction() as connection:
        hold = _existing(connection, hold_id)
        held = holds.held(connection, hold_id, limit)
        applied = holds.applied(connection, hold_id, limit)
    if as_json:
        screen.as_json({"hold": hold, "held": held, "applied_before": applied})
        return
    screen.say(f"Hold {hold.hold_id}, {_state(hold)}: {_what(hold)}")
    screen.say(
        f"{counted(hold.hits, 'hard bounce')} arrived since {moment(hold.counted_from)}; by the week before, "
        f"{hold.usual:g} come in that time. Tripped {moment(hold.tripped_at)}."
    )
    screen.heading(f"Held: {hold.held}")
    _bounces(held)
    screen.heading("Blacklisted before it tripped")
    _bounces(applied)


def release(
    hold_ids: HoldIds = None,
    every: Every = False,
    passes: Annotated[
        int, typer.Option("--passes", metavar="HOURS", min=0, help="So long the same is not held again.")
    ] = 24,
    as_json: Json = False,
) -> None:
    """The bounces are real: what is held is blacklisted now. A run, which bounces undo takes back."""
    span = timedelta(hours=passes)
    _decide(hold_ids, every, as_json, lambda connection, one: hold_runs.release(connection, one, _me(), span))


def discard(hold_ids: HoldIds = None, every: Every = False, as_json: Json = False) -> None:
    """The bounces are not real: what is held stays in the log, and blacklists nobody."""
    _decide(hold_ids, every, as_json, lambda connection, one: hold_runs.discard(connection, one, _me()))


def take_back(
    hold_id: HoldId,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would follow.")] = False,
    as_json: Json = False,
) -> None:
    """Takes back what had been blacklisted before a hold tripped. A run, which bounces undo takes back in its turn."""
    with opened_database() as database, database.transaction() as connection:
        _existing(connection, hold_id)
        run_id = hold_runs.take_back(connection, hold_id, _me(), dry=dry)
        totals = effect_runs.totals(connection, run_id) if run_id else None
    if as_json:
        screen.as_json({"run": run_id, "totals": totals})
    elif run_id is None or totals is None:
        screen.say("There is nothing to take back.", mark="note")
    else:
        say_run(run_id, totals, dry=dry)


def _decide(
    hold_ids: list[int] | None, every: bool, as_json: bool, decide: Callable[[Connection, int], int | None]
) -> None:
    """Each hold in a transaction of its own: whoever is interrupted says the same again."""
    if bool(hold_ids) == every:
        screen.complain("Name holds, or say --all.")
        raise typer.Exit(REFUSED)
    runs: dict[int, int | None] = {}
    with opened_database() as database:
        with database.transaction() as connection:
            named = hold_ids or [hold.hold_id for hold in holds.holds(connection, every=False, limit=100_000)]
            for hold_id in named:
                _existing(connection, hold_id)
        for hold_id in named:
            with database.transaction() as connection:
                runs[hold_id] = run_id = decide(connection, hold_id)
                totals = effect_runs.totals(connection, run_id) if run_id else None
            if as_json:
                continue
            if run_id is None or totals is None:
                screen.say(f"Hold {hold_id} holds nothing.", mark="note")
            else:
                say_run(run_id, totals, dry=False)
    if as_json:
        screen.as_json({"runs": runs})


def _existing(connection: Connection, hold_id: int) -> Hold:
    hold = holds.one(connection, hold_id)
    if hold is None:
        screen.complain(f"There is no hold {hold_id}.")
        raise typer.Exit(REFUSED)
    return hold


def _what(hold: Hold) -> str:
    return f"domain {hold.name}" if hold.kind == "domain" else f"“{hold.name}”"


def _state(hold: Hold) -> str:
    if hold.closed_at is None:
        return "open"
    by = f" by {hold.closed_by}" if hold.closed_by else ""
    return f"{hold.closed}{by}"


def _bounces(rows: list[GuardedBounce]) -> None:
    screen.table(
        ("logged", "address", "customer", "rule", "what it says"),
        [(moment(row.logged_at), row.recipient, row.customer, row.rule, (row.diagnostic or "")[:80]) for row in rows],
    )


def _me() -> str:
    return getpass.getuser()
