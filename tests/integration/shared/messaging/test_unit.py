"""A unit commits, then publishes; what could not be published is published later, and nothing is sent for a rollback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.events import MailFetched
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker, MemoryPublisher
from shared.messaging.unit import Unit, UnitFactory, relay
from shared.storage.database import Database
from tests.integration.shared.messaging.running import count
from tests.integration.shared.messaging.stories import NOON, QUEUE, SPACE, depth, mails, receive

NO_AGE = timedelta(0)


@pytest.fixture
def broker() -> MemoryBroker:
    """The in-memory one: it can be set down."""
    return MemoryBroker()


def publish(unit: Unit, *numbers: int) -> None:
    """MailFetched for each number."""
    for number in numbers:
        message_id = uuid5(SPACE, str(number))
        unit.publish(MailFetched(mail_id=number), message_id=message_id, correlation_id=SPACE, occurred_at=NOON)


def test_messages_leave_after_the_commit_and_their_rows_are_gone(broker: MemoryBroker, store: Database) -> None:
    units = UnitFactory(store, broker.publisher())
    with units.begin() as unit:
        publish(unit, 1, 2)
        assert depth(broker, QUEUE) == 0
    assert (depth(broker, QUEUE), count(store, "outbox"), units.unpublished) == (2, 0, 0)


def test_the_envelope_carries_the_story_and_its_cause(broker: MemoryBroker, store: Database) -> None:
    cause = UUID("00000000-0000-4000-8000-00000000000c")
    with UnitFactory(store, broker.publisher()).begin() as unit:
        body = MailFetched(mail_id=1)
        unit.publish(body, message_id=SPACE, correlation_id=SPACE, causation_id=cause, occurred_at=NOON)
    (delivery,) = receive(broker.subscribe(QUEUE, 1, "t"), 1)
    envelope = Envelope.model_validate_json(delivery.payload)
    assert (envelope.message_id, envelope.causation_id, envelope.occurred_at) == (SPACE, cause, NOON)
    assert (envelope.type, envelope.body) == ("mail.fetched", {"mail_id": 1})


def test_a_rollback_sends_nothing_and_claims_nothing(broker: MemoryBroker, store: Database) -> None:
    def fail(unit: Unit) -> None:
        publish(unit, 1)
        unit.claim("classifier", [SPACE])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), UnitFactory(store, broker.publisher()).begin() as unit:
        fail(unit)
    assert (depth(broker, QUEUE), count(store, "outbox"), count(store, "inbox")) == (0, 0, 0)


def test_a_claim_is_granted_once_per_consumer(broker: MemoryBroker, store: Database) -> None:
    units = UnitFactory(store, broker.publisher())
    other = uuid5(SPACE, "other")
    with units.begin() as unit:
        assert unit.claim("classifier", [SPACE]) == {SPACE}
    with units.begin() as unit:
        assert unit.claim("classifier", [SPACE, other]) == {other}
        assert unit.claim("actions", [SPACE]) == {SPACE}


def test_a_broker_that_is_down_after_the_commit_raises_nothing_and_the_relay_makes_good(
    broker: MemoryBroker, store: Database
) -> None:
    units = UnitFactory(store, broker.publisher())
    broker.set_down(True)
    with units.begin() as unit:
        publish(unit, 1, 2, 3)
    assert (count(store, "outbox"), units.unpublished) == (3, 3)
    broker.set_down(False)
    assert relay(store, broker.publisher(), NO_AGE, 100) == 3
    assert (depth(broker, QUEUE), count(store, "outbox")) == (3, 0)


def test_the_relay_sends_what_a_killed_process_had_committed(broker: MemoryBroker, store: Database) -> None:
    with pytest.raises(Killed):
        _killed_between_commit_and_publish(store)
    assert count(store, "outbox") == 1
    assert relay(store, broker.publisher(), NO_AGE, 100) == 1
    (delivery,) = receive(broker.subscribe(QUEUE, 1, "t"), 1)
    assert delivery.payload == mails(1)[0].payload


class Killed(BaseException):
    """The end of a process."""


def _killed_between_commit_and_publish(store: Database) -> None:
    class Dying(MemoryPublisher):
        def publish(self, messages: Sequence[Outgoing]) -> None:
            raise Killed

    with UnitFactory(store, Dying(MemoryBroker())).begin() as unit:
        body = MailFetched(mail_id=1)
        message_id = uuid5(SPACE, "1")
        unit.publish(body, message_id=message_id, correlation_id=message_id, occurred_at=NOON)


def test_the_relay_leaves_young_rows_to_their_own_process(broker: MemoryBroker, store: Database) -> None:
    _left_over(broker, store, lambda unit: publish(unit, 1))
    assert relay(store, broker.publisher(), timedelta(minutes=1), 100) == 0


def test_the_relay_takes_no_more_than_its_limit(broker: MemoryBroker, store: Database) -> None:
    _left_over(broker, store, lambda unit: publish(unit, 1, 2, 3))
    assert [relay(store, broker.publisher(), NO_AGE, 2) for _ in range(3)] == [2, 1, 0]


def test_a_relay_that_finds_the_broker_down_keeps_the_rows(broker: MemoryBroker, store: Database) -> None:
    _left_over(broker, store, lambda unit: publish(unit, 1))
    broker.set_down(True)
    with pytest.raises(BrokerOrDatabaseDown):
        relay(store, broker.publisher(), NO_AGE, 100)
    assert count(store, "outbox") == 1


def _left_over(broker: MemoryBroker, store: Database, fill: Callable[[Unit], None]) -> None:
    broker.set_down(True)
    with UnitFactory(store, broker.publisher()).begin() as unit:
        fill(unit)
    broker.set_down(False)
