"""Opens what a command needs, and turns known failures into one clear line and exit code 1."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from shared.domain.errors import ApiConnectError
from shared.messaging.process import open_broker
from shared.messaging.unit import UnitFactory
from shared.settings import BrokerSettings, DatabaseSettings, SealingSettings
from shared.storage.database import Database
from shared.storage.sealing import Sealer

FAULT_FOUND = 1
REFUSED = 2
_PATIENCE_SECONDS = 3.0  # a person waits


@contextmanager
def opened_database() -> Iterator[Database]:
    """The database that the settings name."""
    url = DatabaseSettings.read().database_url.get_secret_value()
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what it would say is said below, once
    with _telling(), Database(url, max_connections=2, name="console", patience_seconds=_PATIENCE_SECONDS) as database:
        yield database


@contextmanager
def opened_units() -> Iterator[UnitFactory]:
    """Units over the database and the broker."""
    with opened_database() as database, _telling():
        broker = open_broker(BrokerSettings.read(), "console")
        try:
            yield UnitFactory(database, broker.publisher())
        finally:
            broker.close()


def sealer() -> Sealer:
    """The key ring."""
    try:
        return Sealer.parse(SealingSettings.read().sealing_keys.get_secret_value())
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(REFUSED) from None


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except ApiConnectError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAULT_FOUND) from None
