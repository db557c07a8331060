"""Benchmark 2: how much of what the providers' limits allow the product takes out of busy mailboxes.

The simulator, a process of its own behind HTTPS, keeps the documented limits with buckets that start empty, and takes 150 ms
for each request. The whole pipeline runs as processes. A mail counts when it is stored, served and disposed of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from bench import guides_way
from bench.allowance import ALLOWANCES
from bench.backlog import Simulated, fill, simulator
from bench.installation import boxes
from bench.processes import check, cpu_seconds, services, used_since
from bench.results import Figure, Result, at_least, at_most
from bench.servers import Place, Servers
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer
from tests.servers.children import Child

NAME = "mailbox_throughput"
SECONDS = 180.0
LATENCY_MS = 150.0
MAILBOXES_EACH = 10
SHARE_PERCENT = 90
REFUSED_PERCENT = 1
GUIDES_MAILS_EACH = 25
_BACKLOG = 1.1  # more than can be taken, so that no mailbox runs dry
_SERVICES = ("token_refresher", "actions", "classifier", "fetcher", "scheduler")
_PRODUCT = ("fetcher", "classifier", "classifier's reader", "actions", "scheduler", "token refresher")
_READY_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_SETTINGS = {"APICONNECT_TICK_SECONDS": "1"}

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the clock's end found. done: mails by provider. limits: per mailbox, as the simulator saw it."""

    seconds: float
    done: dict[str, int]
    cpu: dict[str, float]
    limits: list[dict[str, Any]]
    statistics: dict[str, Any]


def run(servers: Servers, tell: Tell, *, seconds: float = SECONDS) -> Result:
    """The pipeline for `seconds`, then the guide's way for a shorter time on what is left."""
    mailboxes = boxes(MAILBOXES_EACH)
    counts = {box: round(_BACKLOG * ALLOWANCES[box.provider].mails(seconds)) + GUIDES_MAILS_EACH for box in mailboxes}
    total = sum(counts.values())
    with (
        servers.place("mailbox-throughput") as place,
        simulator(LATENCY_MS) as simulated,
        Database(place.database_url, name="bench") as database,
    ):
        migrate(database)
        sealer = Sealer.parse(place.sealing_key)
        fill(simulated, database, sealer, counts, lambda done: tell("planting the backlog", done, total))
        seen = _clock(place, simulated, seconds, lambda at: tell("mailboxes at work", at, round(seconds)))
        faults = _faults(database, simulated)
        tell("the guide's way", 0, 1)
        simulated.control.set_limits(starts_empty=False)
        last = [next(box for box in reversed(mailboxes) if box.provider == name) for name in ALLOWANCES]
        guide = guides_way.mails_per_second(database, sealer, simulated.running.ca_file, last, GUIDES_MAILS_EACH)
        tell("the guide's way", 1, 1)
    return _result(seen, faults, guide)


def _clock(place: Place, simulated: Simulated, seconds: float, at: Callable[[int], None]) -> Seen:
    """Starts everything while no mailbox is due, then lets all be due at once and looks at what is done in time."""
    environment = {
        **place.environment, **_SETTINGS, "APICONNECT_PROVIDER_CA_FILE": str(simulated.running.ca_file),
    }  # fmt: skip
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
        connection.execute("update mailboxes set next_poll_at = now() + interval '1 hour'")
        with services(_SERVICES, environment, place.logs) as running:
            _wait_until_ready(connection, running)
            simulated.control.set_limits(starts_empty=True)
            before, started = cpu_seconds(), time.monotonic()
            connection.execute("update mailboxes set next_poll_at = now()")
            while (passed := time.monotonic() - started) < seconds:
                at(int(passed))
                time.sleep(min(_LOOK_SECONDS, seconds - passed))
                check(running, started + 2 * seconds)
            done = _done(connection)
            passed = time.monotonic() - started
            cpu = used_since(before)
            seen = Seen(passed, done, cpu, simulated.control.limits(), simulated.control.statistics())
            at(round(seconds))
            return seen


def _done(connection: psycopg.Connection) -> dict[str, int]:
    """Mails that are stored, served and disposed of, by provider."""
    rows = connection.execute(
        """
        select m.provider, count(f.id) from mailboxes m left join fetched_mail f
          on f.mailbox_id = m.id and f.stage = 'served' and f.disposed_at is not null group by 1
        """
    )
    return {row[0]: row[1] for row in rows}


def _wait_until_ready(connection: psycopg.Connection, running: Mapping[str, Child]) -> None:
    """Every service has shown itself in PostgreSQL."""
    give_up_at = time.monotonic() + _READY_SECONDS
    while {row[0] for row in connection.execute("select service from heartbeats")} < set(running):
        check(running, give_up_at)
        time.sleep(0.1)


def _faults(database: Database, simulated: Simulated) -> list[str]:
    """After the services ended: nothing was removed before its consequence was committed, and each mail has one row."""
    removed = {(one["mailbox"], one["lasting_id"]) for one in simulated.control.removals()}
    with database.transaction() as connection:
        rows = connection.execute(
            """
            select m.email, f.provider_mail_id from fetched_mail f join mailboxes m on m.id = f.mailbox_id
            where f.stage = 'served'
            """
        ).fetchall()
        row = connection.execute("select count(*) from bounce_log where matched_by is not null").fetchone()
        again = connection.execute("select count(*) from dead_letters").fetchone()
    served = set(rows)
    faults = []
    if lost := removed - served:
        faults.append(f"{len(lost)} mails were removed from mailboxes without being served")
    if row is None or row[0] != len(served):
        faults.append(f"{len(served)} mails were served, the bounce log has {row[0] if row else '?'} matched rows")
    if again is None or again[0]:
        faults.append(f"{again[0] if again else '?'} dead letters")
    return faults


def _result(seen: Seen, faults: list[str], guide: float) -> Result:
    allowed = {name: MAILBOXES_EACH * one.mails(seen.seconds) for name, one in ALLOWANCES.items()}
    requests = sum(one["requests"] for one in seen.limits)
    refused = sum(one["refused"] for one in seen.limits)
    done = sum(seen.done.values())
    rate = done / seen.seconds
    product = sum(seen.cpu.get(side, 0.0) for side in _PRODUCT)
    result = Result(
        NAME,
        f"2. Mailbox throughput: {MAILBOXES_EACH} Graph and {MAILBOXES_EACH} Gmail mailboxes, {LATENCY_MS:.0f} ms, "
        f"{seen.seconds:.0f} s",
    )
    result.figures += [
        at_least("share_of_limits", 100 * done / sum(allowed.values()), "%", SHARE_PERCENT),
        *(Figure(f"share_of_limits_{name}", 100 * seen.done.get(name, 0) / allowed[name], "%") for name in ALLOWANCES),
        at_most("calls_refused", 100 * refused / max(1, requests), "%", REFUSED_PERCENT),
        at_most("mailboxes_over_limit", sum(1 for one in seen.limits if one["over_limit"]), "mailboxes", 0),
        Figure("mails", done, "mails"),
        Figure("mails_per_second", rate, "mails/s"),
        Figure("guides_way_mails_per_second", guide, "mails/s"),
        Figure("ratio_to_guides_way", rate / guide, "times"),
        at_most("differences", len(faults), "facts", 0),
        Figure("cpu_product", product, "s"),
        Figure("cpu_simulator", seen.cpu.get("simulator", 0.0), "s"),
        *(
            Figure(f"cpu_{side.replace(' ', '_').replace(chr(39), '')}", used, "s")
            for side, used in seen.cpu.items()
            if side != "simulator" and used >= 0.05
        ),
    ]
    result.notes += faults
    result.notes += [f"{name}: {one.formula}; {one.mails(60):.0f} mails a minute" for name, one in ALLOWANCES.items()]
    result.notes.append(
        f"the guide's way: {GUIDES_MAILS_EACH} mails of one mailbox of each provider; settings: {_SETTINGS}"
    )
    result.detail = {"limits": seen.limits, "statistics": seen.statistics, "cpu_seconds": seen.cpu, "done": seen.done}
    return result
