"""Opens what a command needs, from the settings, and turns known failures into one clear line and an exit code."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

import typer

from services.console.cli.screen import complain
from shared.domain.access import NotThere
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Provider
from shared.messaging.broker import Broker
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.unit import UnitFactory
from shared.providers.catalogue import catalogue_for
from shared.providers.provider import ProviderRecord
from shared.settings import BrokerSettings, DatabaseSettings, ProviderSettings, SealingSettings
from shared.storage import migrator
from shared.storage.database import Connection, Database
from shared.storage.sealing import Sealer

FAULT_FOUND = 1
REFUSED = 2

# A person waits for the answer.
_PATIENCE = 3.0


@contextmanager
def opened_database(*, migrated: bool = True, connections: int = 2) -> Iterator[Database]:
    """The database. migrated: refuses one that lacks a migration, rather than fail at some statement."""
    settings = DatabaseSettings.read()
    # What the pool would log about a database that is down is said below, once.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    with (
        telling(),
        Database(
            settings.database_url.get_secret_value(),
            max_connections=connections,
            name="console",
            patience_seconds=_PATIENCE,
        ) as database,
    ):
        if migrated:
            with database.transaction() as connection:
                missing = migrator.pending(connection)
            if missing:
                complain(f"The database lacks {', '.join(missing)}: run apiconnect migrate first.")
                raise typer.Exit(FAULT_FOUND)
        yield database


@contextmanager
def asked_for() -> Iterator[Connection]:
    """A transaction for one who asks in a role: what is not there, is said in one line, with exit code 2."""
    with opened_database() as database:
        try:
            with database.transaction() as connection:
                yield connection
        except NotThere as error:
            complain(str(error))
            raise typer.Exit(REFUSED) from None


@contextmanager
def opened_broker_if_set() -> Iterator[Broker | None]:
    """The broker, for a command that can do without; None where the settings name none."""
    if not BrokerSettings.is_set("rabbitmq_url"):
        yield None
        return
    with opened_broker() as broker:
        yield broker


@contextmanager
def opened_broker() -> Iterator[Broker]:
    """The broker. It connects at first use."""
    settings = BrokerSettings.read()
    url = settings.rabbitmq_url.get_secret_value()
    broker = RabbitBroker(url, ca_file=settings.rabbitmq_ca_file, name="console", creates=settings.rabbitmq_creates)
    with telling():
        try:
            yield broker
        finally:
            with suppress(ApiConnectError):
                broker.close()


@contextmanager
def opened_units() -> Iterator[UnitFactory]:
    """Units over the database and the broker, for commands that publish."""
    with ExitStack() as stack:
        database = stack.enter_context(opened_database())
        broker = stack.enter_context(opened_broker())
        yield UnitFactory(database, broker.publisher())


def providers() -> Mapping[Provider, ProviderRecord]:
    """The real providers, reached as the settings say."""
    return catalogue_for(ProviderSettings.read())


def sealer() -> Sealer:
    """The key ring. Ends the command with one line if it is malformed."""
    try:
        return Sealer.parse(SealingSettings.read().sealing_keys.get_secret_value())
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(REFUSED) from None


@contextmanager
def telling() -> Iterator[None]:
    """A failure that the product knows is told in one line; anything else is a bug and shows its traceback."""
    try:
        yield
    except ApiConnectError as error:
        complain(str(error))
        raise typer.Exit(FAULT_FOUND) from None
