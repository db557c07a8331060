"""Send requests that the broker parked by itself, and what earlier releases parked: sealed rows, as all that comes from outside."""

from __future__ import annotations

import threading

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import Broker
from shared.messaging.dead_letters import collect_requests
from shared.messaging.topology import SEND_QUEUE
from shared.storage import dead_letters
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import log

_EVERY_SECONDS = 30.0
_MANY = 20


class ParkedRequests:
    """The scheduler does it for our own messages; here it takes a sealing key, which the scheduler has not."""

    def __init__(
        self, broker: Broker, database: Database, sealer: Sealer, every_seconds: float = _EVERY_SECONDS
    ) -> None:
        self._broker = broker
        self._database = database
        self._sealer = sealer
        self._every_seconds = every_seconds

    def run(self, stop: threading.Event) -> None:
        """Looks until `stop` is set."""
        while not stop.wait(self._every_seconds):
            try:
                self._seal()
                if collected := collect_requests(self._broker, self._database, self._sealer):
                    log.warning("dead_letters.collected", messages=collected)
            except BrokerOrDatabaseDown as down:
                log.warning("dead_letters.not_collected", error=str(down))

    def _seal(self) -> None:
        while True:
            with self._database.transaction() as connection:
                sealed = dead_letters.seal_plain(connection, self._sealer, SEND_QUEUE, _MANY)
            if sealed:
                log.info("dead_letters.sealed", letters=sealed)
            if sealed < _MANY:
                return
