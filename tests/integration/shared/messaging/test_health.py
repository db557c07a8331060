"""What a service says over HTTP about itself, asked as a probe asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import pytest

from shared.messaging.health import serving
from shared.messaging.process import Service
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from tests.servers.children import free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.waiting import until

Ask = Callable[[str], tuple[int, Any]]


class Parts:
    """What the pages are made from, as a test wants it."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.checks: dict[str, Callable[[], bool]] = {}
        self._stack = ExitStack()

    def serve(self) -> Ask:
        (wished,) = free_ports(1)
        port = self._stack.enter_context(serving(wished, lambda: self.ended, self.checks, "127.0.0.1"))

        def ask(path: str) -> tuple[int, Any]:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", path)
                answer = connection.getresponse()
                text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith("{") else text

        return ask

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def parts() -> Iterator[Parts]:
    parts = Parts()
    yield parts
    parts.close()


def test_a_process_is_healthy_until_a_part_of_it_has_ended(parts: Parts) -> None:
    ask = parts.serve()
    assert ask("/healthz") == (200, {"ok": True, "ended": []})
    parts.ended.append("fetcher-0")
    assert ask("/healthz") == (503, {"ok": False, "ended": ["fetcher-0"]})


def test_a_server_that_is_down_makes_a_process_unready_and_not_unhealthy(parts: Parts) -> None:
    parts.checks = {"postgresql": lambda: True, "rabbitmq": lambda: False}
    ask = parts.serve()
    assert until(lambda: ask("/readyz") == (503, {"ok": False, "postgresql": True, "rabbitmq": False}))
    assert ask("/healthz")[0] == 200


def test_a_check_that_hangs_does_not_hold_up_the_answer(parts: Parts) -> None:
    hang = threading.Event()
    parts.checks = {"postgresql": lambda: hang.wait(60)}
    assert parts.serve()("/readyz") == (503, {"ok": False, "postgresql": False})
    hang.set()


def test_a_check_that_breaks_counts_as_no(parts: Parts) -> None:
    def broken() -> bool:
        raise RuntimeError("whatever")

    parts.checks = {"rabbitmq": broken}
    assert parts.serve()("/readyz")[0] == 503


def test_real_servers_make_a_process_ready(parts: Parts, database: Database, rabbitmq: RabbitMQ) -> None:
    with closing(RabbitBroker(rabbitmq.url, confirm_timeout_seconds=2.0)) as broker:
        parts.checks = {"postgresql": database.alive, "rabbitmq": broker.ping}
        ask = parts.serve()
        assert until(lambda: ask("/readyz") == (200, {"ok": True, "postgresql": True, "rabbitmq": True}))


def test_metrics_are_what_prometheus_reads(parts: Parts) -> None:
    status, text = parts.serve()("/metrics")
    assert status == 200
    assert "apiconnect_api_calls_total" in text


def test_an_unknown_page_says_which_there_are(parts: Parts) -> None:
    assert parts.serve()("/") == (404, "/healthz /readyz /metrics\n")


def test_a_service_knows_which_of_its_runners_has_ended(database: Database) -> None:
    class Working:
        def run(self, stop: threading.Event) -> None:
            stop.wait()

    service = Service("tests", "t-1", database, [Working(), Working()])
    assert service.ended() == []
    stop = threading.Event()
    running = threading.Thread(target=service.run, args=(stop,))
    running.start()
    assert service.ended() == []
    stop.set()
    running.join()
    assert service.ended() == ["tests-0", "tests-1"]
