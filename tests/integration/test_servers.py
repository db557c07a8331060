"""The servers under the tests keep their own promises; without that, no other test says anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import kombu
import psycopg
import pytest

from shared.storage.database import Database
from tests.servers import docker, finding
from tests.servers.children import ServerFailed
from tests.servers.postgresql import PrivatePostgreSQL, answers, new_database
from tests.servers.rabbitmq import RabbitMQ, new_vhost

ROOT = Path(__file__).parents[2]


def put(url: str) -> None:
    with kombu.Connection(url, connect_timeout=5) as connection, connection.SimpleQueue("kept") as queue:
        queue.put("hello")


def get(url: str) -> str | None:
    with kombu.Connection(url, connect_timeout=5) as connection, connection.SimpleQueue("kept") as queue:
        try:
            message = queue.get(block=True, timeout=1)
        except queue.Empty:
            return None
        message.ack()
        return str(message.payload)


def until(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether `true()` comes to hold in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        row = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert row == (0,)


@pytest.mark.parametrize("turn", ["first", "second"])
def test_rows_of_one_test_are_not_seen_by_the_next(database: Database, turn: str) -> None:
    with database.transaction() as connection:
        connection.execute("create table if not exists left_over (id serial primary key, turn text)")
        connection.execute("insert into left_over (turn) values (%s)", (turn,))
        assert connection.execute("select id, turn from left_over").fetchall() == [(1, turn)]


@pytest.mark.parametrize("turn", ["first", "second"])
def test_rows_of_the_migrations_are_the_same_for_every_test(database: Database, turn: str) -> None:
    with database.transaction() as connection:
        found = connection.execute("select key, value from settings where key in ('extension_enabled', 'of_a_test')")
        assert found.fetchall() == [("extension_enabled", True)], turn
        connection.execute("update settings set key = 'of_a_test' where key = 'extension_enabled'")


def test_a_node_keeps_its_messages_over_a_restart_and_loses_them_by_a_reset(rabbitmq: RabbitMQ) -> None:
    put(rabbitmq.url)
    rabbitmq.restart()
    assert get(rabbitmq.url) == "hello"
    put(rabbitmq.url)
    rabbitmq.reset()
    assert get(rabbitmq.url) is None


def test_a_vhost_of_one_test_knows_nothing_of_another(rabbitmq_server: RabbitMQ) -> None:
    with new_vhost(rabbitmq_server) as one, new_vhost(rabbitmq_server) as other:
        put(one)
        assert get(other) is None
        assert get(one) == "hello"


def test_a_frozen_postgresql_goes_on_where_it_stood(postgresql: PrivatePostgreSQL) -> None:
    if postgresql.found == "by URL":
        with pytest.raises(ServerFailed, match="can't be stopped"):
            postgresql.freeze()
        return
    with new_database(postgresql.url) as url, psycopg.connect(url, autocommit=True) as connection:
        postgresql.freeze()
        try:
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url, connect_timeout=2)
        finally:
            postgresql.thaw()
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_docker_command_without_an_engine_is_passed_over_in_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    started = time.monotonic()
    with pytest.raises(ServerFailed, match="no Docker engine"):
        docker.fetch_images()
    assert time.monotonic() - started < 2


def test_a_url_in_the_environment_comes_first(postgresql: PrivatePostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(finding.DATABASE_VARIABLE, postgresql.url)
    found = finding.postgresql()
    assert (found.url, found.found) == (postgresql.url, "by URL")


def test_a_url_that_names_nothing_is_refused_and_nothing_else_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(finding.RABBITMQ_VARIABLE, "amqp://127.0.0.1:1/%2F")
    with pytest.raises(finding.NoServer, match="does not answer"):
        finding.rabbitmq()


def test_without_any_way_the_run_ends_with_one_line_that_names_the_ways(tmp_path: Path) -> None:
    blocked = """
from tests.servers import debian, docker, finding, postgresql
from tests.servers.children import ServerFailed
def refuse(*_):
    raise ServerFailed("not here")
docker.fetch_images = postgresql.programs = debian.install = refuse
pytest_plugins = ["tests.conftest"]
"""
    (tmp_path / "conftest.py").write_text(blocked, "utf-8")
    (tmp_path / "test_one.py").write_text(
        "def test_one(database_url): pass\ndef test_two(database_url): pass\n", "utf-8"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("APICONNECT_TEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in done.stdout.splitlines() if "No PostgreSQL for the tests" in line]
    assert (done.returncode, len(said)) == (3, 1), done.stdout + done.stderr
    assert "APICONNECT_TEST_DATABASE_URL" in said[0]
    assert "Docker" in said[0]
    assert "root on Debian" in said[0]


def test_servers_end_even_when_the_run_is_killed(tmp_path: Path) -> None:
    script = """
import sys, time
from tests.servers.postgresql import PrivatePostgreSQL
print(PrivatePostgreSQL().start().url, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        assert answers(url)
        run.send_signal(signal.SIGKILL)
    assert until(lambda: not answers(url))
