"""BatchRunner with real PostgreSQL, over both brokers: nothing lost, nothing twice, poison alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from shared.contracts.events import MailClassified
from shared.domain.errors import CredentialsRejected, Diagnosis, Permanent, Throttled
from shared.messaging.broker import Broker
from shared.messaging.memory import MemoryBroker
from shared.messaging.runner import BatchRunner, TooManyDeadLetters
from shared.messaging.unit import Unit, UnitFactory
from shared.storage import dead_letters
from shared.storage.database import Database
from tests.integration.shared.messaging.running import Mail, Recording, Writing, count, running, seen
from tests.integration.shared.messaging.stories import (
    DEAD,
    NOON,
    QUEUE,
    depth,
    mail_fetched,
    mails,
    receive,
    sent,
    until,
)


def runner_for(broker: Broker, store: Database, handler: Writing, **options: int) -> BatchRunner[object, None, int]:  # type: ignore[type-var]
    """A runner with its units."""
    return BatchRunner(broker, UnitFactory(store, broker.publisher()), handler, **options)  # type: ignore[arg-type, return-value]


def idle(broker: Broker, queue: str = QUEUE) -> bool:
    """Nothing waits in the queue or in a delay tier."""
    depths = broker.depths()
    return depths[queue] == 0 and not any(n for name, n in depths.items() if name.startswith("retry."))


def test_every_message_is_handled_once_and_acknowledged(broker: Broker, store: Database) -> None:
    broker.publisher().publish(mails(*range(101, 601)))
    handler = Writing()
    with running(runner_for(broker, store, handler, batch_size=100)):
        assert until(lambda: len(seen(store)) == 500)
    assert seen(store) == list(range(101, 601))
    assert max(map(len, handler.batches)) > 1
    assert idle(broker)


def test_a_message_that_comes_again_changes_nothing(broker: Broker, store: Database) -> None:
    broker.publisher().publish(mails(1, 2, 1))
    runner = runner_for(broker, store, Writing())
    with running(runner):
        assert until(lambda: len(seen(store)) == 2)
        broker.publisher().publish(mails(2, 1, 3))
        assert until(lambda: len(seen(store)) == 3)
    assert seen(store) == [1, 2, 3]
    assert (runner.counters.handled, runner.counters.known) == (3, 3)


def test_poison_is_found_alone_retried_three_times_and_parked(broker: Broker, store: Database) -> None:
    broker.publisher().publish(mails(*range(10, 20)))
    runner = runner_for(broker, store, Writing())
    with running(runner):
        assert until(lambda: count(store, "dead_letters") == 1)
        assert until(lambda: depth(broker, DEAD) == 1)
    assert seen(store) == [10, 11, 12, 14, 15, 16, 17, 18, 19]
    with store.transaction() as connection:
        (letter,) = dead_letters.waiting(connection)
    assert (letter.queue, letter.type, letter.attempts) == (QUEUE, "mail.fetched", 4)
    assert letter.reason.startswith("CheckViolation")
    assert runner.counters.retried == 3


def test_a_message_that_does_not_fit_its_schema_is_parked_at_once_with_the_reason(
    broker: Broker, store: Database
) -> None:
    bad = replace(mail_fetched(2), payload=mail_fetched(2).payload.replace(b'"mail_id":2', b'"mail_id":"two"'))
    broker.publisher().publish([mail_fetched(1), bad, mail_fetched(3)])
    with running(runner_for(broker, store, Writing())):
        assert until(lambda: depth(broker, DEAD) == 1)
        assert until(lambda: len(seen(store)) == 2)
    with store.transaction() as connection:
        (letter,) = dead_letters.waiting(connection)
        payload = dead_letters.payload(connection, None, letter.dead_letter_id)
    assert letter.reason.startswith("body.mail_id: Input should be a valid integer")
    assert (letter.attempts, payload, letter.message_id) == (1, bad.payload, bad.message_id)


def test_a_redelivered_message_is_handled_without_its_neighbours(broker: Broker, store: Database) -> None:
    broker.publisher().publish(mails(1, 2, 3))
    with closing(broker.subscribe(QUEUE, 10, "lost")) as subscription:
        assert len(receive(subscription, 3)) == 3
    handler = Writing()
    with running(runner_for(broker, store, handler)):
        assert until(lambda: len(seen(store)) == 3)
    assert sorted(handler.batches) == [[1], [2], [3]]


def test_what_may_pass_is_tried_again_after_a_delay(broker: Broker, store: Database) -> None:
    attempts: list[int] = []

    def throttled_once(unit: Unit, batch: Sequence[Mail]) -> None:
        attempts.append(batch[0].attempt)
        if len(attempts) == 1:
            raise Throttled("slow down", retry_after=5)

    broker.publisher().publish(mails(1))
    runner = runner_for(broker, store, Writing(throttled_once))
    with running(runner):
        assert until(lambda: seen(store) == [1])
    assert (attempts, runner.counters.retried) == ([1, 2], 1)


def test_a_permanent_failure_is_recorded_by_the_handler_and_done(broker: Broker, store: Database) -> None:
    def rejected(unit: Unit, batch: Sequence[Mail]) -> None:
        raise CredentialsRejected("no", Diagnosis("AADSTS7000215", "wrong secret", "enter a new one"))

    broker.publisher().publish(mails(1))
    runner = runner_for(broker, store, Recording(rejected))
    with running(runner):
        assert until(lambda: count(store, "failures") == 1)
        broker.publisher().publish(mails(1))
        assert until(lambda: runner.counters.known == 1)
    assert (count(store, "failures"), count(store, "dead_letters"), idle(broker)) == (1, 0, True)


def test_a_handler_that_cannot_record_goes_the_way_of_a_bug(broker: Broker, store: Database) -> None:
    class Forgetful(Recording):
        def failed(self, unit: Unit, received: Mail, error: Permanent) -> None:
            raise KeyError("no such key")

    def rejected(unit: Unit, batch: Sequence[Mail]) -> None:
        raise CredentialsRejected("no", Diagnosis("c", "cause", "fix"))

    broker.publisher().publish(mails(1))
    with running(runner_for(broker, store, Forgetful(rejected))):
        assert until(lambda: count(store, "dead_letters") == 1)
    assert (count(store, "inbox"), count(store, "failures")) == (0, 0)


def test_giving_up_after_a_day_is_recorded_as_permanent(broker: Broker, store: Database) -> None:
    def busy(unit: Unit, batch: Sequence[Mail]) -> None:
        raise Throttled("slow down")

    broker.publisher().publish(mails(1))
    times = iter([0.0, 86_400.0])
    units = UnitFactory(store, broker.publisher())
    with running(BatchRunner(broker, units, Recording(busy), clock=lambda: next(times))):
        assert until(lambda: count(store, "failures") == 1)
    with store.transaction() as connection:
        assert connection.execute("select code from failures").fetchall() == [("gave-up",)]


def test_a_lost_connection_in_the_middle_of_a_batch_loses_and_doubles_nothing(broker: Broker, store: Database) -> None:
    cut: list[int] = []

    def cut_once(unit: Unit, batch: Sequence[Mail]) -> None:
        if not cut:
            cut.append(1)
            unit.connection.execute("select pg_terminate_backend(pg_backend_pid())")

    broker.publisher().publish(mails(1, 2, 3))
    runner = runner_for(broker, store, Writing(cut_once))
    with running(runner):
        assert until(lambda: len(seen(store)) == 3)
    assert seen(store) == [1, 2, 3]
    assert (runner.counters.retried, runner.counters.dead) == (0, 0)


def test_a_database_that_is_down_for_a_while_costs_no_attempt_and_no_message(broker: Broker, store: Database) -> None:
    handler = Writing()
    runner = runner_for(broker, store, handler)
    with running(runner):
        with _shut(store):
            broker.publisher().publish(mails(1, 2, 3))
            assert until(lambda: handler.batches != [])
        assert until(lambda: runner.counters.handled == 3, at_most_seconds=40)
    assert (seen(store), count(store, "dead_letters"), runner.counters.retried) == ([1, 2, 3], 0, 0)


class _shut:
    """No connection to the database while the block runs."""

    def __init__(self, store: Database) -> None:
        self._name = psycopg.conninfo.conninfo_to_dict(store.url)["dbname"]
        self._server = psycopg.conninfo.make_conninfo(store.url, dbname="postgres")

    def __enter__(self) -> None:
        self._allow(False)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (self._name,)
            )

    def __exit__(self, *exc: object) -> None:
        self._allow(True)

    def _allow(self, allowed: bool) -> None:
        statement = sql.SQL("alter database {} with allow_connections {}").format(
            sql.Identifier(str(self._name)), sql.Literal(allowed)
        )
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


def test_many_dead_letters_in_a_row_stop_the_runner_and_leave_the_rest(broker: Broker, store: Database) -> None:
    broker.publisher().publish([replace(one, payload=b"{}") for one in mails(*range(1, 11))])
    runner = runner_for(broker, store, Writing(), dead_letters_in_a_row=4)
    with pytest.raises(TooManyDeadLetters, match="4 dead letters in a row"), running(runner) as stop:
        assert until(stop.is_set)
    assert (runner.counters.dead, depth(broker, DEAD)) == (4, 4)
    assert until(lambda: depth(broker, QUEUE) == 6)


def test_what_a_unit_publishes_reaches_the_next_queue(broker: Broker, store: Database) -> None:
    def publish(unit: Unit, batch: Sequence[Mail]) -> None:
        for mail in batch:
            unit.publish(
                MailClassified(mail_id=mail.body.mail_id),
                message_id=uuid4(),
                correlation_id=mail.correlation_id,
                causation_id=mail.message_id,
                occurred_at=NOON,
            )

    broker.publisher().publish(mails(1, 2, 3))
    with running(runner_for(broker, store, Writing(publish))):
        assert until(lambda: depth(broker, "actions.mail_classified") == 3)
    assert count(store, "outbox") == 0


def test_work_that_was_committed_but_not_acknowledged_is_known_when_it_comes_again(store: Database) -> None:
    broker = MemoryBroker()
    broker.publisher().publish(mails(1))

    def broker_falls(unit: Unit, batch: Sequence[Mail]) -> None:
        broker.set_down(True)

    with running(runner_for(broker, store, Writing(broker_falls))):
        assert until(lambda: seen(store) == [1])
    broker.set_down(False)
    runner = runner_for(broker, store, Writing())
    with running(runner):
        assert until(lambda: runner.counters.known == 1)
    assert seen(store) == [1]


def test_a_body_of_another_queue_is_not_taken_for_ours(broker: Broker, store: Database) -> None:
    stray = sent(MailClassified(mail_id=5), uuid4())
    broker.publisher().publish_to(QUEUE, [stray])
    with running(runner_for(broker, store, Writing())):
        assert until(lambda: count(store, "dead_letters") == 1)
    with store.transaction() as connection:
        assert dead_letters.waiting(connection)[0].reason.startswith("type: 'mail.classified' does not belong here")
