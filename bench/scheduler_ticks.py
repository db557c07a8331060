"""Benchmark 3: how long the scheduler's tick takes, and how much memory the scheduler, when it looks after 100,000 mailboxes.

A tick is the job `poll_due_mailboxes` from its first query to the last of the broker's confirms. Three loads: mailboxes that come
due evenly over their period, every mailbox due at once (as after an outage: each tick takes as many as it may), and every mailbox
due and asked for, but not polled yet (each tick looks in vain). For memory the scheduler runs as a process with all its jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import psycopg

from bench.durations import figures, timed
from bench.installation import CUSTOMERS, Key, create
from bench.processes import check, cpu_seconds, services, used_since
from bench.results import Figure, Result, at_most
from bench.servers import Place, Servers
from services.scheduler.handler import Jobs
from services.scheduler.settings import SchedulerSettings
from shared.domain.installation import KeyRecord
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer
from tests.servers.children import Child

NAME = "scheduler_ticks"
MAILBOXES = 100_000
PERIOD_SECONDS = 600
TICKS = 200
VAIN_TICKS = 50
WATCH_SECONDS = 20.0
_READY_SECONDS = 60.0

Tell = Callable[[str, int, int], None]


def run(servers: Servers, tell: Tell, *, mailboxes: int = MAILBOXES) -> Result:
    """All loads in turn on one database."""
    with (
        servers.place("scheduler-ticks") as place,
        Database(place.database_url, name="bench") as database,
        psycopg.connect(place.database_url, autocommit=True) as connection,
    ):
        migrate(database)
        _fill(database, connection, Sealer.parse(place.sealing_key), mailboxes)
        tell(f"{mailboxes} mailboxes", 1, 1)
        settings = SchedulerSettings(database_url=place.database_url, rabbitmq_url=place.rabbitmq_url)  # type: ignore[arg-type]
        broker = RabbitBroker(place.rabbitmq_url, name="bench")
        broker.declare()
        jobs = Jobs(UnitFactory(database, broker.publisher()), broker, settings, uuid4)
        per_tick = round(mailboxes * settings.tick_seconds / PERIOD_SECONDS)
        steady = _steady(connection, jobs, per_tick, lambda done: tell("due evenly", done, TICKS))
        _all_due(connection)
        most = -(-mailboxes // settings.polls_per_tick)
        full = _many(jobs, most, lambda done: tell("all due at once", done, most))
        vain = _many(jobs, VAIN_TICKS, lambda done: tell("all asked for", done, VAIN_TICKS))
        asked = connection.execute("select count(*) from mailboxes where poll_requested_until > now()").fetchone()
        broker.close()
        memory, cpu = _as_process(place, connection, lambda done: tell("as a process", done, round(WATCH_SECONDS)))
    result = Result(NAME, f"3. Scheduler with {mailboxes} mailboxes: a tick, and memory")
    result.figures += [
        *figures("tick", steady),
        *figures("tick_all_due", full),
        *figures("tick_in_vain", vain),
        Figure("memory", memory, "MiB"),
        Figure("cpu", 100 * cpu, "% of a core"),
        at_most("not_asked_for", mailboxes - (asked[0] if asked else 0), "mailboxes", 0),
    ]
    result.notes += [
        (
            f"tick: {per_tick} mailboxes come due per tick of {settings.tick_seconds:g} s (each every {PERIOD_SECONDS} s); "
            f"{TICKS} ticks"
        ),
        f"tick_all_due: {settings.polls_per_tick} a tick until all {mailboxes} are asked for; {most} ticks",
        f"tick_in_vain: all are due, all are asked for, none is polled; {VAIN_TICKS} ticks",
        f"memory: the most of the scheduler's process, all jobs on, in {WATCH_SECONDS:g} s with the even load",
    ]
    return result


def _fill(database: Database, connection: psycopg.Connection, sealer: Sealer, mailboxes: int) -> None:
    """The mailboxes with a bounce server each, by two statements: what the console would write one by one."""
    keys = [
        Key(KeyRecord(f"{customer}-{provider}", provider, provider, customer), b"unused")
        for customer in CUSTOMERS
        for provider in ("microsoft", "google")
    ]
    with database.transaction() as opened:
        create(opened, sealer, keys, [])
    connection.execute(
        """
        insert into mailboxes (customer_id, email, provider, api_key_id, connection, swept_at)
        select k.customer_id, 'b' || n || '@' || k.provider || '.example.com', k.provider, k.id, 'connected', now()
        from generate_series(1, %(count)s) n
        join (select *, row_number() over (order by id) as place, count(*) over () as keys from api_keys) k
          on k.place = 1 + n %% k.keys
        """,
        {"count": mailboxes},
    )
    connection.execute(
        """
        insert into bounce_servers (uid, name, customer_id, mailbox_id, poll_seconds)
        select 'server-' || id, email, customer_id, id, %s from mailboxes
        """,
        (PERIOD_SECONDS,),
    )
    connection.execute("vacuum analyze")


def _steady(connection: psycopg.Connection, jobs: Jobs, per_tick: int, done: Callable[[int], None]) -> list[float]:
    """Between two ticks the clock goes on for the mailboxes: so many come due, and those asked for before are polled."""
    connection.execute("update mailboxes set next_poll_at = now() + interval '1 day' * (1 + random())")
    taken = []
    for number in range(TICKS):
        connection.execute(
            """
            update mailboxes set poll_requested_until = null, next_poll_at = now() + interval '1 day' * (1 + random())
            where poll_requested_until is not null
            """
        )
        connection.execute(
            """
            update mailboxes set next_poll_at = now() - interval '5 s' * random()
            where id in (select id from mailboxes order by next_poll_at limit %s)
            """,
            (per_tick,),
        )
        taken.append(timed(jobs.poll_due_mailboxes))
        done(number + 1)
    return taken


def _all_due(connection: psycopg.Connection) -> None:
    connection.execute(
        "update mailboxes set poll_requested_until = null, next_poll_at = now() - interval '1 s' * random()"
    )
    connection.execute("vacuum analyze mailboxes")


def _many(jobs: Jobs, ticks: int, done: Callable[[int], None]) -> list[float]:
    taken = []
    for number in range(ticks):
        taken.append(timed(jobs.poll_due_mailboxes))
        done(number + 1)
    return taken


def _as_process(place: Place, connection: psycopg.Connection, at: Callable[[int], None]) -> tuple[float, float]:
    """(MiB, cores) of the real scheduler while mailboxes come due evenly."""
    connection.execute(
        "update mailboxes set poll_requested_until = null, next_poll_at = now() + interval '1 s' * %s * random()",
        (PERIOD_SECONDS,),
    )
    connection.execute("vacuum analyze mailboxes")
    with services(["scheduler"], place.environment, place.logs) as running:
        give_up_at = time.monotonic() + _READY_SECONDS
        while connection.execute("select count(*) from heartbeats").fetchone() == (0,):
            check(running, give_up_at)
            time.sleep(0.1)
        before, started = cpu_seconds(), time.monotonic()
        while (passed := time.monotonic() - started) < WATCH_SECONDS:
            at(int(passed))
            time.sleep(min(1.0, WATCH_SECONDS - passed))
            check(running, started + 2 * WATCH_SECONDS)
        at(round(WATCH_SECONDS))
        return _most_memory(running["scheduler"]), used_since(before).get("scheduler", 0.0) / WATCH_SECONDS


def _most_memory(child: Child) -> float:
    """MiB of resident memory at the highest. Linux: /proc."""
    with open(f"/proc/{child.process.pid}/status", encoding="utf-8") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1_024
