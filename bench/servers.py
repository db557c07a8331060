"""Servers of a run: found as the tests find them, PostgreSQL durable; a database and a vhost for each measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from shared.storage.sealing import Sealer
from tests.servers import finding
from tests.servers.children import Folder
from tests.servers.postgresql import PostgreSQL, new_database
from tests.servers.rabbitmq import RabbitMQ, management, new_vhost

_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class NotDurable(Exception):
    """The PostgreSQL that was found may lose what it has confirmed: figures on it would flatter."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one measurement happens: an empty database, an empty vhost, a sealing key, a folder for logs."""

    database_url: str
    rabbitmq_url: str
    sealing_key: str
    logs: Path

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the services that work here."""
        return {
            "APICONNECT_DATABASE_URL": self.database_url,
            "APICONNECT_RABBITMQ_URL": self.rabbitmq_url,
            "APICONNECT_SEALING_KEYS": self.sealing_key,
        }


class Servers:
    """PostgreSQL and RabbitMQ of this run."""

    def __init__(self, postgresql: PostgreSQL, rabbitmq: RabbitMQ, logs: Path) -> None:
        self._postgresql = postgresql
        self._rabbitmq = rabbitmq
        self._logs = logs

    def versions(self) -> dict[str, str]:
        """What runs, and where it was found."""
        with psycopg.connect(self._postgresql.url) as connection:
            row = connection.execute("show server_version").fetchone()
        broker = management(self._rabbitmq, "GET", "/overview")
        return {
            "PostgreSQL": f"{row[0].split()[0] if row else '?'}, {self._postgresql.found}, "
            + ", ".join(f"{name}=on" for name in _DURABLE),
            "RabbitMQ": f"{broker['rabbitmq_version']}, {self._rabbitmq.found}, quorum queues",
        }

    @contextmanager
    def broker_user(self, place: Place, user: str) -> Iterator[str]:
        """The URL under which a user of its own comes into the place's vhost, with every right there; removed at the end."""
        parts = urlsplit(place.rabbitmq_url)
        management(self._rabbitmq, "PUT", f"/users/{user}", {"password": user, "tags": ""})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management(self._rabbitmq, "PUT", f"/permissions/{parts.path[1:]}/{user}", everything)
        try:
            yield urlunsplit(parts._replace(netloc=f"{user}:{user}@{parts.hostname}:{parts.port}"))
        finally:
            management(self._rabbitmq, "DELETE", f"/users/{user}")

    @contextmanager
    def place(self, name: str) -> Iterator[Place]:
        """A fresh one; dropped at the end, its logs are kept."""
        logs = self._logs / name
        logs.mkdir(parents=True, exist_ok=True)
        with new_database(self._postgresql.url, "bench") as database, new_vhost(self._rabbitmq, "bench") as vhost:
            yield Place(database, vhost, Sealer.new_key(), logs)


@contextmanager
def servers() -> Iterator[Servers]:
    """Finds or starts both, and ends what it started. Raises finding.NoServer, NotDurable."""
    postgresql = finding.postgresql(durable=True)
    try:
        _check_durable(postgresql.url)
        rabbitmq = finding.rabbitmq()
        try:
            logs = Folder("apiconnect-bench-")
            try:
                yield Servers(postgresql, rabbitmq, logs.path)
            finally:
                logs.remove()
        finally:
            rabbitmq.close()
    finally:
        postgresql.close()


def _check_durable(url: str) -> None:
    with psycopg.connect(url) as connection:
        for name in _DURABLE:
            row = connection.execute("select current_setting(%s)", (name,)).fetchone()
            if not row or row[0] != "on":
                raise NotDurable(f"PostgreSQL runs with {name}={row[0] if row else '?'}; the benchmarks need it on")
