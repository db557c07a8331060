"""`status` says where the pages of an installation are, and how to start those that are not there."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.integration.services.console.running import AskJson, Console


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A page that is up (something listens there), and one that is not."""
    with socket.socket() as listening, socket.socket() as silent:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        silent.bind(("127.0.0.1", 0))
        here, absent = (f"127.0.0.1:{one.getsockname()[1]}" for one in (listening, silent))
        places = [
            {"name": "RabbitMQ", "url": "http://localhost:15672", "inside": here, "note": "user monitor"},
            {"name": "Grafana", "url": "http://localhost:3000", "inside": absent, "absent": "compose up grafana"},
        ]
        monkeypatch.setenv("APICONNECT_PLACES", json.dumps(places))
        yield


@pytest.mark.usefixtures("configured")
def test_a_page_that_is_up_is_shown_with_its_address_and_one_that_is_not_with_how_to_start_it(console: Console) -> None:
    lines = console("status").stdout.splitlines()
    (up,) = (line for line in lines if line.startswith("RabbitMQ "))
    (absent,) = (line for line in lines if line.startswith("Grafana "))
    assert up.split() == ["RabbitMQ", "up", "http://localhost:15672", "user", "monitor"]
    assert "not running" in absent
    assert "start it: compose up grafana" in absent
    assert "3000" not in absent


@pytest.mark.usefixtures("configured")
def test_scripts_read_the_same(ask: AskJson) -> None:
    assert [(place["name"], place["up"]) for place in ask("status")["places"]] == [
        ("RabbitMQ", True),
        ("Grafana", False),
    ]


def test_without_places_nothing_is_said_of_them(console: Console) -> None:
    assert "Places" not in console("status").stdout
