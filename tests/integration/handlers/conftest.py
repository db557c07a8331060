"""The works of one test."""

from __future__ import annotations

import pytest

from shared.storage.database import Database
from tests.integration.handlers.works import Works


@pytest.fixture
def works(database: Database) -> Works:
    """PostgreSQL as the migrations leave it, an empty broker, providers without mail."""
    return Works(database)
