"""The part of the line that decides, over a real RabbitMQ."""

from __future__ import annotations

import pytest

from shared.storage.database import Database
from tests.pipeline.queues import Command, Queues


@pytest.fixture
def queues(database: Database, own_rabbitmq_url: str) -> Queues:
    """Nothing is at work yet."""
    return Queues(database, own_rabbitmq_url)


@pytest.fixture
def command(queues: Queues) -> Command:
    """command("bounces", "runs") as an operator runs it."""
    return queues.command
