"""All services of the main line in this process, each as its own `build` composes it, over the in-memory broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.actions.__main__ import build as build_actions
from services.actions.settings import ActionsSettings
from services.classifier.__main__ import build as build_classifier
from services.classifier.settings import ClassifierSettings
from services.fetcher.__main__ import build as build_fetcher
from services.fetcher.settings import FetcherSettings
from services.scheduler.__main__ import build as build_scheduler
from services.scheduler.settings import SchedulerSettings
from services.token_refresher.__main__ import build as build_token_refresher
from services.token_refresher.settings import TokenRefresherSettings
from shared.messaging.memory import MemoryBroker
from shared.messaging.process import Service
from shared.storage.database import Database
from tests.builders import SEALING_KEYS

QUIET = """
    select not exists (select 1 from fetched_mail where stage in ('listed', 'fetched', 'classified') or disposal_due)
       and not exists (select 1 from outbox)
       and not exists (select 1 from mailboxes where last_polled_at is null or leased_until is not null)
"""


@contextmanager
def main_line(database: Database, broker: MemoryBroker, ca_file: Path) -> Iterator[None]:
    """Every service works while the block does; what one of them died of is raised at the end."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run(service: Service) -> None:
        try:
            service.run(stop)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,), name=one.name) for one in _services(database, broker, ca_file)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]


def quiet(database: Database) -> bool:
    """Whether every mail that was listed is served and tidied, and every mailbox was polled."""
    with database.transaction() as connection:
        row = connection.execute(QUIET.encode()).fetchone()
    return bool(row and row[0])


def _services(database: Database, broker: MemoryBroker, ca_file: Path) -> list[Service]:
    given: dict[str, Any] = {
        "database_url": database.url,
        "rabbitmq_url": "memory://",
        "sealing_keys": SEALING_KEYS,
        "provider_ca_file": str(ca_file),
    }
    return [
        build_scheduler(SchedulerSettings(**given, tick_seconds=0.2, sweep_seconds=1.0), database, broker),
        build_token_refresher(TokenRefresherSettings(**given), database, broker),
        build_fetcher(FetcherSettings(**given, mailboxes_at_once=4), database, broker),
        build_classifier(ClassifierSettings(**given), database, broker),
        build_actions(ActionsSettings(**given), database, broker),
    ]
