"""A runner for each integration's queue, each in its own thread: whoever floods one queue keeps nobody else waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import Broker
from shared.messaging.process import Runner
from shared.storage import send_facts
from shared.storage.database import Database
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class _Reader:
    thread: threading.Thread
    stop: threading.Event


class IntegrationQueues:
    """Looks at the integrations every few seconds: starts a runner for each that is new, stops those of the ones that are gone."""

    def __init__(
        self, broker: Broker, database: Database, runner: Callable[[str], Runner], every_seconds: float
    ) -> None:
        self._broker = broker
        self._database = database
        self._runner = runner
        self._every_seconds = every_seconds
        self._readers: dict[str, _Reader] = {}

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then all runners end first."""
        while True:
            with suppress(BrokerOrDatabaseDown):  # the runners themselves say so, and wait
                self._look()
            if stop.wait(self._every_seconds):
                break
        for reader in self._readers.values():
            reader.stop.set()
        for reader in self._readers.values():
            reader.thread.join()

    def _look(self) -> None:
        with self._database.transaction() as connection:
            names = set(send_facts.integrations(connection))
        for name in self._readers.keys() - names:
            self._readers.pop(name).stop.set()
            log.info("integration.left", integration=name)
        self._broker.know(names)
        for name in sorted(names):
            reader = self._readers.get(name)
            if reader is None or not reader.thread.is_alive():
                self._readers[name] = self._start(name)

    def _start(self, name: str) -> _Reader:
        stop = threading.Event()
        thread = threading.Thread(target=self._read, args=(name, stop), name=f"accepting-{name}", daemon=True)
        thread.start()
        return _Reader(thread, stop)

    def _read(self, name: str, stop: threading.Event) -> None:
        try:
            self._runner(name).run(stop)
        except Exception as error:  # noqa: BLE001 - one integration's queue must not end the others'; the next look starts it again
            log.critical("integration.failed", integration=name, error=str(error), exc_info=True)
