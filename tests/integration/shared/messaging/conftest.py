"""Brokers for the messaging tests: the in-memory one and RabbitMQ, both with short delay tiers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from shared.messaging.broker import Broker
from shared.messaging.memory import MemoryBroker
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from shared.storage.migrator import migrate
from tests.servers.postgresql import PostgreSQL, new_database

SHORT_TIERS = {"10s": 0.4, "1m": 0.8, "10m": 1.2, "1h": 1.6}


@dataclass(frozen=True)
class Brokers:
    """kind: for messages. another: a broker with a connection of its own to the same queues."""

    kind: str
    broker: Broker
    another: Callable[[], Broker]


@pytest.fixture(params=["memory", "rabbitmq"])
def brokers(request: pytest.FixtureRequest) -> Iterator[Brokers]:
    """Both brokers, each test with empty queues."""
    if request.param == "memory":
        memory = MemoryBroker(tiers=SHORT_TIERS)
        yield Brokers("memory", memory, lambda: memory)
        return
    url = request.getfixturevalue("own_rabbitmq_url")
    opened = [RabbitBroker(url, name="tests", tiers=SHORT_TIERS)]
    opened[0].declare()

    def another() -> RabbitBroker:
        opened.append(RabbitBroker(url, name="tests", tiers=SHORT_TIERS))
        return opened[-1]

    yield Brokers("rabbitmq", opened[0], another)
    for broker in opened:
        broker.close()


@pytest.fixture
def broker(brokers: Brokers) -> Broker:
    """The broker under test."""
    return brokers.broker


@pytest.fixture(scope="module")
def _seen_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A migrated database with two more tables for what the tests' handlers write."""
    with new_database(postgresql.url) as url:
        with Database(url) as database:
            migrate(database)
        with psycopg.connect(url) as connection:
            # Mail 13 can't be written: the poison of these tests.
            connection.execute("create table seen (mail_id bigint check (mail_id <> 13))")
            connection.execute("create table failures (mail_id bigint, code text)")
        yield url


@pytest.fixture
def store(_seen_url: str) -> Iterator[Database]:
    """That database, its tables empty."""
    with psycopg.connect(_seen_url) as connection:
        connection.execute("truncate seen, failures, inbox, outbox, dead_letters")
    with Database(_seen_url, max_connections=10, name="tests") as database:
        yield database
