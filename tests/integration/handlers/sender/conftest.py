"""An integration, the sender and its results: over the in-memory broker, and over RabbitMQ with the integration's own user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.messaging.memory import MemoryBroker
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from tests.integration.handlers.sender.edge import Edge, MemoryEdge, RabbitEdge
from tests.sending import SHOP, a_delivery_server, an_integration
from tests.servers.rabbitmq import RabbitMQ

SHORT_TIERS = {"10s": 0.05, "1m": 0.1, "10m": 0.2, "1h": 0.3}


@pytest.fixture(params=["memory", "rabbitmq"])
def edge(request: pytest.FixtureRequest, database: Database) -> Iterator[Edge]:
    """The customer acme with a delivery server `server` and the integration `shop`."""
    yield from _edge(request, database, request.param)


@pytest.fixture
def memory_edge(request: pytest.FixtureRequest, database: Database) -> Iterator[Edge]:
    """For what has nothing to do with the broker."""
    yield from _edge(request, database, "memory")


@pytest.fixture
def rabbit_edge(request: pytest.FixtureRequest, database: Database) -> Iterator[RabbitEdge]:
    """For what only a real broker does."""
    for found in _edge(request, database, "rabbitmq"):
        assert isinstance(found, RabbitEdge)
        yield found


def _edge(request: pytest.FixtureRequest, database: Database, kind: str) -> Iterator[Edge]:
    an_integration(database, SHOP)
    a_delivery_server(database)
    if kind == "memory":
        yield MemoryEdge(database, MemoryBroker(tiers=SHORT_TIERS))
        return
    url = request.getfixturevalue("own_rabbitmq_url")
    server: RabbitMQ = request.getfixturevalue("rabbitmq_server")
    broker = RabbitBroker(url, name="tests", tiers=SHORT_TIERS)
    edge = RabbitEdge(database, broker, server, url)
    yield edge
    edge.close()
