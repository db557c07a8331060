"""A broker with two integrations, shop of acme and crm of globex, made by the command as an operator makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from tests.builders import a_customer
from tests.integration.services.console.conftest import ask, console  # noqa: F401 - fixtures
from tests.integration.services.console.running import AskJson, Console
from tests.servers.rabbitmq import RabbitMQ, management

Call = Callable[..., Any]


def administrator_of(server: RabbitMQ) -> str:
    """The management API's URL with the login of the server's own."""
    parts, given = urlsplit(server.management_url), urlsplit(server.url)
    return urlunsplit(parts._replace(netloc=f"{given.username}:{given.password}@{parts.netloc}"))


@pytest.fixture
def rabbitmq_url(own_rabbitmq_url: str) -> str:
    """A vhost of this test alone, also for the console."""
    with closing(RabbitBroker(own_rabbitmq_url)) as broker:
        broker.declare()
    return own_rabbitmq_url


@pytest.fixture
def call(rabbitmq_server: RabbitMQ) -> Call:
    """call("GET", "/users") -> what RabbitMQ's HTTP API says to an administrator."""

    def ask_it(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return management(rabbitmq_server, method, path, body)

    return ask_it


@pytest.fixture
def managed(
    console: Console,  # noqa: F811
    database: Database,
    rabbitmq_server: RabbitMQ,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Console]:
    """The console, with the management API's administrator, and two customers."""
    monkeypatch.setenv("APICONNECT_RABBITMQ_MANAGEMENT_URL", administrator_of(rabbitmq_server))
    for uid in ("acme", "globex"):
        a_customer(database, uid)
    yield console
    for user in call("GET", "/users"):
        if user["name"].startswith("integration."):
            call("DELETE", f"/users/{user['name']}")


@pytest.fixture
def urls(managed: Console, ask: AskJson) -> dict[str, str]:  # noqa: F811
    """name -> the URL that the command printed."""
    made = {
        name: ask("integration", "create", name, "--customer", uid)
        for name, uid in (("shop", "acme"), ("crm", "globex"))
    }
    return {name: each["url"] for name, each in made.items()}
