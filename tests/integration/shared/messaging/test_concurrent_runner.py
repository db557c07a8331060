"""ConcurrentRunner: many at once, acknowledged when done, handed back at a stop; the same failure table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.contracts.events import MailFetched
from shared.domain.errors import BrokerOrDatabaseDown, CredentialsRejected, Diagnosis, Permanent, ProviderUnavailable
from shared.messaging.broker import Broker
from shared.messaging.runner import ConcurrentRunner, TooManyDeadLetters
from shared.messaging.unit import Unit, UnitFactory
from shared.storage.database import Database
from tests.integration.shared.messaging.running import Mail, count, running
from tests.integration.shared.messaging.stories import DEAD, QUEUE, depth, mail_fetched, mails, receive, until


class Calling:
    """Calls `work` for each message and remembers which were done."""

    message = MailFetched

    def __init__(self, work: Callable[[Mail], None]) -> None:
        self.done: list[int] = []
        self.failures: list[int] = []
        self._work = work

    def handle(self, received: Mail) -> None:
        """One message."""
        self._work(received)
        self.done.append(received.body.mail_id)

    def failed(self, unit: Unit, received: Mail, error: Permanent) -> None:
        """Remembers it."""
        self.failures.append(received.body.mail_id)


def runner_for(broker: Broker, store: Database, handler: Calling, **options: float) -> ConcurrentRunner[MailFetched]:
    """A runner with its units."""
    return ConcurrentRunner(broker, UnitFactory(store, broker.publisher()), handler, **options)  # type: ignore[arg-type]


def test_as_many_messages_as_allowed_are_worked_on_at_once(broker: Broker, store: Database) -> None:
    together = threading.Barrier(8)
    broker.publisher().publish(mails(*range(1, 17)))

    def wait_for_the_others(mail: Mail) -> None:
        together.wait(10)

    handler = Calling(wait_for_the_others)
    with running(runner_for(broker, store, handler, concurrency=8)):
        assert until(lambda: len(handler.done) == 16)
    assert sorted(handler.done) == list(range(1, 17))
    assert depth(broker, QUEUE) == 0


def test_a_slow_message_does_not_hold_up_the_acks_of_others(broker: Broker, store: Database) -> None:
    slow = threading.Event()
    broker.publisher().publish(mails(*range(1, 31)))

    def first_is_slow(mail: Mail) -> None:
        if mail.body.mail_id == 1:
            slow.wait(10)

    handler = Calling(first_is_slow)
    with running(runner_for(broker, store, handler, concurrency=4)):
        assert until(lambda: len(handler.done) == 29)
        slow.set()
        assert until(lambda: len(handler.done) == 30)


def test_what_may_pass_comes_again_with_its_attempt(broker: Broker, store: Database) -> None:
    attempts: list[int] = []

    def fail_twice(mail: Mail) -> None:
        attempts.append(mail.attempt)
        if len(attempts) < 3:
            raise ProviderUnavailable("503")

    broker.publisher().publish(mails(1))
    handler = Calling(fail_twice)
    with running(runner_for(broker, store, handler)):
        assert until(lambda: handler.done == [1])
    assert attempts == [1, 2, 3]


def test_a_permanent_failure_is_recorded_and_done(broker: Broker, store: Database) -> None:
    def reject(mail: Mail) -> None:
        raise CredentialsRejected("no", Diagnosis("c", "cause", "fix"))

    broker.publisher().publish(mails(1))
    handler = Calling(reject)
    runner = runner_for(broker, store, handler)
    with running(runner):
        assert until(lambda: runner.counters.failed == 1)
    assert (handler.failures, depth(broker, QUEUE), depth(broker, DEAD)) == ([1], 0, 0)


def test_a_bug_is_tried_four_times_and_parked(broker: Broker, store: Database) -> None:
    broker.publisher().publish(mails(1))
    tries: list[int] = []

    def bug(mail: Mail) -> None:
        tries.append(mail.attempt)
        raise KeyError("a bug")

    with running(runner_for(broker, store, Calling(bug))):
        assert until(lambda: depth(broker, DEAD) == 1)
    assert tries == [1, 2, 3, 4]
    assert count(store, "dead_letters") == 1


def test_an_outage_costs_no_attempt(broker: Broker, store: Database) -> None:
    attempts: list[int] = []

    def down_twice(mail: Mail) -> None:
        attempts.append(mail.attempt)
        if len(attempts) < 3:
            raise BrokerOrDatabaseDown("away")

    broker.publisher().publish(mails(1))
    handler = Calling(down_twice)
    with running(runner_for(broker, store, handler)):
        assert until(lambda: handler.done == [1])
    assert attempts == [1, 1, 1]


def test_an_outage_that_only_one_message_meets_is_that_messages_own_fault(broker: Broker, store: Database) -> None:
    def down(mail: Mail) -> None:
        if mail.attempt == 1:
            raise BrokerOrDatabaseDown("statement took too long")

    broker.publisher().publish(mails(1))
    handler = Calling(down)
    runner = runner_for(broker, store, handler)
    with running(runner):
        assert until(lambda: handler.done == [1], at_most_seconds=40)
    assert runner.counters.retried == 1


def test_a_stop_waits_for_work_in_hand_and_acknowledges_it(broker: Broker, store: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(mail: Mail) -> None:
        begun.set()
        assert go_on.wait(10)

    broker.publisher().publish(mails(1))
    handler = Calling(work)
    with running(runner_for(broker, store, handler)) as stop:
        assert begun.wait(10)
        stop.set()
        go_on.set()
    assert (handler.done, depth(broker, QUEUE)) == ([1], 0)


def test_work_that_outlasts_the_grace_is_handed_back(broker: Broker, store: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang(mail: Mail) -> None:
        begun.set()
        go_on.wait(20)

    broker.publisher().publish(mails(1))
    began = time.monotonic()
    with running(runner_for(broker, store, Calling(hang), grace_seconds=0.3)):
        assert begun.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    subscription = broker.subscribe(QUEUE, 1, "t")
    (again,) = receive(subscription, 1)
    assert again.redelivered
    subscription.close()
    go_on.set()


def test_messages_that_wait_for_a_thread_are_handed_back_at_a_stop(broker: Broker, store: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(mail: Mail) -> None:
        begun.set()
        assert go_on.wait(10)

    broker.publisher().publish(mails(1, 2, 3))
    with running(runner_for(broker, store, Calling(work), concurrency=1)) as stop:
        assert begun.wait(10)
        stop.set()
        go_on.set()
    assert until(lambda: depth(broker, QUEUE) == 2)


def test_many_dead_letters_in_a_row_stop_the_runner(broker: Broker, store: Database) -> None:
    broker.publisher().publish([replace(one, payload=b"{}") for one in mails(*range(1, 9))])
    runner = runner_for(broker, store, Calling(lambda mail: None), concurrency=1, dead_letters_in_a_row=3)
    with pytest.raises(TooManyDeadLetters), running(runner) as stop:
        assert until(stop.is_set)
    assert until(lambda: depth(broker, QUEUE) == 5)


def test_one_good_message_starts_the_count_of_dead_letters_anew(broker: Broker, store: Database) -> None:
    bad = [replace(one, payload=b"{}") for one in mails(*range(1, 5))]
    broker.publisher().publish([*bad[:2], mail_fetched(9), *bad[2:]])
    handler = Calling(lambda mail: None)
    runner = runner_for(broker, store, handler, concurrency=1, dead_letters_in_a_row=3)
    with running(runner):
        assert until(lambda: runner.counters.dead == 4)
    assert handler.done == [9]
