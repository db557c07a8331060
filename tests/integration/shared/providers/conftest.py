"""The simulator over https with its own CA, and a peer for each kind of provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.providers.http import Transport
from tests.integration.shared.providers.doubles import RecordingBudget, Tokens
from tests.integration.shared.providers.peers import GmailPeer, GraphPeer, MemoryPeer, Peer
from tests.integration.shared.providers.scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    simulator = start(SimulatorSettings())
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(running: RunningSimulator) -> Iterator[RunningSimulator]:
    """Nothing that a test before forced is left."""
    yield running
    ControlClient(running.http_url).clear_faults()


@pytest.fixture(scope="module")
def transport(running: RunningSimulator) -> Iterator[Transport]:
    made = Transport(ca_file=str(running.ca_file), connect_timeout=5, read_timeout=10)
    yield made
    made.close()


@pytest.fixture
def graph(simulator: RunningSimulator, transport: Transport) -> GraphPeer:
    return GraphPeer(simulator, transport)


@pytest.fixture
def gmail(simulator: RunningSimulator, transport: Transport) -> GmailPeer:
    return GmailPeer(simulator, transport)


@pytest.fixture(params=["memory", "graph", "gmail"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """A mailbox of each kind. Every provider of the catalogue is among them (a test below says so)."""
    if request.param == "memory":
        return MemoryPeer()
    made: Peer = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer()
    yield made
    made.close()


@pytest.fixture
def budget() -> RecordingBudget:
    return RecordingBudget()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()
