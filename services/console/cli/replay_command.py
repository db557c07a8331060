"""`bounces replay`: today's rules over the stored raw mail, compared with what the bounce log says."""

from __future__ import annotations

import getpass
import sys
import time
from datetime import UTC, timedelta
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.mailbox_commands import say_unpublished
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database, opened_units
from services.console.cli.screen import Json
from services.console.core.durations import counted
from services.console.core.replay_words import SKIPPED, address_lines, point_in_time
from services.console.core.run_words import KEPT
from services.console.handler.replaying import Outcome, ask, outcome
from shared.storage import effect_runs, overview, replays
from shared.storage.database import Database
from shared.storage.replays import ReplayGoesOn, Wanted

_LOOK_SECONDS = 0.5
_LOOKS_IN_VAIN = 40
_SHOWN = 20


def replay(
    since: Annotated[str, typer.Option("--since", help="Mails fetched since: 30d, 12h, or a date (UTC).")] = "30d",
    until: Annotated[str | None, typer.Option("--until", help="Mails fetched before; left out: now.")] = None,
    mailbox: Annotated[str | None, typer.Option("--mailbox", metavar="EMAIL", help="Only this mailbox's.")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Change it: a run, which bounces undo takes back.")] = False,
    again: Annotated[int | None, typer.Option("--run", help="Wait for this run, and say what it came to.")] = None,
    abandon: Annotated[
        int | None, typer.Option("--abandon", help="End a run that goes on; it changes nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Classifies stored mail again by the rules of now, and says or changes what the bounce log would say.

    The services do the work: this command may be ended and started again. One replay goes on at a time.
    """
    if [dry, apply, again is not None, abandon is not None].count(True) != 1:
        screen.complain("Say --dry-run or --apply, or --run or --abandon with a run's number.")
        raise typer.Exit(REFUSED)
    if abandon is not None:
        _abandon(abandon)
        return
    run_id = again if again is not None else _ask(since, until, mailbox, dry=dry)
    try:
        found = _wait(run_id)
    except KeyboardInterrupt:
        screen.complain(
            f"Run {run_id} goes on without this command. To see what it comes to: bounces replay --run {run_id}"
        )
        raise typer.Exit(FAULT_FOUND) from None
    if as_json:
        screen.as_json(found)
    else:
        show(found)


def show(found: Outcome) -> None:
    """A replay's outcome for people."""
    run, figures = found.run, found.run.figures
    if figures.get("abandoned"):
        screen.say(f"Run {run.run_id} was abandoned, and changed nothing.", mark="note")
        return
    would = "would change" if run.dry else "changed"
    screen.say(
        f"Run {run.run_id}{' (dry run)' if run.dry else ''}: {counted(int(figures.get('mails', 0)), 'mail')} read again by "
        f"rules {', '.join(figures.get('rule_sets', [])) or 'of now'}."
    )
    for key, text in (
        ("without_copy", "without a stored copy (its time is over): they stay as they are."),
        ("not_kept", "nobody's business, of which no copy is kept."),
    ):
        if figures.get(key):
            screen.say(f"{counted(int(figures[key]), 'mail')} more: {text}", mark="note")
    for why, number in found.progress.skipped.items():
        screen.say(f"{counted(number, 'mail')} left as they are: {SKIPPED.get(why, why)}.", mark="note")
    screen.heading(f"By class: {counted(found.totals.rows, 'row')} of the log {would}")
    screen.table(("from", "to", "rows"), [(c.before, c.after, c.number) for c in found.by_class], right=("rows",))
    screen.heading("By rule")
    screen.table(("from", "to", "rows"), [(c.before, c.after, c.number) for c in found.by_rule], right=("rows",))
    for title, lines in address_lines(found.entries, found.subscribers, dry=run.dry):
        screen.heading(f"{title}: {len(lines)}")
        screen.table(("address", "customer"), lines[:_SHOWN])
        if len(lines) > _SHOWN:
            screen.say(f"{len(lines) - _SHOWN} more; --json lists all.", mark="note")
    screen.say()
    for why, number in found.totals.kept.items():
        screen.say(f"{number} left as they are: {KEPT.get(why, why)}.", mark="note")
    if run.dry:
        screen.say("Nothing was changed. To change it: the same with --apply.", mark="note")
    elif found.totals.rows:
        screen.say(f"To take it back: apiconnect bounces undo {run.run_id}", mark="ok")


def _ask(since: str, until: str | None, mailbox: str | None, *, dry: bool) -> int:
    with opened_units() as units:
        with units.database.transaction() as connection:
            now = overview.now(connection)
        try:
            wanted = Wanted(
                point_in_time(since, now), point_in_time(until, now) if until else now + timedelta(seconds=1),
                mailbox.strip().lower() if mailbox else None,
            )  # fmt: skip
        except ValueError as error:
            screen.complain(str(error))
            raise typer.Exit(REFUSED) from None
        try:
            run_id = ask(units.begin, wanted, getpass.getuser(), dry=dry)
        except ReplayGoesOn:
            return _other(units.database, dry=dry, mailbox=wanted.mailbox)
        say_unpublished(units)
    return run_id


def _other(database: Database, *, dry: bool, mailbox: str | None) -> int:
    """The replay that goes on, if it is what was asked for: a command that was ended and is started again waits for it."""
    with database.transaction() as connection:
        run_id = replays.under_way(connection)
        run = effect_runs.one(connection, run_id) if run_id else None
    if run is None:
        screen.complain("Another replay has just ended: say it again.")
        raise typer.Exit(FAULT_FOUND)
    if (run.dry, run.mailbox) == (dry, mailbox):
        screen.complain(f"Run {run.run_id} goes on since {run.started_at.astimezone(UTC):%H:%M:%S}Z: waiting for it.")
        return run.run_id
    screen.complain(
        f"Run {run.run_id} goes on ({'dry run' if run.dry else 'apply'}): wait for it with --run {run.run_id}, or end it with "
        f"--abandon {run.run_id}."
    )
    raise typer.Exit(REFUSED)


def _wait(run_id: int) -> Outcome:
    """Says how far it is, once in a while, on the error stream."""
    told, looks = "", 0
    with opened_database() as database:
        while True:
            looks += 1
            with database.transaction() as connection:
                run = effect_runs.one(connection, run_id)
                if run is None or run.kind != "replay":
                    screen.complain(f"There is no replay {run_id}.")
                    raise typer.Exit(REFUSED)
                if run.finished_at is not None:
                    found = outcome(connection, run_id)
                    assert found is not None  # it was there in the line above
                    return found
                done = replays.progress(connection, run_id)
            text = f"run {run_id}: {done.classified} of {done.parts} parts read, {done.decided} compared"
            if text != told:
                told, looks = text, 0
                print(text, file=sys.stderr, flush=True)
            elif looks == _LOOKS_IN_VAIN:
                print(
                    "nothing moves: do classifier and actions run? see apiconnect status", file=sys.stderr, flush=True
                )
            time.sleep(_LOOK_SECONDS)


def _abandon(run_id: int) -> None:
    with opened_database() as database, database.transaction() as connection:
        ended = replays.abandon(connection, run_id)
    if not ended:
        screen.complain(f"No replay {run_id} goes on.")
        raise typer.Exit(REFUSED)
    screen.say(f"Run {run_id} has ended, and changed nothing.", mark="ok")
