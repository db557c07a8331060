"""Composition of the sender. Start it with `apiconnect run sender`."""

from __future__ import annotations

from uuid import uuid4

from services.sender.handler import accepting, delivering
from services.sender.settings import SenderSettings
from shared.mailbox_access import MailboxAccess
from shared.messaging.broker import Broker
from shared.messaging.process import Service, run_service
from shared.messaging.unit import UnitFactory
from shared.providers.catalogue import catalogue_for
from shared.settings import instance_name
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import observe_budget, start_tracing


def build(settings: SenderSettings, database: Database, broker: Broker) -> Service:
    """The service over an open database and a broker."""
    sealer = Sealer.parse(settings.sealing_keys.get_secret_value())
    units = UnitFactory(database, broker.publisher())
    access = MailboxAccess(database, sealer, catalogue_for(settings), instance_name(), observe=observe_budget)
    work = [
        *accepting.runners(broker, units, sealer, settings, uuid4),
        *delivering.runners(units, access, sealer, settings),
    ]
    tracing = start_tracing("sender", settings.otlp_endpoint)
    return Service("sender", instance_name(), database, work, [tracing])


def main() -> None:
    """Runs the service until it is told to stop."""
    run_service("sender", SenderSettings.read(), build)


if __name__ == "__main__":
    main()
