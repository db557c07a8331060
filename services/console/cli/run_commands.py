"""`bounces runs` and `bounces undo`: what people had changed in the log and in suppressions, and taking it back."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from services.console.cli import screen
from services.console.cli.opening import REFUSED, opened_database
from services.console.cli.screen import Json
from services.console.core.durations import counted, moment
from services.console.core.run_words import KEPT, WHAT, run_state, run_title
from shared.storage import effect_runs, run_undoing
from shared.storage.effect_runs import EffectLine, Totals

_SHOWN = 20


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")] = 30,
    as_json: Json = False,
) -> None:
    """Replays, and decisions about held bounces: the latest first."""
    with opened_database() as database, database.transaction() as connection:
        found = [(run, effect_runs.totals(connection, run.run_id)) for run in effect_runs.latest(connection, limit)]
    if as_json:
        screen.as_json({"runs": [{"run": run, "totals": totals} for run, totals in found]})
        return
    screen.table(
        ("run", "what", "started", "by", "state", "log rows", "blacklisted", "freed", "subscribers", "kept"),
        [
            (
                run.run_id, run_title(run), moment(run.started_at), run.started_by, run_state(run), totals.rows,
                totals.blacklisted, totals.freed, totals.subscribers, sum(totals.kept.values()),
            )
            for run, totals in found
        ],
        right=("run", "log rows", "blacklisted", "freed", "subscribers", "kept"),
    )  # fmt: skip


def undo(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="A run's number, as bounces runs says.")],
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would follow.")] = False,
    as_json: Json = False,
) -> None:
    """Takes the effects of a run back. What something changed later stays, and is listed with the reason."""
    with opened_database() as database, database.transaction() as connection:
        run = effect_runs.one(connection, run_id, locked=True)
        if run is None or run.dry or run.finished_at is None:
            screen.complain(
                f"There is no run {run_id}."
                if run is None
                else f"Run {run_id} was a dry run: there is nothing to undo."
                if run.dry
                else f"Run {run_id} has not finished yet."
            )
            raise typer.Exit(REFUSED)
        before = effect_runs.totals(connection, run_id).undone
        with connection.transaction(force_rollback=dry):
            run_undoing.undo(connection, run_id, getpass.getuser())
            after = effect_runs.totals(connection, run_id)
            kept = [
                line
                for line in effect_runs.effects(connection, run_id, what=tuple(WHAT), limit=100_000)
                if _stays(line)
            ]
    done = after.undone - before
    if as_json:
        screen.as_json({"run": run_id, "dry_run": dry, "undone": done, "kept": kept})
        return
    would = "would be" if dry else "are"
    screen.say(f"{counted(done, 'effect')} of run {run_id} {would} undone.", mark="ok" if done else "note")
    if kept:
        screen.say(f"{counted(len(kept), 'effect')} stay as they are:", mark="note")
        say_kept(kept)


def say_run(run_id: int, totals: Totals, *, dry: bool) -> None:
    """What a run did, in a line or two."""
    verb = "would change" if dry else "changed"
    parts = [
        f"{counted(totals.rows, 'row')} of the log",
        f"{counted(totals.blacklisted, 'address', 'addresses')} blacklisted",
        f"{counted(totals.freed, 'address', 'addresses')} freed",
        counted(totals.subscribers, "subscriber"),
    ]
    screen.say(f"Run {run_id} {verb}: {', '.join(parts)}.", mark="note" if dry else "ok")
    for why, number in totals.kept.items():
        screen.say(f"{number} left as they are: {KEPT.get(why, why)}.", mark="note")
    if not dry:
        screen.say(f"To take it back: apiconnect bounces undo {run_id}")


def say_kept(kept: list[EffectLine]) -> None:
    """Effects that stay, with the reason of each."""
    screen.table(
        ("what", "address", "customer", "why"),
        [(WHAT[one.what], one.address, one.customer, KEPT.get(one.kept or "", one.kept)) for one in kept[:_SHOWN]],
    )
    if len(kept) > _SHOWN:
        screen.say(f"{len(kept) - _SHOWN} more; --json lists all.", mark="note")


def _stays(line: EffectLine) -> bool:
    return line.applied_at is not None and line.undone_at is None
