"""Fixtures for every test: real servers, found or started once per run (see tests/servers/finding.py)."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import TypeVar

import psycopg
import pytest

from shared.storage.database import Database
from shared.storage.migrator import migrate
from tests.servers import finding
from tests.servers.children import REAPER
from tests.servers.postgresql import PostgreSQL, new_database
from tests.servers.rabbitmq import RabbitMQ, new_vhost
from tests.servers.schema import Schema

_Server = TypeVar("_Server")
NO_SERVER = 3


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends the run in good order, as Ctrl-C does, so that the servers are stopped."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last of all: whatever is still there is ended."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    REAPER.close()


def _or_exit(way: Callable[[], _Server]) -> _Server:
    """One line and a failed run instead of the same error a thousand times."""
    try:
        return way()
    except finding.NoServer as error:
        pytest.exit(str(error), returncode=NO_SERVER)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The PostgreSQL of this run: stop(), start(), restart(), freeze(), thaw() unless it was given by URL."""
    server = _or_exit(finding.postgresql)
    yield server
    server.close()


@pytest.fixture(scope="session")
def database_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A database of this run alone, empty when the run starts. Tests that use `database` share it."""
    with new_database(postgresql.url) as url:
        yield url


@pytest.fixture
def empty_database_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A database of this test alone, without any table."""
    with new_database(postgresql.url) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_database(database_url: str) -> Iterator[Database]:
    """The run's database with every migration applied. Tests ask for `database`, which is also empty."""
    with Database(database_url, max_connections=16, name="tests") as database:
        migrate(database)
        yield database


@pytest.fixture(scope="session")
def as_migrated(migrated_database: Database) -> Schema:
    """What the migrations left: their tables, and the rows they put there themselves."""
    with psycopg.connect(migrated_database.url) as connection:
        return Schema.of(connection)


@pytest.fixture
def database(migrated_database: Database, as_migrated: Schema) -> Database:
    """The database as the migrations leave it: no other table, no other row, every sequence at its start.

    Put in order before the test, so that a failed one leaves its rows to look at.
    """
    with psycopg.connect(migrated_database.url) as connection:
        as_migrated.restore(connection)
    return migrated_database


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQ]:
    """The RabbitMQ of this run, perhaps given by URL."""
    server = _or_exit(finding.rabbitmq)
    yield server
    server.close()


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq_server: RabbitMQ) -> Iterator[str]:
    """A vhost of this run alone, empty when the run starts. Tests share it; see `own_rabbitmq_url`."""
    with new_vhost(rabbitmq_server) as url:
        yield url


@pytest.fixture
def own_rabbitmq_url(rabbitmq_server: RabbitMQ) -> Iterator[str]:
    """A vhost of this test alone, empty."""
    with new_vhost(rabbitmq_server) as url:
        yield url


class _Node:
    """The node that tests may treat badly: wiped before each of them but the first."""

    def __init__(self) -> None:
        self.server: RabbitMQ | None = None

    def fresh(self) -> RabbitMQ:
        if self.server is None:
            self.server = _or_exit(finding.own_rabbitmq)
        else:
            self.server.reset()
        return self.server


@pytest.fixture(scope="session")
def _rabbitmq_node() -> Iterator[_Node]:
    # A node beside `rabbitmq_server`, so that a test that wipes it takes nothing from the others.
    node = _Node()
    yield node
    if node.server is not None:
        node.server.close()


@pytest.fixture
def rabbitmq(_rabbitmq_node: _Node) -> RabbitMQ:
    """A node to be treated badly, empty: stop(), start(), restart(), reset(), freeze(), thaw(); `url`, `management_url`.

    It is ours even where the run's server was given by URL.
    """
    return _rabbitmq_node.fresh()
