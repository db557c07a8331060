"""A monitor's mailbox is tried when the monitor is made: against the simulator, by import, as a customer does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.domain.mailboxes import Provider
from shared.storage.database import Database
from tests.integration.services.console.answering import a_limit
from tests.integration.services.console.running import AskJson, Console, rows
from tests.simulated import Simulated

STOP = '"[{""value"": ""stop"", ""action"": ""unsubscribe""}]"'


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for this file."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.mark.parametrize("provider", list(Provider))
def test_a_monitor_whose_mailbox_is_refused_waits_and_the_others_begin(
    console: Console,
    ask: AskJson,
    simulator: RunningSimulator,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    provider: Provider,
) -> None:
    monkeypatch.setenv("APICONNECT_PROVIDER_CA_FILE", str(simulator.ca_file))
    world = Simulated(simulator, database)
    key = world.a_key(provider, customer="acme")
    a_limit(database, "acme", 5)
    world.control.register_mailbox(provider.value, "there@acme.example")
    file = tmp_path / "monitors.csv"
    lines = [f"{name},{provider.value},{name}@acme.example,{key},{STOP}\n" for name in ("there", "missing")]
    file.write_text("name,provider,email,key,conditions\n" + "".join(lines))

    result = console("monitors", "import", file, "--as", "acme")

    assert result.exit_code == 1, result.stderr
    assert "there@acme.example" in result.stdout
    assert (
        "Inactive because of this: missing; once it is repaired, apiconnect mailbox check missing@acme.example"
        in result.stdout
    )
    assert rows(database, "select name, status, inactive_reason is null from monitors order by name") == [
        ("missing", "inactive", False), ("there", "active", True),
    ]  # fmt: skip
    assert "missing" in console("monitors", "list", "--as", "acme").stdout
    assert [one["waiting"] for one in ask("monitors", "list", "--as", "acme")["monitors"]] == [True, False]
    assert ask("monitors", "resume", "missing", "--as", "acme")["waiting"] == ["missing"]

    world.control.register_mailbox(provider.value, "missing@acme.example")
    assert console("mailbox", "check", "missing@acme.example").exit_code == 0
    assert rows(database, "select distinct status from monitors") == [("active",)]
