"""A runner in a thread, and handlers that keep a list of what they saw in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from shared.contracts.events import MailFetched
from shared.domain.errors import Permanent
from shared.messaging.runner import Received
from shared.messaging.unit import Unit
from shared.storage.database import Database

Mail = Received[MailFetched]


class Runner(Protocol):
    """Either of the two."""

    def run(self, stop: threading.Event) -> None: ...


@contextmanager
def running(runner: Runner) -> Iterator[threading.Event]:
    """The runner works while the block does; what it raised is raised at the end."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def target() -> None:
        try:
            runner.run(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


class Writing:
    """Writes one row per mail into `seen`. before: called with the batch inside the transaction, may raise."""

    message = MailFetched
    consumer = "classifier"

    def __init__(self, before: Callable[[Unit, Sequence[Mail]], None] = lambda unit, mails: None) -> None:
        self.batches: list[list[int]] = []
        self._before = before

    def read(self, messages: Sequence[Mail]) -> None:
        """Remembers the batch."""
        self.batches.append([one.body.mail_id for one in messages])

    def decide(self, message: Mail, facts: None) -> int:
        """The row."""
        return message.body.mail_id

    def write(self, unit: Unit, outcomes: Sequence[tuple[Mail, int]]) -> None:
        """One statement for all."""
        self._before(unit, [mail for mail, _ in outcomes])
        rows = [row for _, row in outcomes]
        unit.connection.execute("insert into seen (mail_id) select unnest(%s::bigint[])", (rows,))


class Recording(Writing):
    """Also records permanent failures."""

    def failed(self, unit: Unit, received: Mail, error: Permanent) -> None:
        """One row."""
        unit.connection.execute(
            "insert into failures (mail_id, code) values (%s, %s)", (received.body.mail_id, error.diagnosis.code)
        )


def seen(database: Database) -> list[int]:
    """Mails that were handled, twice if they were handled twice."""
    with database.transaction() as connection:
        return sorted(row[0] for row in connection.execute("select mail_id from seen"))


def count(database: Database, table: str) -> int:
    """Rows in one of the tables."""
    queries = {
        "inbox": b"select count(*) from inbox",
        "outbox": b"select count(*) from outbox",
        "dead_letters": b"select count(*) from dead_letters",
        "failures": b"select count(*) from failures",
    }
    with database.transaction() as connection:
        row = connection.execute(queries[table]).fetchone()
    assert row is not None
    return int(row[0])
