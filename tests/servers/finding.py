"""Where the servers of a test run come from, in this order.

1. URLs in the environment (APICONNECT_TEST_DATABASE_URL, APICONNECT_TEST_RABBITMQ_URL): somebody else's servers.
2. Docker, if an engine answers and has the images or can fetch them.
3. What is installed here: private instances on free ports. A server that merely runs on this machine is never used.
4. On Debian as root: its packages are installed, then as 3.

If no way works: NoServer, one line that names them all. Nothing is ever skipped for want of a server.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Protocol, TypeVar

from tests.servers import debian, docker
from tests.servers.children import ServerFailed
from tests.servers.postgresql import GivenPostgreSQL, PostgreSQL, PrivatePostgreSQL
from tests.servers.rabbitmq import GivenRabbitMQ, PrivateRabbitMQ, RabbitMQ

DATABASE_VARIABLE = "APICONNECT_TEST_DATABASE_URL"
RABBITMQ_VARIABLE = "APICONNECT_TEST_RABBITMQ_URL"
MANAGEMENT_VARIABLE = "APICONNECT_TEST_RABBITMQ_MANAGEMENT_URL"


class _Startable(Protocol):
    def start(self) -> object: ...
    def close(self) -> None: ...


_Server = TypeVar("_Server")
_Own = TypeVar("_Own", bound=_Startable)


class NoServer(Exception):
    """No way to a server worked; the message is one line."""


def postgresql(*, durable: bool = False) -> PostgreSQL:
    """A running PostgreSQL. durable: one that is started here writes as in production (fsync). Raises NoServer."""
    url = os.environ.get(DATABASE_VARIABLE)
    if url:
        return _given("PostgreSQL", lambda: GivenPostgreSQL(url))
    return own_postgresql(durable=durable)


def own_postgresql(*, durable: bool = False) -> PostgreSQL:
    """A running PostgreSQL that may be stopped and frozen, whatever the environment names. Raises NoServer."""
    ways: tuple[Callable[[], PostgreSQL], ...] = (
        lambda: _in_docker(docker.DockerPostgreSQL),
        lambda: _closed_on_failure(PrivatePostgreSQL(durable=durable)),
        lambda: _installed(lambda: _closed_on_failure(PrivatePostgreSQL(durable=durable))),
    )
    return _first("PostgreSQL", DATABASE_VARIABLE, ways)


def rabbitmq() -> RabbitMQ:
    """A running RabbitMQ, possibly somebody else's. Raises NoServer."""
    url = os.environ.get(RABBITMQ_VARIABLE)
    if url:
        return _given("RabbitMQ", lambda: GivenRabbitMQ(url, os.environ.get(MANAGEMENT_VARIABLE, "")))
    return own_rabbitmq()


def own_rabbitmq() -> RabbitMQ:
    """A running RabbitMQ that may be stopped and wiped, whatever the environment names. Raises NoServer."""
    ways: tuple[Callable[[], RabbitMQ], ...] = (
        lambda: _in_docker(docker.DockerRabbitMQ),
        lambda: _closed_on_failure(PrivateRabbitMQ()),
        lambda: _installed(lambda: _closed_on_failure(PrivateRabbitMQ())),
    )
    return _first("RabbitMQ", RABBITMQ_VARIABLE, ways)


def _given(what: str, way: Callable[[], _Server]) -> _Server:
    try:
        return way()
    except ServerFailed as error:
        raise NoServer(f"{what}: {error}") from None


def _first(what: str, variable: str, ways: tuple[Callable[[], _Server], ...]) -> _Server:
    reasons = []
    for way in ways:
        try:
            return way()
        except ServerFailed as error:
            reasons.append(" ".join(str(error).split()))
    raise NoServer(
        f"No {what} for the tests. Name one in {variable}, or start Docker, or install it here, or run as root on Debian. "
        f"Tried: {'; '.join(reasons)}"
    )


@cache
def _images() -> str:
    """Empty if Docker has what we need, else why not. Asked once per run."""
    try:
        docker.fetch_images()
    except ServerFailed as error:
        return str(error)
    return ""


def _in_docker(kind: type[_Own]) -> _Own:
    reason = _images()
    if reason:
        raise ServerFailed(reason)
    return _closed_on_failure(kind())


def _closed_on_failure(
    server: _Own,
) -> _Own:
    try:
        server.start()
    except BaseException:  # Ctrl-C too
        server.close()
        raise
    return server


def _installed(way: Callable[[], _Server]) -> _Server:
    debian.install("postgresql", "rabbitmq-server", "procps")
    return way()
