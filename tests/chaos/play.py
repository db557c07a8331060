"""One run from beginning to end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from services.demo.core.planting import plan
from services.demo.handler.stage import plant, set_up
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.storage import demo_counts
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer
from tests.chaos.checks import Verdict, look
from tests.chaos.fleet import Fleet
from tests.chaos.scenario import FAULT_SHARE, FAULTS, Kill, Portion, Scenario, replica_names
from tests.chaos.servers import ServerFaults, Servers
from tests.servers.postgresql import new_database

_LOOK_SECONDS = 1.0
_START_SECONDS = 40.0
_LATENCY_MS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """How far it is: what a person sees while it runs."""

    planted: int = 0
    served: int = 0
    tidy_due: int = 0
    kills: int = 0
    resting: bool = False


@dataclass
class Report:
    """What was done, and what came of it."""

    verdict: Verdict
    kills: Mapping[str, int]
    server_faults: Mapping[str, int]
    answers: Mapping[str, int]
    calls: int
    seconds: float
    notes: list[str] = field(default_factory=list)


class Watcher:
    """Looks at the database now and then, in a thread of its own: it may be frozen."""

    def __init__(self, url: str, depths: Callable[[], Mapping[str, int]]) -> None:
        self._url = url
        self._depths = depths
        self._stop = threading.Event()
        self.progress: demo_counts.Progress | None = None
        self.busy = "not looked at yet"
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                with psycopg.connect(self._url, connect_timeout=5) as connection:
                    self.progress = demo_counts.progress(connection)
                    row = connection.execute(
                        "select (select count(*) from outbox),"
                        " (select count(*) from mailboxes where lease_holder is not null),"
                        " (select count(*) from budget_slots where expires_at > now())"
                    ).fetchone()
                waiting = {name: count for name, count in self._depths().items() if count}
                self.busy = f"outbox, leases, slots: {row}; {waiting}" if waiting or row != (0, 0, 0) else ""
            except (psycopg.Error, OSError) as problem:
                self.busy = f"{type(problem).__name__}: {problem}"


class Run:
    """The parts of a run, and the loop over its events."""

    def __init__(
        self, scenario: Scenario, servers: Servers, logs: Path, say: Callable[[str], None], show: Callable[[Seen], None]
    ) -> None:
        self.scenario, self.servers, self.logs = scenario, servers, logs
        self.say, self.show = say, show
        self.mailboxes = scenario.mailboxes()
        self.mails = plan(scenario.seed, scenario.mails, datetime.now(UTC), self.mailboxes)
        self.ids: dict[int, str] = {}

    def play(self) -> Report:
        """Everything. Whatever it started has ended when it returns or raises."""
        began = time.monotonic()
        with ExitStack() as ending:
            url = ending.enter_context(new_database(self.servers.postgresql.url, "chaos"))
            simulator = start(SimulatorSettings(own_process=True, seed=self.scenario.seed))
            ending.callback(simulator.stop)
            database = ending.enter_context(Database(url, max_connections=2, name="chaos"))
            migrate(database)
            control = ControlClient(simulator.http_url)
            self.fleet = Fleet(self._prepare(database, simulator, control), self.logs)
            ending.callback(self.fleet.close)
            watcher = Watcher(url, self.servers.depths)
            ending.callback(watcher.close)
            self._start_all(url)
            server_faults = self._faults(simulator, watcher, ending)
            notes = self._rest(watcher)
            answers = Counter[str]()
            for rule in control.faults():
                answers[f"{rule['detail'] or rule['kind']} {rule['when']} the work"] += rule["hits"]
            control.clear_faults()
            ended_badly = self._stop_all(watcher)
            self._lasting(control)
            verdict = look(database, control, self.mails, self.ids, self._depths_at_rest())
            verdict.nothing("stopped badly at the end", ended_badly)
            notes += self.fleet.ended_by_themselves
            calls = sum(one["requests"] for one in control.limits())
            return Report(verdict, self.fleet.kills, server_faults, answers, calls, time.monotonic() - began, notes)

    def _prepare(self, database: Database, simulator: RunningSimulator, control: ControlClient) -> dict[str, str]:
        """The installation, the providers' bad days; returns the services' settings."""
        key = Sealer.new_key()
        set_up(simulator, database, Sealer.parse(key), self.mails, datetime.now(UTC), mailboxes=self.mailboxes)
        control.set_latency(_LATENCY_MS)
        for kind, after in FAULTS:
            when, retry_after = "after" if after else "before", 2 if kind == "429" else None
            control.force(kind, when=when, retry_after=retry_after, probability=FAULT_SHARE / len(FAULTS))
        return {
            "APICONNECT_DATABASE_URL": database.url,
            "APICONNECT_RABBITMQ_URL": self.servers.rabbitmq.url,
            "APICONNECT_SEALING_KEYS": key,
            "APICONNECT_PROVIDER_CA_FILE": str(simulator.ca_file),
            "APICONNECT_TICK_SECONDS": "1",
            "APICONNECT_SWEEP_SECONDS": str(self.scenario.overdue / 4),
            "APICONNECT_STAGE_OVERDUE_SECONDS": str(self.scenario.overdue),
        }

    def _start_all(self, url: str) -> None:
        for name in replica_names():
            self.fleet.start(name)
        give_up_at = time.monotonic() + _START_SECONDS
        with psycopg.connect(url, autocommit=True) as connection:
            while True:
                row = connection.execute("select count(*) from heartbeats").fetchone()
                if (row and row[0] >= len(replica_names())) or time.monotonic() > give_up_at:
                    break
                time.sleep(0.1)
        self.say(f"{len(self.fleet.names())} processes run")

    def _faults(self, simulator: RunningSimulator, watcher: Watcher, ending: ExitStack) -> Mapping[str, int]:
        kills, server_faults, portions = self.scenario.schedule()
        began = time.monotonic()

        def clock() -> float:
            return time.monotonic() - began

        servers = ServerFaults(self.servers, server_faults, self.scenario.freeze, clock, self.say)
        ending.callback(servers.close)
        servers.start()
        events: list[Kill | Portion] = sorted([*kills, *portions], key=lambda event: event.at)
        back: list[tuple[float, str]] = []
        while events or back or servers.busy():
            for due in [one for one in back if one[0] <= clock()]:
                back.remove(due)
                self.fleet.start(due[1])
            while events and events[0].at <= clock():
                event = events.pop(0)
                if isinstance(event, Portion):
                    some = self.mails[event.first : event.to]
                    self.ids |= plant(simulator, some, datetime.now(UTC), lambda _: None)
                else:
                    self.fleet.kill(event.name)
                    back.append((clock() + event.back_after, event.name))
                    self.say(f"{event.name} is killed")
            self.fleet.replace_dead()
            self._show(watcher)
            time.sleep(0.1)
        if servers.problem is not None:
            raise servers.problem
        return servers.done

    def _rest(self, watcher: Watcher) -> list[str]:
        """Until nothing is left to do; a note if that takes too long."""
        self.say("no more faults but the providers'; now it must come to rest")
        began = time.monotonic()
        while time.monotonic() - began < self.scenario.quiet:
            now = watcher.progress
            done = now is not None and now.served >= len(self.mails) and now.tidy_due == 0
            self.fleet.replace_dead()
            if done and not watcher.busy:
                self.say(f"at rest after {time.monotonic() - began:.0f} s")
                return []
            self._show(watcher, resting=True)
            time.sleep(0.2)
        return [f"not at rest after {self.scenario.quiet:.0f} s: {watcher.progress}, {watcher.busy}"]

    def _stop_all(self, watcher: Watcher) -> list[str]:
        """First who asks for work, then, when what was asked for is done, the others."""
        schedulers = [name for name in self.fleet.names() if name.startswith("scheduler")]
        wrong = self.fleet.stop(schedulers)
        with suppress(OSError):
            end = time.monotonic() + 15
            while time.monotonic() < end and any(self.servers.depths().values()):
                time.sleep(0.2)
        return wrong + self.fleet.stop(self.fleet.names())

    def _depths_at_rest(self) -> dict[str, int]:
        """The management API counts every five seconds; until it says nothing, or ten seconds have passed."""
        end = time.monotonic() + 10
        while any((depths := self.servers.depths()).values()) and time.monotonic() < end:
            time.sleep(0.5)
        return depths

    def _lasting(self, control: ControlClient) -> None:
        """A mail that was moved while it was planted is known by the id it had: now by the one it keeps."""
        lasting = {one["id"]: one["lasting_id"] for one in control.removals()}
        self.ids = {number: lasting.get(mail_id, mail_id) for number, mail_id in self.ids.items()}

    def _show(self, watcher: Watcher, *, resting: bool = False) -> None:
        now = watcher.progress
        served, due = (now.served, now.tidy_due) if now else (0, 0)
        self.show(Seen(len(self.ids), served, due, self.fleet.kills.total(), resting))
