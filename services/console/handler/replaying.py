"""`bounces replay`: asks for a replay, and reads what it comes to. The services do it; the command may end at any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from shared.contracts.commands import ClassifyReplay
from shared.contracts.naming import replay_message_id
from shared.messaging.unit import Unit
from shared.storage import effect_runs, overview, replays
from shared.storage.database import Connection
from shared.storage.effect_runs import Count, EffectLine, Run, Totals
from shared.storage.replays import Progress, Wanted

# Lines of addresses in the answer for people; --json has all.
MOST = 100_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay changed, or would change."""

    run: Run
    progress: Progress
    by_class: tuple[Count, ...]
    by_rule: tuple[Count, ...]
    totals: Totals
    entries: tuple[EffectLine, ...]
    subscribers: tuple[EffectLine, ...]


def ask(begin: Callable[[], AbstractContextManager[Unit]], wanted: Wanted, by: str, *, dry: bool) -> int:
    """Enters the run and its parts, and publishes a message for each. Raises ReplayGoesOn."""
    with begin() as unit:
        run_id, parts = replays.begin(unit.connection, wanted, by, dry=dry)
        now = overview.now(unit.connection)
        for part in range(1, parts + 1):
            unit.publish(
                ClassifyReplay(run_id=run_id, part=part),
                message_id=replay_message_id(ClassifyReplay.type, run_id, part),
                correlation_id=replay_message_id("replay", run_id, 0),
                occurred_at=now,
            )
        if not parts:
            effect_runs.finish(unit.connection, run_id)
    return run_id


def outcome(connection: Connection, run_id: int) -> Outcome | None:
    """What is known of a replay; None if there is none of that number."""
    run = effect_runs.one(connection, run_id)
    if run is None or run.kind != "replay":
        return None
    return Outcome(
        run,
        replays.progress(connection, run_id),
        tuple(effect_runs.by_class(connection, run_id)),
        tuple(effect_runs.by_rule(connection, run_id)),
        effect_runs.totals(connection, run_id),
        tuple(effect_runs.effects(connection, run_id, what=("blacklist",), limit=MOST)),
        tuple(effect_runs.effects(connection, run_id, what=("subscriber",), limit=MOST)),
    )
