"""Benchmark 4: how long one report takes from the poll's start to its committed effect when there is little else to do.

A report lies in a mailbox; the poll is asked for (the clock starts before that), and this process looks every millisecond how far
the report's row has come, so each time is that of a commit that others can see. One mailbox is polled at a time; every mailbox was
polled before, so tokens are there and the daily listing from the beginning is done. Once with a provider that takes 150 ms for a
call, which shows what operators see, and once with one that answers at once, which shows our own share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from bench.backlog import Simulated, fill, simulator
from bench.durations import figures
from bench.installation import Box, boxes, enter_sent_mail, mailbox_ids
from bench.polling import ask, wait_until_polled, wait_until_ready
from bench.processes import check, services
from bench.reports import Report, reports
from bench.results import Figure, Result, at_most
from bench.servers import Place, Servers
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer
from tests.servers.children import Child

NAME = "latency"
MAILS = 100
LATENCIES_MS = (150.0, 0.0)
_MAILBOXES_EACH = 5
_SERVICES = ("token_refresher", "actions", "classifier", "fetcher")
_STAGES = ("listed", "fetched", "classified", "served")
_WARM_UP = 2
_LIMIT_SECONDS = 30.0
_LOOK_SECONDS = 0.001

Tell = Callable[[str, int, int], None]


@dataclass
class Measured:
    """Seconds by stage, each from the end of the one before; `total` from the poll's start to the effect."""

    stages: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in (*_STAGES, "disposed")})
    total: list[float] = field(default_factory=list)
    faults: int = 0


def run(servers: Servers, tell: Tell, *, mails: int = MAILS) -> Result:
    """Both providers' speeds in turn."""
    measured = {ms: _measure(servers, ms, mails, tell) for ms in LATENCIES_MS}
    result = Result(NAME, f"4. From the poll's start to the committed effect, {mails} reports one by one")
    for ms, found in measured.items():
        after = f"_provider_{ms:.0f}_ms"
        result.figures += [
            *(
                Figure(one.name.replace("total", f"total{after}"), one.value, one.unit)
                for one in figures("total", found.total)
            ),
            *(one for stage in found.stages for one in figures(f"{stage}{after}", found.stages[stage])),
        ]
    result.figures.append(at_most("without_effect", sum(one.faults for one in measured.values()), "mails", 0))
    result.notes += [
        (
            "each stage from the end of the one before: listed (poll asked for, lease, inbox listed, one call), fetched (junk listed, "
            "MIME read, sealed and stored, two calls), classified, served (effect and log committed); total is their sum"
        ),
        "disposed: in the trash, after the effect; the poll lingers for what it has fetched",
    ]
    return result


def _measure(servers: Servers, ms: float, mails: int, tell: Tell) -> Measured:
    label, measured = f"latency, provider {ms:.0f} ms", Measured()
    with (
        servers.place(f"latency-{ms:.0f}") as place,
        simulator(ms) as simulated,
        Database(place.database_url, name="bench") as database,
        psycopg.connect(place.database_url, autocommit=True) as connection,
    ):
        migrate(database)
        all_boxes = [box for pair in zip(*_by_provider(), strict=True) for box in pair]
        fill(simulated, database, Sealer.parse(place.sealing_key), dict.fromkeys(all_boxes, 0), lambda _done: None)
        ids = mailbox_ids(connection)
        broker = RabbitBroker(place.rabbitmq_url, name="bench")
        broker.declare()
        units = UnitFactory(database, broker.publisher())
        connection.execute("update mailboxes set next_poll_at = now() + interval '1 hour'")
        with services(_SERVICES, _environment(place, simulated), place.logs) as running:
            wait_until_ready(connection, running)
            for number, report in enumerate(_reports(all_boxes, _WARM_UP * len(all_boxes) + mails)):
                box = all_boxes[number % len(all_boxes)]
                enter_sent_mail(database, box.customer, [report])
                simulated.control.plant_many(box.provider, box.email, [report.raw])
                seen = Measured() if number < _WARM_UP * len(all_boxes) else measured
                _one(connection, units, ids[box.email], running, seen)
                tell(label, max(0, number + 1 - _WARM_UP * len(all_boxes)), mails)
        broker.close()
        row = connection.execute("select count(*) from bounce_log where matched_by is not null").fetchone()
        measured.faults = _WARM_UP * len(all_boxes) + mails - (row[0] if row else 0)
    return measured


def _by_provider() -> tuple[list[Box], list[Box]]:
    found = boxes(_MAILBOXES_EACH)
    return found[:_MAILBOXES_EACH], found[_MAILBOXES_EACH:]


def _environment(place: Place, simulated: Simulated) -> dict[str, str]:
    return {**place.environment, "APICONNECT_PROVIDER_CA_FILE": str(simulated.running.ca_file)}


def _reports(all_boxes: list[Box], count: int) -> list[Report]:
    """A report for each turn, of its mailbox's provider and customer."""
    turns = -(-count // len(all_boxes))
    rows = [
        list(reports(turns, prefix=f"l{n:02d}", provider=box.provider, customer=box.customer, at=datetime.now(UTC)))
        for n, box in enumerate(all_boxes)
    ]
    return [report for turn in zip(*rows, strict=True) for report in turn][:count]


def _one(
    connection: psycopg.Connection, units: UnitFactory, mailbox_id: int, running: Mapping[str, Child], seen: Measured
) -> None:
    """One report: polled for, followed, and the poll's end waited for."""
    row = connection.execute("select coalesce(max(id), 0) from fetched_mail").fetchone()
    before = row[0] if row else 0
    started = last = ask(units, mailbox_id)
    give_up_at = started + _LIMIT_SECONDS
    reached = 0
    while reached < len(_STAGES):
        found = connection.execute("select stage from fetched_mail where id > %s", (before,)).fetchone()
        now = time.monotonic()
        here = _STAGES.index(found[0]) + 1 if found else 0
        for stage in _STAGES[reached:here]:
            seen.stages[stage].append(now - last)
            last = now
        reached = here
        check(running, give_up_at)
        time.sleep(_LOOK_SECONDS)
    seen.total.append(last - started)
    while connection.execute("select 1 from fetched_mail where id > %s and disposed_at is null", (before,)).fetchone():
        check(running, give_up_at)
        time.sleep(_LOOK_SECONDS)
    seen.stages["disposed"].append(time.monotonic() - last)
    wait_until_polled(connection, mailbox_id, running)
