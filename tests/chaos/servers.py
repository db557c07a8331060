"""A PostgreSQL and a RabbitMQ to be treated badly, and what is done to them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from shared.domain.errors import ApiConnectError
from tests.chaos.scenario import ServerFault
from tests.servers import finding
from tests.servers.children import ServerFailed
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ, management

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Servers:
    """Both, ours alone."""

    postgresql: PostgreSQL
    rabbitmq: RabbitMQ

    def depths(self) -> dict[str, int]:
        """Messages by queue, of those that the management API has counted. Raises OSError while it does not answer."""
        return {queue["name"]: queue.get("messages", 0) for queue in management(self.rabbitmq, "GET", "/queues")}


@contextmanager
def own_postgresql() -> Iterator[PostgreSQL]:
    """A durable one that remembers when each transaction was committed. Raises NoServer."""
    server = finding.own_postgresql(durable=True)
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("alter system set track_commit_timestamp = on")
            connection.execute("alter system set max_connections = 200")
        server.restart()
        yield server
    finally:
        server.close()


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Both, started for this run and removed after it. Raises NoServer."""
    with own_postgresql() as postgresql:
        rabbitmq = finding.own_rabbitmq()
        try:
            yield Servers(postgresql, rabbitmq)
        finally:
            rabbitmq.close()


@dataclass
class ServerFaults:
    """Carries the faults out in a thread of its own: services go on being killed while a server is down."""

    servers: Servers
    faults: Sequence[ServerFault]
    freeze_seconds: float
    clock: Callable[[], float]
    say: Say
    after_wipe: Callable[[], None]
    done: Counter[str] = field(default_factory=Counter)
    problem: Exception | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="server faults")

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def busy(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def close(self) -> None:
        """No more faults; returns when a server that is being restarted is up, and nothing is frozen."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            for fault in self.faults:
                if self._stop.wait(max(0.0, fault.at - self.clock())):
                    return
                self._carry_out(fault.what)
                self.done[fault.what] += 1
        except (ServerFailed, ApiConnectError, OSError) as problem:
            self.problem = problem

    def _carry_out(self, what: str) -> None:
        match what:
            case "broker_restart":
                self.say("RabbitMQ is restarted")
                self.servers.rabbitmq.restart()
                self.say("RabbitMQ is up again")
            case "broker_wipe":
                self.say("RabbitMQ loses all its data")
                self.servers.rabbitmq.reset()
                self.say("RabbitMQ is up again, empty")
                self.after_wipe()
                self.say("integrations are put back")
            case "database_restart":
                self.say("PostgreSQL is restarted")
                self.servers.postgresql.restart()
                self.say("PostgreSQL is up again")
            case "database_freeze":
                self.say(f"PostgreSQL is frozen for {self.freeze_seconds:.0f} s")
                self.servers.postgresql.freeze()
                try:
                    self._stop.wait(self.freeze_seconds)
                finally:
                    self.servers.postgresql.thaw()
                self.say("PostgreSQL goes on")
            case _:
                raise ValueError(what)
