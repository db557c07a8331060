"""Filling a simulator that runs elsewhere: at once, a little more each time, and again when it has forgotten everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from services.demo.core.planting import MAILBOXES
from services.demo.handler.seeding import Portions, Seeding, keep_seeding
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from tests.builders import SEALING_KEYS


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    running = start()
    yield running
    running.stop()


class Town:
    """The simulator and what we know of it. Each round of seeding comes a minute after the one before."""

    def __init__(self, simulator: RunningSimulator, database: Database) -> None:
        self.control = ControlClient(simulator.http_url)
        self.control.reset()
        self.database = database
        self.seeding = Seeding(simulator.http_url, simulator.https_url, database, Sealer.parse(SEALING_KEYS))
        self._now = datetime.now(UTC)
        self.seeded = 0

    def rounds(self, count: int, portions: Portions) -> None:
        stop, left = Event(), [count]

        def clock() -> datetime:
            self._now += timedelta(minutes=1)
            left[0] -= 1
            if not left[0]:
                stop.set()
            return self._now

        def seeded() -> None:
            self.seeded += 1

        keep_seeding(self.seeding, portions, 0.0, clock, stop, seeded)

    def ids(self) -> set[str]:
        known = self.control.mailboxes()
        return {mail["id"] for one in known for mail in self.control.mails(one["provider"], one["address"])}

    def mails(self) -> int:
        known = self.control.mailboxes()
        return sum(len(self.control.mails(one["provider"], one["address"])) for one in known)

    def rows(self, table: str) -> int:
        with self.database.transaction() as connection:
            row = connection.execute(f"select count(*) from {table}").fetchone()  # type: ignore[call-overload]
        return int(row[0]) if row else 0


@pytest.fixture
def town(simulator: RunningSimulator, database: Database) -> Town:
    return Town(simulator, database)


def test_the_first_time_brings_mailboxes_customers_and_mail(town: Town) -> None:
    town.rounds(1, Portions(first=20, more=0, most=100))
    assert (town.mails(), town.seeded) == (20, 1)
    assert (town.rows("customers"), town.rows("mailboxes")) == (2, len(MAILBOXES))


def test_more_comes_each_time_for_people_that_nobody_knew(town: Town) -> None:
    town.rounds(3, Portions(first=20, more=5, most=100))
    assert town.mails() == 30
    assert town.rows("sent_mail") == 30
    assert town.rows("subscribers") > 30 - 1


def test_there_is_an_end_to_it(town: Town) -> None:
    town.rounds(5, Portions(first=20, more=5, most=30))
    assert town.mails() == 30


def test_a_simulator_that_was_started_again_is_filled_again(town: Town) -> None:
    town.rounds(1, Portions(first=20, more=0, most=100))
    before = town.ids()
    town.control.reset()
    town.rounds(1, Portions(first=20, more=0, most=100))
    assert town.mails() == 20
    assert town.ids() & before == set()
    assert town.rows("sent_mail") == 40


def test_a_simulator_that_does_not_answer_is_tried_again_later(simulator: RunningSimulator, database: Database) -> None:
    town = Town(simulator, database)
    town.seeding = Seeding("http://127.0.0.1:1", simulator.https_url, database, Sealer.parse(SEALING_KEYS))
    town.rounds(2, Portions(first=20, more=0, most=100))
    assert (town.seeded, town.mails()) == (0, 0)
