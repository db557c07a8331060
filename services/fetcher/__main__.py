"""Composition of the fetcher. Start it with `apiconnect run fetcher`."""

from __future__ import annotations

import random
import threading

from services.fetcher.handler import PollMailboxHandler
from services.fetcher.handler.leases import Leases
from services.fetcher.settings import FetcherSettings
from shared.contracts.commands import PollMailbox
from shared.mailbox_access import MailboxAccess
from shared.messaging.broker import Broker
from shared.messaging.process import Service, run_service
from shared.messaging.runner import ConcurrentRunner
from shared.messaging.unit import UnitFactory
from shared.providers.catalogue import catalogue_for
from shared.settings import instance_name
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import LEASE_AGE, observe_budget, start_tracing


class _Polling:
    """The runner, with the handler told when to stop between two rounds."""

    def __init__(self, runner: ConcurrentRunner[PollMailbox], handler: PollMailboxHandler) -> None:
        self._runner = runner
        self._handler = handler

    def run(self, stop: threading.Event) -> None:
        self._handler.stopping = stop.is_set
        self._runner.run(stop)


def build(settings: FetcherSettings, database: Database, broker: Broker) -> Service:
    """The service over an open database and a broker."""
    sealer = Sealer.parse(settings.sealing_keys.get_secret_value())
    holder = instance_name()
    units = UnitFactory(database, broker.publisher())
    leases = Leases(database)
    LEASE_AGE.set_function(leases.oldest_seconds)
    access = MailboxAccess(database, sealer, catalogue_for(settings), holder, observe=observe_budget)
    handler = PollMailboxHandler(units, access, sealer, leases, settings, holder, random.random)
    runner = ConcurrentRunner(broker, units, handler, concurrency=settings.mailboxes_at_once)
    tracing = start_tracing("fetcher", settings.otlp_endpoint)
    return Service("fetcher", holder, database, [_Polling(runner, handler), leases], [handler.close, tracing])


def main() -> None:
    """Runs the service until it is told to stop."""
    run_service("fetcher", FetcherSettings.read(), build)


if __name__ == "__main__":
    main()
