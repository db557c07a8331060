"""Parked once, seen by people, brought back by a replay."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from shared.messaging.broker import Broker
from shared.messaging.dead_letters import NoSuchDeadLetter, collect, park, replay
from shared.messaging.runner import BatchRunner
from shared.messaging.topology import DELIVERY_LIMIT
from shared.messaging.unit import UnitFactory
from shared.storage import dead_letters
from shared.storage.database import Database
from shared.storage.dead_letters import DeadLetter
from tests.integration.shared.messaging.running import Writing, count, running, seen
from tests.integration.shared.messaging.stories import DEAD, QUEUE, depth, mail_fetched, mails, receive, until


def waiting(store: Database) -> list[DeadLetter]:
    """Letters that nobody has replayed."""
    with store.transaction() as connection:
        return dead_letters.waiting(connection)


def parked(broker: Broker, store: Database, number: int) -> DeadLetter:
    """A letter for mail `number`, parked by a service."""
    broker.publisher().publish(mails(number))
    with closing(broker.subscribe(QUEUE, 1, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
        park(store, broker.publisher(), QUEUE, delivery, mail_fetched(number).message_id, "a reason")
        subscription.ack([delivery])
    return waiting(store)[-1]


def test_parking_twice_is_one_row(broker: Broker, store: Database) -> None:
    first = parked(broker, store, 1)
    assert parked(broker, store, 1).dead_letter_id == first.dead_letter_id
    assert count(store, "dead_letters") == 1


def test_a_replay_brings_the_message_back_to_its_queue_and_marks_the_row(broker: Broker, store: Database) -> None:
    letter = parked(broker, store, 1)
    assert replay(broker.publisher(), store, letter.dead_letter_id) == QUEUE
    with running(BatchRunner(broker, UnitFactory(store, broker.publisher()), Writing())):
        assert until(lambda: seen(store) == [1])
    assert waiting(store) == []


def test_a_message_that_fails_again_after_its_replay_is_parked_again(broker: Broker, store: Database) -> None:
    letter = parked(broker, store, 1)
    replay(broker.publisher(), store, letter.dead_letter_id)
    with closing(broker.subscribe(QUEUE, 1, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
        park(store, broker.publisher(), QUEUE, delivery, letter.message_id, "the same reason")
        subscription.ack([delivery])
    assert [again.reason for again in waiting(store)] == ["the same reason"]
    assert count(store, "dead_letters") == 2


def test_replaying_what_is_not_there_says_so(broker: Broker, store: Database) -> None:
    with pytest.raises(NoSuchDeadLetter, match="no dead letter 404"):
        replay(broker.publisher(), store, 404)


def test_what_the_broker_parked_by_itself_becomes_a_row(broker: Broker, store: Database) -> None:
    broker.publisher().publish(mails(1))
    with closing(broker.subscribe(QUEUE, 1, "t")) as subscription:
        for _ in range(DELIVERY_LIMIT + 1):
            subscription.reject(receive(subscription, 1)[0])
    assert until(lambda: depth(broker, DEAD) == 1)
    assert collect(broker, store) == 1
    (letter,) = waiting(store)
    assert (letter.queue, letter.type, letter.message_id) == (QUEUE, "mail.fetched", mail_fetched(1).message_id)
    assert "delivery limit" in letter.reason
    assert until(lambda: depth(broker, DEAD) == 0)


def test_the_copy_of_a_replayed_letter_does_not_bring_it_back(broker: Broker, store: Database) -> None:
    letter = parked(broker, store, 1)
    replay(broker.publisher(), store, letter.dead_letter_id)
    assert until(lambda: depth(broker, DEAD) == 1)
    assert collect(broker, store) == 0
    assert waiting(store) == []


def test_a_message_without_an_id_or_a_type_can_be_parked_and_replayed(broker: Broker, store: Database) -> None:
    broker.publisher().publish_to(QUEUE, [replace(mail_fetched(1), payload=b"no json", type="")])
    with running(BatchRunner(broker, UnitFactory(store, broker.publisher()), Writing())):
        assert until(lambda: count(store, "dead_letters") == 1)
    (letter,) = waiting(store)
    assert letter.type == "unknown"
    assert replay(broker.publisher(), store, letter.dead_letter_id) == QUEUE


def test_a_type_that_no_database_can_store_is_parked_all_the_same(broker: Broker, store: Database) -> None:
    hostile = b'{"type": "mail\\u0000\\ud800"}'
    broker.publisher().publish_to(QUEUE, [replace(mail_fetched(1), payload=hostile, type="")])
    with running(BatchRunner(broker, UnitFactory(store, broker.publisher()), Writing())):
        assert until(lambda: count(store, "dead_letters") == 1)
        assert until(lambda: depth(broker, DEAD) == 1)
    assert waiting(store)[0].type == "mail\ufffd?"
