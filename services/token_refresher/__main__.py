"""Composition of the token refresher. Start it with `apiconnect run token_refresher`."""

from __future__ import annotations

from services.token_refresher.handler import RefreshTokenHandler
from services.token_refresher.settings import TokenRefresherSettings
from shared.mailbox_access import Tokens
from shared.messaging.broker import Broker
from shared.messaging.process import Service, run_service
from shared.messaging.runner import ConcurrentRunner
from shared.messaging.unit import UnitFactory
from shared.providers.catalogue import catalogue_for
from shared.settings import instance_name
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import start_tracing


def build(settings: TokenRefresherSettings, database: Database, broker: Broker) -> Service:
    """The service over an open database and a broker."""
    sealer = Sealer.parse(settings.sealing_keys.get_secret_value())
    holder = instance_name()
    handler = RefreshTokenHandler(database, sealer, Tokens(database, sealer, catalogue_for(settings), holder))
    units = UnitFactory(database, broker.publisher())
    runner = ConcurrentRunner(broker, units, handler, concurrency=settings.tokens_at_once)
    return Service(
        "token_refresher", holder, database, [runner], [start_tracing("token_refresher", settings.otlp_endpoint)]
    )


def main() -> None:
    """Runs the service until it is told to stop."""
    run_service("token_refresher", TokenRefresherSettings.read(), build)


if __name__ == "__main__":
    main()
