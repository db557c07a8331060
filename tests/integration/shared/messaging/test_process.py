"""The life of a service: it is seen to be alive, and ends whole."""

from __future__ import annotations

import threading

import pytest

from shared.messaging.process import Service
from shared.storage.database import Database
from tests.integration.shared.storage.looking import column
from tests.waiting import until


class Waiting:
    """A runner that works until it is told to stop, or fails at once."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ended = threading.Event()
        self._error = error

    def run(self, stop: threading.Event) -> None:
        if self._error is not None:
            raise self._error
        stop.wait(20)
        self.ended.set()


def test_a_service_beats_while_it_runs_and_leaves_when_it_stops(database: Database) -> None:
    runner, closed, stop = Waiting(), threading.Event(), threading.Event()
    thread = threading.Thread(target=Service("fetcher", "here-1", database, [runner], [closed.set]).run, args=(stop,))
    thread.start()
    assert until(lambda: column(database, "select instance from heartbeats") == ["here-1"])
    stop.set()
    thread.join(10)
    assert runner.ended.is_set()
    assert closed.is_set()
    assert column(database, "select instance from heartbeats") == []


def test_a_runner_that_fails_ends_the_others_and_its_error_comes_out(database: Database) -> None:
    other = Waiting()
    service = Service("fetcher", "here-1", database, [other, Waiting(ValueError("a defect"))])
    with pytest.raises(ValueError, match="a defect"):
        service.run(threading.Event())
    assert other.ended.is_set()


def test_a_database_without_tables_ends_the_service_and_leaves_no_thread_behind(empty_database_url: str) -> None:
    runner = Waiting()
    with Database(empty_database_url) as bare, pytest.raises(Exception, match="heartbeats"):
        Service("fetcher", "here-1", bare, [runner]).run(threading.Event())
    assert runner.ended.is_set()
