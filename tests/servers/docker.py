"""Servers in Docker, if there is an engine and it has the images or can fetch them.

A `docker` command without an engine behind it is common: that is found out in well under two seconds, without starting anything.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
import warnings
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from tests.servers.children import ServerFailed, free_ports
from tests.servers.postgresql import answers
from tests.servers.rabbitmq import management_answers, speaks_amqp

POSTGRESQL_IMAGE = "postgres:17"
RABBITMQ_IMAGE = "rabbitmq:4-management"
_CONNECT_SECONDS = 1.5
_PULL_SECONDS = 120


class Container:
    """One container with fixed ports, so that it comes back at the same address after a restart."""

    image: ClassVar[str]
    inner_ports: ClassVar[tuple[int, ...]]
    environment: ClassVar[dict[str, str]] = {}
    found = "in Docker"

    def __init__(self) -> None:
        _prepare()
        self._container: Any = None
        self.ports = dict(zip(self.inner_ports, free_ports(len(self.inner_ports)), strict=True))
        self.host = "127.0.0.1"

    def start(self) -> Self:
        """Starts it (a stopped one again, with its data) and waits until it answers; returns itself."""
        if self._container is not None:
            self._container.get_wrapped_container().start()
        else:
            self._container = self._create()
        end = time.monotonic() + 90
        while not self.ready():
            if time.monotonic() > end:
                raise ServerFailed(f"{self.image} did not answer after 90 s")
            time.sleep(0.1)
        return self

    def _create(self) -> Any:
        from docker.errors import DockerException
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.exceptions import ContainerStartException

        container = DockerContainer(self.image)
        for inner, outer in self.ports.items():
            container.with_bind_ports(inner, outer)
        for name, value in self.environment.items():
            container.with_env(name, value)
        try:
            container.start()
            self.host = container.get_container_host_ip()
        except (DockerException, ContainerStartException, OSError) as error:
            with contextlib.suppress(DockerException, ContainerStartException, OSError):
                container.stop()
            raise ServerFailed(f"Docker can't start {self.image}: {_first_line(error)}") from None
        return container

    def ready(self) -> bool:
        """Whether the server inside answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stops it in good order; its data stays."""
        self._container.get_wrapped_container().stop(timeout=20)

    def restart(self) -> None:
        """Stops and starts it at the same address, with the same data."""
        self.stop()
        self.start()

    def reset(self) -> None:
        """Loses everything and starts empty at the same address."""
        self.close()
        self.start()

    def freeze(self) -> None:
        """Every process in it stands still."""
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        """Ends `freeze`."""
        self._container.get_wrapped_container().unpause()

    def close(self) -> None:
        """Removes it with its data."""
        if self._container is not None:
            self._container.stop(force=True, delete_volume=True)
            self._container = None


class DockerPostgreSQL(Container):
    """PostgreSQL in a container."""

    image = POSTGRESQL_IMAGE
    inner_ports = (5432,)
    environment: ClassVar[dict[str, str]] = {"POSTGRES_HOST_AUTH_METHOD": "trust", "POSTGRES_PASSWORD": "tests"}

    @property
    def url(self) -> str:
        """The server's own database."""
        return f"postgresql://postgres:tests@{self.host}:{self.ports[5432]}/postgres"

    def ready(self) -> bool:
        """Whether it answers."""
        return answers(self.url)


class DockerRabbitMQ(Container):
    """RabbitMQ with its management plugin in a container."""

    image = RABBITMQ_IMAGE
    inner_ports = (5672, 15672)
    environment: ClassVar[dict[str, str]] = {"RABBITMQ_DEFAULT_USER": "tests", "RABBITMQ_DEFAULT_PASS": "tests"}

    @property
    def url(self) -> str:
        """The default vhost."""
        return f"amqp://tests:tests@{self.host}:{self.ports[5672]}/%2F"

    @property
    def management_url(self) -> str:
        """The HTTP API."""
        return f"http://{self.host}:{self.ports[15672]}/api"

    def ready(self) -> bool:
        """Whether it speaks AMQP and its management API answers."""
        return speaks_amqp(self.host, self.ports[5672]) and management_answers(self)


def _prepare() -> None:
    """Raises ServerFailed unless an engine answers at once. Sets testcontainers up so that it needs no image of its own."""
    _knock()
    # Its clean-up container is one more image to fetch; we remove ours ourselves.
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    logging.getLogger("testcontainers").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"testcontainers(\..*)?")


def _knock() -> None:
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    parts = urlsplit(address)
    unix = parts.scheme == "unix"
    try:
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(parts.path if unix else (parts.hostname or "127.0.0.1", parts.port or 2375))
    except OSError as error:
        raise ServerFailed(f"no Docker engine at {address}: {error.strerror or error}") from None


def fetch_images() -> None:
    """Has the engine fetch what it lacks. Raises ServerFailed when it can't, so that nothing is half started."""
    _prepare()
    import docker
    from docker.errors import DockerException, ImageNotFound

    try:
        client = docker.from_env(timeout=_PULL_SECONDS)
    except DockerException as error:
        raise ServerFailed(f"no Docker engine: {_first_line(error)}") from None
    try:
        for image in (POSTGRESQL_IMAGE, RABBITMQ_IMAGE):
            try:
                client.images.get(image)
            except ImageNotFound:
                client.images.pull(image)
    except (DockerException, OSError) as error:
        raise ServerFailed(f"Docker can't fetch the images: {_first_line(error)}") from None
    finally:
        client.close()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
