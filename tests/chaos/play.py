"""One run from beginning to end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg

from services.demo.core.comparing import Line
from services.demo.core.planting import plan
from services.demo.handler.stage import set_up
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.storage.database import Database
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer
from tests.chaos.checks import Apart, look
from tests.chaos.correspondence import Correspondence
from tests.chaos.correspondence_checks import check_correspondence
from tests.chaos.fleet import Fleet
from tests.chaos.scenario import FAULT_SHARE, FAULTS, Scenario, replica_names
from tests.chaos.servers import ServerFaults, Servers
from tests.chaos.shop import Shop
from tests.chaos.threads import Planter, Watcher
from tests.chaos.verdict import Verdict
from tests.servers.postgresql import new_database

_LOOK_SECONDS = 1.0
_START_SECONDS = 40.0
_LATENCY_MS = 20.0
_TELL_SECONDS = 15.0

# Of processes that died, and of messages that were lost: as if a minute or two had passed.
_MARKS_RUN_OUT = (
    "update mailboxes set poll_requested_until = now(), next_poll_at = now(),"
    " leased_until = case when leased_until is not null then now() end"
)
# Mails that the providers refused wait 40 s, then 160 s and so on: not here, once the providers are well again.
_REFUSED_AGAIN = (
    "update fetched_mail set stage_at = stage_at - interval '1 hour' where stage = 'listed' and fetch_failures > 0"
)
_POLL_NOW = "update mailboxes set next_poll_at = now() where leased_until is null"


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
    """What was done, and what came of it. answers: wrong ones. calls: all, until the answers were right again."""

    verdict: Verdict
    kills: Mapping[str, int]
    server_faults: Mapping[str, int]
    answers: Mapping[str, int]
    calls: int
    seconds: float
    notes: list[str] = field(default_factory=list)


class Run:
    """The parts of a run, and the loop over its events."""

    def __init__(
        self, scenario: Scenario, servers: Servers, logs: Path, say: Callable[[str], None], show: Callable[[Seen], None]
    ) -> None:
        self.scenario, self.servers, self.logs = scenario, servers, logs
        self.say, self.show = say, show
        self.mailboxes = scenario.mailboxes()
        self.mails = plan(scenario.seed, scenario.mails, datetime.now(UTC), self.mailboxes)
        self.correspondence = Correspondence(scenario)
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
            server_faults, shop = self._faults(simulator, database, control, watcher, ending)
            answers, calls = _answers(control), int(control.statistics()["total"])
            control.clear_faults()  # a mail that is refused three times in a row waits longer than this run may take
            shop.ask_again()
            notes = self._rest(watcher, shop, url)
            ended_badly = self._stop_all(watcher)
            depths = self._depths_at_rest()
            shop.close()
            if shop.problem is not None:
                raise shop.problem
            self._lasting(control)
            verdict = self._look(database, control, depths, shop, notes)
            verdict.nothing("stopped badly at the end", ended_badly)
            verdict.lines.append(Line("killed", self.scenario.kills, self.fleet.kills.total()))
            faults = len(self.scenario.server_faults)
            verdict.lines.append(Line("server faults", faults, sum(server_faults.values())))
            notes += self.fleet.ended_by_themselves
            return Report(verdict, self.fleet.kills, server_faults, answers, calls, time.monotonic() - began, notes)

    def _prepare(self, database: Database, simulator: RunningSimulator, control: ControlClient) -> dict[str, str]:
        """The installation, the providers' bad days; returns the services' settings."""
        key = Sealer.new_key()
        set_up(simulator, database, Sealer.parse(key), self.mails, datetime.now(UTC), mailboxes=self.mailboxes)
        self.correspondence.set_up(database, Sealer.parse(key), control, self.servers.rabbitmq)
        control.set_latency(_LATENCY_MS)
        for kind, after in FAULTS:
            when, retry_after = "after" if after else "before", 2 if kind == "429" else None
            control.force(kind, when=when, retry_after=retry_after, probability=FAULT_SHARE / len(FAULTS))
        return self.correspondence.settings() | {
            "APICONNECT_DATABASE_URL": database.url,
            "APICONNECT_RABBITMQ_URL": self.servers.rabbitmq.url,
            "APICONNECT_SEALING_KEYS": key,
            "APICONNECT_PROVIDER_CA_FILE": str(simulator.ca_file),
            "APICONNECT_TICK_SECONDS": "1",
            "APICONNECT_SWEEP_SECONDS": str(self.scenario.overdue / 4),
            "APICONNECT_STAGE_OVERDUE_SECONDS": str(self.scenario.overdue),
        }

    def _look(
        self, database: Database, control: ControlClient, depths: Mapping[str, int], shop: Shop, notes: list[str]
    ) -> Verdict:
        plan = self.correspondence
        apart = Apart([box.address for box in plan.boxes], plan.people)
        verdict = look(database, control, self.mails, self.ids, depths, apart)
        with psycopg.connect(database.url) as connection:
            notes += check_correspondence(verdict, connection, control, plan, shop)
        return verdict

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

    def _faults(
        self,
        simulator: RunningSimulator,
        database: Database,
        control: ControlClient,
        watcher: Watcher,
        ending: ExitStack,
    ) -> tuple[Mapping[str, int], Shop]:
        kills, server_faults, portions = self.scenario.schedule()
        began = time.monotonic()

        def clock() -> float:
            return time.monotonic() - began

        planter = Planter(simulator, self.mails, portions, clock)
        ending.callback(planter.close)
        self.ids = planter.ids
        shop, writers = self.correspondence.begin(control, clock)
        ending.callback(shop.close)
        ending.callback(writers.close)

        def restore() -> None:
            self.correspondence.restore(database, self.servers.rabbitmq)

        servers = ServerFaults(self.servers, server_faults, self.scenario.freeze, clock, self.say, restore)
        ending.callback(servers.close)
        servers.start()
        back: list[tuple[float, str]] = []
        while kills or back or servers.busy() or planter.busy() or writers.busy():
            for due in [one for one in back if one[0] <= clock()]:
                back.remove(due)
                self.fleet.start(due[1])
            while kills and kills[0].at <= clock():
                killed = self.fleet.kill(kills[0].name)
                if killed is None:
                    break  # until one of them is back
                back.append((clock() + kills.pop(0).back_after, killed))
                self.say(f"{killed} is killed")
            self.fleet.replace_dead()
            self._show(watcher)
            time.sleep(0.1)
        for problem in (planter.problem, writers.problem, servers.problem):
            if problem is not None:
                raise problem
        return servers.done, shop

    def _rest(self, watcher: Watcher, shop: Shop, url: str) -> list[str]:
        """Until nothing is left to do; a note if that takes too long."""
        self.say("no more faults; now it must come to rest")
        _turn_the_clock(url, _REFUSED_AGAIN, *([_MARKS_RUN_OUT] if self.scenario.hurry else []))
        began = told = time.monotonic()
        while time.monotonic() - began < self.scenario.quiet:
            now = watcher.progress
            if now is not None and time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self.say(
                    f"{now.listed:,} mails listed, {now.served:,} served, {now.tidied:,} tidied, {now.tidy_due:,} to tidy"
                )
            served = len(self.mails) + self.correspondence.mails
            done = now is not None and now.served >= served and now.tidy_due == 0 and not shop.waiting()
            self.fleet.replace_dead()
            if done and not watcher.busy:
                self.say(f"at rest after {time.monotonic() - began:.0f} s")
                return []
            if self.scenario.hurry and not done and not watcher.busy:
                _turn_the_clock(url, _POLL_NOW)
            self._show(watcher, resting=True)
            time.sleep(_LOOK_SECONDS if self.scenario.hurry else 0.2)
        return [
            f"not at rest after {self.scenario.quiet:.0f} s: {watcher.progress}, {watcher.busy}; requests without an answer: {shop.waiting()}"
        ]

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


def _answers(control: ControlClient) -> Counter[str]:
    """How often each wrong answer was given."""
    given: Counter[str] = Counter()
    for rule in control.faults():
        given[f"{rule['detail'] or rule['kind']} {rule['when']} the work"] += rule["hits"]
    return given


def _turn_the_clock(url: str, *statements: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
