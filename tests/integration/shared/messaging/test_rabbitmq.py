"""What only a real broker can do to us: stop, lose everything, stand still, lose a queue under its consumer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pika  # type: ignore[import-untyped]
import pytest

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.rabbitmq import RabbitBroker, TopologyConflict
from shared.messaging.runner import BatchRunner
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from tests.integration.shared.messaging.running import Writing, running, seen
from tests.integration.shared.messaging.stories import QUEUE, depth, mails, receive, until
from tests.servers.rabbitmq import RabbitMQ


@pytest.fixture
def broker(rabbitmq: RabbitMQ) -> Iterator[RabbitBroker]:
    """A broker client of a node that the test may treat badly. Short heartbeats and time-outs."""
    broker = RabbitBroker(rabbitmq.url, name="tests", heartbeat_seconds=2.0, confirm_timeout_seconds=2.0)
    broker.declare()
    yield broker
    rabbitmq.thaw()
    broker.close()


def test_publisher_and_consumer_survive_a_restart_of_the_broker(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    broker.publisher().publish(mails(1))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        held = receive(subscription, 1)
        rabbitmq.restart()
        assert until(broker.ping)
        broker.publisher().publish(mails(2))
        subscription.ack(held)  # of the connection that is gone: must not acknowledge anything on the new one
        found = receive(subscription, 2)
    assert sorted((one.payload, one.redelivered) for one in found) == [
        (mails(1)[0].payload, True),
        (mails(2)[0].payload, False),
    ]


def test_many_messages_are_few_system_calls(broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client alone makes one call to send a message, and nine to receive it."""
    broker.publisher().close()  # the next connection is made with the counters in place
    sent, read, waits = (
        _counted(monkeypatch, "sendall"),
        _counted(monkeypatch, "recv"),
        _counted(monkeypatch, "settimeout"),
    )

    broker.publisher().publish(mails(*range(1, 301)))
    with closing(broker.subscribe(QUEUE, 300, "t")) as subscription:
        assert len(receive(subscription, 300)) == 300

    assert (len(sent) < 100, len(read) < 450, len(waits) < 300) == (True, True, True), (
        len(sent),
        len(read),
        len(waits),
    )


def _counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    calls: list[None] = []
    real = getattr(socket.socket, name)

    def call(self: socket.socket, *arguments: object) -> object:
        calls.append(None)
        return real(self, *arguments)

    monkeypatch.setattr(socket.socket, name, call)
    return calls


def test_everything_is_declared_again_after_the_broker_lost_its_data(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        assert subscription.receive(1, 0.1) == []
        rabbitmq.reset()
        assert until(broker.ping)
        broker.publisher().publish(mails(1))
        assert len(receive(subscription, 1)) == 1


def test_a_publisher_alone_declares_what_a_reset_took_away(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    broker.publisher().publish(mails(1))
    rabbitmq.reset()
    broker.publisher().publish(mails(2))
    assert until(lambda: depth(broker, QUEUE) == 1)


def test_a_queue_deleted_under_its_consumer_is_made_again(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        assert subscription.receive(1, 0.1) == []
        with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq.url))) as connection:
            connection.channel().queue_delete(QUEUE)
        broker.publisher().publish(mails(1))
        assert len(receive(subscription, 1)) == 1


def test_a_restart_in_the_middle_of_a_run_loses_and_doubles_nothing(
    broker: RabbitBroker, rabbitmq: RabbitMQ, store: Database
) -> None:
    runner = BatchRunner(broker, UnitFactory(store, broker.publisher()), Writing(), batch_size=2)
    with running(runner):
        broker.publisher().publish(mails(*range(101, 2101)))
        assert until(lambda: runner.counters.handled > 20)
        assert runner.counters.handled < 1000
        rabbitmq.restart()
        assert until(lambda: len(seen(store)) >= 2000, at_most_seconds=60)
        assert until(lambda: depth(broker, QUEUE) == 0)
    assert seen(store) == list(range(101, 2101))
    assert (runner.counters.dead, runner.counters.retried) == (0, 0)


def test_publishing_to_a_broker_that_stands_still_fails_in_time(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    broker.publisher().publish(mails(1))
    rabbitmq.freeze()
    began = time.monotonic()
    with pytest.raises(BrokerOrDatabaseDown):
        broker.publisher().publish(mails(2))
    assert time.monotonic() - began < 4.0  # 2 s, and no second try


def test_publishing_to_a_stopped_broker_says_that_it_is_down(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    rabbitmq.stop()
    with pytest.raises(BrokerOrDatabaseDown):
        broker.publisher().publish(mails(1))
    assert not broker.ping()
    rabbitmq.start()
    assert until(broker.ping)


def test_an_idle_publisher_and_a_waiting_consumer_keep_their_connections(broker: RabbitBroker) -> None:
    publisher = broker.publisher()
    publisher.publish(mails(1))
    connection = publisher._link.amqp
    with closing(broker.subscribe(QUEUE, 1, "t")) as subscription:
        (held,) = receive(subscription, 1)
        end = time.monotonic() + 7.0  # more than three heartbeats of 2 s
        while time.monotonic() < end:
            subscription.receive(0, 0.1)
        subscription.ack([held])
        assert subscription.receive(1, 0.2) == []
    assert publisher._link.amqp is connection


def test_closing_returns_at_once_even_if_the_broker_stands_still(broker: RabbitBroker, rabbitmq: RabbitMQ) -> None:
    broker.publisher().publish(mails(1))
    rabbitmq.freeze()
    closing_thread = Thread(target=broker.close)
    closing_thread.start()
    closing_thread.join(6.0)
    assert not closing_thread.is_alive()


def test_a_queue_of_that_name_with_other_properties_is_named(rabbitmq: RabbitMQ) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq.url))) as connection:
        connection.channel().queue_declare(QUEUE, durable=True)
    with closing(RabbitBroker(rabbitmq.url)) as broker, pytest.raises(TopologyConflict, match=QUEUE):
        broker.declare()


def test_the_url_with_its_password_is_in_no_representation(rabbitmq_url: str) -> None:
    with closing(RabbitBroker(rabbitmq_url)) as broker:
        assert "guest" not in repr(broker)
