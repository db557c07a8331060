"""What the in-memory broker has beside the contract: a clock, quietness, and being set down."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker

QUEUE = "classifier.mail_fetched"
MESSAGE = Outgoing(UUID(int=1), "mail.fetched", b"{}")


class Clock:
    """Seconds that stand still until somebody turns them on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At 1000 s."""
    return Clock()


@pytest.fixture
def broker(clock: Clock) -> MemoryBroker:
    """A broker that runs by that clock."""
    return MemoryBroker(clock)


def test_a_broker_without_messages_is_quiet(broker: MemoryBroker) -> None:
    assert broker.quiet()


def test_a_ready_message_is_not_quiet_and_neither_is_one_in_hand(broker: MemoryBroker) -> None:
    broker.publisher().publish([MESSAGE])
    assert not broker.quiet()
    subscription = broker.subscribe(QUEUE, 1, "t")
    held = subscription.receive(1, 0.0)
    assert not broker.quiet()
    subscription.ack(held)
    assert broker.quiet()


def test_a_dead_letter_is_quiet(broker: MemoryBroker) -> None:
    broker.publisher().publish_to(f"{QUEUE}.dead", [MESSAGE])
    assert broker.quiet()


def test_a_delayed_message_comes_home_when_the_clock_says_so_and_is_not_quiet(
    broker: MemoryBroker, clock: Clock
) -> None:
    broker.publisher().publish([MESSAGE])
    subscription = broker.subscribe(QUEUE, 1, "t")
    (delivery,) = subscription.receive(1, 0.0)
    broker.publisher().publish_retry(QUEUE, delivery, 2, "1m")
    subscription.ack([delivery])
    clock.now += 59.9
    assert (subscription.receive(1, 0.0), broker.quiet(), broker.depths()["retry.1m"]) == ([], False, 1)
    clock.now += 0.1
    assert [again.attempt for again in subscription.receive(1, 0.0)] == [2]


def test_waiting_until_quiet_ends_with_the_last_ack(broker: MemoryBroker) -> None:
    broker.publisher().publish([MESSAGE])
    subscription = broker.subscribe(QUEUE, 1, "t")
    held = subscription.receive(1, 0.0)
    assert not broker.wait_until_quiet(0.01)
    threading.Timer(0.05, subscription.ack, [held]).start()
    assert broker.wait_until_quiet(5.0)


def test_a_broker_that_is_set_down_takes_back_what_it_handed_out(broker: MemoryBroker) -> None:
    broker.publisher().publish([MESSAGE])
    subscription = broker.subscribe(QUEUE, 1, "t")
    held = subscription.receive(1, 0.0)
    broker.set_down(True)
    with pytest.raises(BrokerOrDatabaseDown):
        broker.publisher().publish([MESSAGE])
    assert (broker.ping(), subscription.receive(1, 0.0)) == (False, [])
    broker.set_down(False)
    subscription.ack(held)  # of before: must not acknowledge what comes again
    assert [again.redelivered for again in subscription.receive(1, 0.0)] == [True]
