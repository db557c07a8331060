"""One service as a process, or as a part of one: heartbeat, runners in threads, and an orderly end.

SIGTERM: stop consuming, finish or hand back what is held, and be gone within 20 seconds.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol, TypeVar

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging import collecting, health
from shared.messaging.broker import Broker
from shared.messaging.rabbitmq import RabbitBroker
from shared.settings import BrokerSettings, DatabaseSettings, ProcessSettings
from shared.storage import heartbeats
from shared.storage.database import Database
from shared.telemetry import configure, log

_BEAT_SECONDS = 10.0


class Runner(Protocol):
    """Something that works until `stop` is set."""

    def run(self, stop: threading.Event) -> None:
        """Blocks; raises only what must end the process."""
        ...


class Service:
    """A service's runners, under one name, and what has to be closed at its end."""

    def __init__(
        self,
        name: str,
        instance: str,
        database: Database,
        runners: Sequence[Runner],
        closing: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.name = name
        self._instance = instance
        self._database = database
        self._runners = runners
        self._closing = closing
        self._threads: list[threading.Thread] = []

    def ended(self) -> list[str]:
        """Names of the runners that have ended, by themselves or at a stop. While the service works: none."""
        return [thread.name for thread in self._threads if thread.ident is not None and not thread.is_alive()]

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set or a runner fails; then stops all of them. Raises what the first runner raised."""
        failures: list[BaseException] = []

        def work(runner: Runner) -> None:
            try:
                runner.run(stop)
            except BaseException as error:  # noqa: BLE001 - raised again at the end of run()
                log.critical("service.failed", name=self.name, error=str(error), exc_info=True)
                failures.append(error)
                stop.set()

        threads = self._threads = [
            threading.Thread(target=work, args=(runner,), name=f"{self.name}-{n}")
            for n, runner in enumerate(self._runners)
        ]
        log.info("service.started", name=self.name, instance=self._instance)
        for thread in threads:
            thread.start()
        try:
            self._beat_until(stop)
        finally:
            stop.set()  # a heart that fails, in a database without tables, must not leave the rest running for ever
            for thread in threads:
                thread.join()
            for close in self._closing:
                close()
        self._leave()
        log.info("service.stopped", name=self.name, instance=self._instance)
        if failures:
            raise failures[0]

    def _beat_until(self, stop: threading.Event) -> None:
        while True:
            try:
                with self._database.transaction() as connection:
                    heartbeats.beat(connection, self.name, self._instance)
            except BrokerOrDatabaseDown as down:
                log.warning("heartbeat.missed", name=self.name, error=str(down))
            if stop.wait(_BEAT_SECONDS):
                return

    def _leave(self) -> None:
        try:
            with self._database.transaction() as connection:
                heartbeats.leave(connection, self.name, self._instance)
        except BrokerOrDatabaseDown:
            log.info("heartbeat.left_behind", name=self.name)  # it ages, and the scheduler drops it


def open_broker(settings: BrokerSettings, name: str) -> RabbitBroker:
    """The broker that the settings name; an amqps:// one is checked against the setting's CA, else the system's."""
    return RabbitBroker(
        settings.rabbitmq_url.get_secret_value(),
        ca_file=settings.rabbitmq_ca_file,
        name=name,
        creates=settings.rabbitmq_creates,
    )


def open_database(settings: DatabaseSettings, name: str) -> Database:
    """The database that the settings name, not yet connected."""
    return Database(
        settings.database_url.get_secret_value(),
        max_connections=settings.database_connections,
        name=f"apiconnect {name}",
    )


S = TypeVar("S", bound=ProcessSettings)


def run_service(name: str, settings: S, build: Callable[[S, Database, Broker], Service]) -> None:
    """The whole life of a service's process: logs, connections, work until SIGTERM or SIGINT, an orderly end."""
    configure(name, level=settings.log_level, form=settings.log_format)
    broker = open_broker(settings, name)
    try:
        with open_database(settings, name) as database:
            service = build(settings, database, broker)
            collecting.spare()
            checks = {"postgresql": database.alive, "rabbitmq": broker.ping}
            with health.serving(settings.metrics_port, service.ended, checks):
                run_until_signalled(service)
    finally:
        broker.close()


def run_until_signalled(service: Service) -> None:
    """Runs `service` in this process until SIGTERM or SIGINT."""
    stop = threading.Event()

    def end(signum: int, _frame: FrameType | None) -> None:
        log.info("service.stopping", name=service.name, signal=signal.Signals(signum).name)
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    service.run(stop)
