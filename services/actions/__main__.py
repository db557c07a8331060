"""Composition of the actions service. Start it with `apiconnect run actions`."""

from __future__ import annotations

from datetime import timedelta

from services.actions.handler.mail_classified import MailClassifiedHandler
from services.actions.handler.replay_classified import ReplayClassifiedHandler
from services.actions.settings import ActionsSettings
from shared.messaging.broker import Broker
from shared.messaging.process import Runner, Service, run_service
from shared.messaging.runner import BatchRunner
from shared.messaging.unit import UnitFactory
from shared.settings import instance_name
from shared.storage.database import Database
from shared.telemetry import start_tracing


def build(settings: ActionsSettings, database: Database, broker: Broker) -> Service:
    """The service over an open database and a broker."""
    handler = MailClassifiedHandler(database, soft_window=timedelta(days=settings.soft_window_days))
    units = UnitFactory(database, broker.publisher())
    runners: list[Runner] = [
        BatchRunner(broker, units, handler, batch_size=settings.batch_size),
        BatchRunner(broker, units, ReplayClassifiedHandler(database), batch_size=1),  # a part is a batch
    ]
    return Service("actions", instance_name(), database, runners, [start_tracing("actions", settings.otlp_endpoint)])


def main() -> None:
    """Runs the service until it is told to stop."""
    run_service("actions", ActionsSettings.read(), build)


if __name__ == "__main__":
    main()
