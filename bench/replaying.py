"""Benchmark 10: yesterday's mail by today's rules.

Reports are worked on under an operator's rule that takes `user unknown` for soft. Then the rule is gone, and all of it is
replayed: first dry, then applied, which blacklists more than half of the recipients at once, then undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.main_line import Tell, plant, waiting
from bench.processes import check, services
from bench.results import Figure, Result, at_most
from bench.servers import Place, Servers
from services.console.handler.replaying import ask
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.unit import UnitFactory
from shared.storage import effect_runs, replays, run_undoing
from shared.storage.database import Database
from tests.servers.children import Child

NAME = "replay"
MAILS = 20_000
_BY = "bench"
_LIMIT_SECONDS = 240.0
_LOOK_SECONDS = 0.05
_LENIENT = """
[[rule]]
id = "lenient"
class = "soft"
reason = "userunknown"
text = ["user unknown"]
examples = ["550 5.1.1 user unknown"]
"""


@dataclass(frozen=True, slots=True)
class Took:
    """seconds: from the question to the end. settling: of those, after the last part but those of its transaction."""

    seconds: float
    settling: float


def run(servers: Servers, tell: Tell, *, mails: int = MAILS) -> Result:
    """Dry, applied and undone, with one process of each service."""
    with servers.place(NAME) as place, Database(place.database_url, name="bench") as database:
        plant(database, place, mails, lambda done: tell("planting (replay)", done, mails))
        rules = place.logs / "own.toml"
        rules.write_text(_LENIENT, "utf-8")
        _work_off(database, place, rules, lambda left: tell("by yesterday's rules", mails - left, mails))
        before = _facts(database)
        with services(["actions", "classifier"], place.environment, place.logs) as running:
            dry, would = _replay(database, place, running, dry=True)
            tell("replayed, dry", 1, 1)
            applied, did = _replay(database, place, running, dry=False)
            tell("replayed, applied", 1, 1)
        after = _facts(database)
        undo = _undo(database, did)
        again = _facts(database)
        with database.transaction() as connection:
            planned, done = effect_runs.totals(connection, would), effect_runs.totals(connection, did)
    hard = after["hard"]
    wrong = sum((
        before["blacklisted"] != 0, hard == 0, after["blacklisted"] != hard, planned.rows != done.rows, again != before,
    ))  # fmt: skip
    result = Result(NAME, f"10. Replay: {mails} mails, of which {hard} change from soft to hard, 2 processes")
    result.figures += [
        Figure("dry_seconds", dry.seconds, "s"),
        Figure("applied_seconds", applied.seconds, "s"),
        Figure("mails_per_second", mails / applied.seconds, "mails/s"),
        Figure("settling_seconds", applied.settling, "s"),
        Figure("undo_seconds", undo, "s"),
        at_most("differences", wrong, "facts", 0),
    ]
    result.notes.append("settling: the transaction that blacklists them all; actions does nothing else meanwhile")
    return result


def _work_off(database: Database, place: Place, rules: Path, told: Callable[[int], None]) -> None:
    environment = {**place.environment, "APICONNECT_RULES_FILE": str(rules)}
    give_up_at = time.monotonic() + _LIMIT_SECONDS
    with services(["actions", "classifier"], environment, place.logs) as running:
        while True:
            with database.transaction() as connection:
                left = waiting(connection)
            told(left)
            if not left:
                return
            check(running, give_up_at)
            time.sleep(_LOOK_SECONDS)


def _replay(database: Database, place: Place, running: dict[str, Child], *, dry: bool) -> tuple[Took, int]:
    """Returns how long it took, and the run."""
    broker = RabbitBroker(place.rabbitmq_url, name="bench")
    try:
        started = moved = time.monotonic()
        give_up_at = started + _LIMIT_SECONDS
        now = datetime.now(UTC)
        wanted = replays.Wanted(now - timedelta(days=1), now + timedelta(minutes=1))
        run_id = ask(UnitFactory(database, broker.publisher()).begin, wanted, _BY, dry=dry)
        decided = 0
        while True:
            with database.transaction() as connection:
                run_row = effect_runs.one(connection, run_id)
                progress = replays.progress(connection, run_id)
            if run_row is not None and run_row.finished_at is not None:
                end = time.monotonic()
                return Took(end - started, end - moved), run_id
            if progress.decided > decided:
                decided, moved = progress.decided, time.monotonic()
            check(running, give_up_at)
            time.sleep(_LOOK_SECONDS)
    finally:
        broker.close()


def _undo(database: Database, run_id: int) -> float:
    started = time.monotonic()
    with database.transaction() as connection:
        run_undoing.undo(connection, run_id, _BY)
    return time.monotonic() - started


def _facts(database: Database) -> dict[str, int]:
    """What a replay changes, counted."""
    with database.transaction() as connection:
        row = connection.execute(
            """
            select (select count(*) from bounce_log where bounce_class = 'hard'),
                   (select count(*) from bounce_log where bounce_class = 'soft'),
                   (select count(*) from blacklist),
                   (select count(*) from subscribers where status = 'blacklisted')
            """
        ).fetchone()
    assert row is not None  # counts give one row
    return dict(zip(("hard", "soft", "entries", "blacklisted"), map(int, row), strict=True))
