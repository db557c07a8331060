"""One simulator for these tests, and an empty world for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.storage.database import Database
from tests.integration.services.sender.delivering import Delivering


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for each file; each test begins with an empty world."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture
def delivering(simulator: RunningSimulator, database: Database) -> Delivering:
    """An empty world."""
    return Delivering(simulator, database)
