"""The demo's AMQP server, by pika and by kombu as integrations use them; and the product's own client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pika  # type: ignore[import-untyped]
import pytest
from apiconnect_client import Client, NotAllowed, NotConfirmed, Unreachable
from kombu import Connection  # type: ignore[import-untyped]

from services.demo.handler.amqp import AmqpServer
from shared.contracts.sending import RESULTS_EXCHANGE
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker
from tests.waiting import until

A_REQUEST = {"idempotency_key": "k-1", "to": [{"email": "anna@example.com"}], "text": "Hello"}
A_RESULT = b'{"event_id": "e", "state": "sent", "at": "2026-11-21T10:00:00Z", "idempotency_key": "k-1"}'


@pytest.fixture
def broker() -> MemoryBroker:
    broker = MemoryBroker()
    broker.know(["shop", "crm"])
    return broker


@pytest.fixture
def server(broker: MemoryBroker) -> Iterator[AmqpServer]:
    server = AmqpServer(broker, {"shop": "secret", "crm": "other"}, uuid4)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shop(server: AmqpServer) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(server.url("shop")))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    if connection.is_open:
        connection.close()


def say(broker: MemoryBroker, *bodies: bytes, integration: str = "shop") -> None:
    """As a service publishes results."""
    key = f"delivery.{integration}.sent"
    broker.publisher().publish(
        [
            Outgoing(uuid4(), "delivery.result", body, exchange=RESULTS_EXCHANGE, routing_key=key, correlation_id="c")
            for body in bodies
        ]
    )


def publish(channel: Any, key: str = "mail.send.shop", exchange: str = "apiconnect.send", **properties: Any) -> None:
    channel.basic_publish(exchange, key, b"{}", pika.BasicProperties(**properties), mandatory=True)


def test_what_the_client_sends_is_in_the_queue_with_its_properties(server: AmqpServer, broker: MemoryBroker) -> None:
    with Client(server.url("shop")) as client:
        for number in range(50):
            client.send(A_REQUEST | {"idempotency_key": f"k-{number}"}, correlation_id=f"c-{number}")
    found = broker.subscribe("sender.send_mail.shop", 100, "t").receive(100, 1)
    assert [one.correlation_id for one in found] == [f"c-{number}" for number in range(50)]
    assert {one.user_id for one in found} == {"integration.shop"}


def test_the_client_reads_results_and_acknowledges_them(server: AmqpServer, broker: MemoryBroker) -> None:
    say(broker, A_RESULT, A_RESULT)
    with Client(server.url("shop")) as client:
        for result in client.results(idle_timeout=0.5):
            assert (result.state, result.correlation_id) == ("sent", "c")
            result.ack()
    assert broker.quiet()
    assert broker.depths()["results.shop"] == 0


def test_a_result_that_comes_while_the_client_waits_is_handed_out(server: AmqpServer, broker: MemoryBroker) -> None:
    with Client(server.url("shop")) as client:
        threading.Timer(0.3, lambda: say(broker, A_RESULT)).start()
        assert next(client.results()).idempotency_key == "k-1"


def test_what_was_not_acknowledged_comes_again(server: AmqpServer, broker: MemoryBroker) -> None:
    say(broker, A_RESULT)
    for _ in range(2):
        with Client(server.url("shop")) as client:
            result = next(client.results())
    assert result.redelivered


def test_a_large_body_comes_whole_in_both_directions(shop: Any, broker: MemoryBroker) -> None:
    body = bytes(range(256)) * 2_000
    shop.basic_publish("apiconnect.send", "mail.send.shop", body, pika.BasicProperties(), mandatory=True)
    assert broker.subscribe("sender.send_mail.shop", 1, "t").receive(1, 1)[0].payload == body
    say(broker, body)
    assert shop.basic_get("results.shop", auto_ack=True)[2] == body


def test_a_prefetch_is_kept_and_acknowledging_several_at_once_opens_it(shop: Any, broker: MemoryBroker) -> None:
    say(broker, *[b"%d" % number for number in range(5)])
    shop.basic_qos(prefetch_count=2)
    got: list[tuple[int, bytes]] = []
    shop.basic_consume("results.shop", lambda _c, method, _p, body: got.append((method.delivery_tag, body)))

    def hear(count: int) -> bool:
        return until(lambda: shop.connection.process_data_events(0.05) or len(got) >= count)

    assert hear(2)
    assert not until(lambda: shop.connection.process_data_events(0.05) or len(got) > 2, 0.3)
    shop.basic_ack(got[-1][0], multiple=True)
    assert hear(4)
    assert [body for _, body in got] == [b"0", b"1", b"2", b"3"]


def test_a_rejected_result_goes_back(shop: Any, broker: MemoryBroker) -> None:
    say(broker, b"x")
    method, _, _ = shop.basic_get("results.shop")
    shop.basic_nack(method.delivery_tag)
    assert shop.basic_get("results.shop")[0].redelivered


@pytest.mark.parametrize(
    "act",
    [
        lambda channel: publish(channel, exchange="apiconnect", key="mail.fetched"),
        lambda channel: publish(channel, exchange="", key="results.crm"),
        lambda channel: publish(channel, key="mail.send.crm"),
        lambda channel: publish(channel, user_id="integration.crm"),
        lambda channel: channel.basic_get("results.crm"),
        lambda channel: channel.basic_get("sender.send_mail.shop"),
        lambda channel: channel.queue_declare("mine"),
        lambda channel: channel.queue_bind("results.shop", "apiconnect.results", "#"),
        lambda channel: channel.exchange_declare("mine"),
        lambda channel: channel.queue_declare("absent", passive=True),
    ],
)
def test_rights_end_where_those_of_an_integration_do(server: AmqpServer, shop: Any, act: Any) -> None:
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        act(shop)
    publish(shop.connection.channel())  # the connection goes on


def test_what_is_there_can_be_checked(shop: Any, broker: MemoryBroker) -> None:
    say(broker, b"x")
    shop.exchange_declare("apiconnect.send", passive=True)
    assert shop.queue_declare("results.shop", passive=True).method.message_count == 1


def test_a_request_that_no_queue_takes_comes_back(server: AmqpServer, broker: MemoryBroker) -> None:
    broker._ready.pop("sender.send_mail.shop")
    with closing(pika.BlockingConnection(pika.URLParameters(server.url("shop")))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(pika.exceptions.UnroutableError):
            publish(channel)


def test_a_broker_that_is_down_refuses_the_request(server: AmqpServer, broker: MemoryBroker) -> None:
    with Client(server.url("shop")) as client:
        client.send(A_REQUEST)
        broker.set_down(True)
        with pytest.raises(NotConfirmed):
            client.send(A_REQUEST)


@pytest.mark.parametrize("url", ["amqp://integration.shop:wrong@{}/v", "amqp://integration.nobody:x@{}/v"])
def test_a_wrong_password_is_told(server: AmqpServer, url: str) -> None:
    with Client(url.format(f"127.0.0.1:{server.port}")) as client, pytest.raises(NotAllowed):
        client.send(A_REQUEST)


def test_a_method_that_it_does_not_know_ends_the_connection_with_a_word(shop: Any) -> None:
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="for the demo"):
        shop.tx_select()


def test_at_its_end_clients_are_told(server: AmqpServer) -> None:
    with Client(server.url("shop"), patience=0.5) as client:
        client.send(A_REQUEST)
        server.stop()
        with pytest.raises(Unreachable):
            client.send(A_REQUEST)


def test_a_client_by_other_hands_sends_and_reads(server: AmqpServer, broker: MemoryBroker) -> None:
    say(broker, A_RESULT)
    with Connection(server.url("shop"), heartbeat=5) as connection:
        channel = connection.channel()
        connection.Producer(channel).publish(
            {"a": 1},
            exchange="apiconnect.send",
            routing_key="mail.send.shop",
            user_id="integration.shop",
            mandatory=True,
        )
        message = channel.basic_get("results.shop")
        assert message.body == A_RESULT.decode() or message.body == A_RESULT
        channel.basic_ack(message.delivery_tag)
    (found,) = broker.subscribe("sender.send_mail.shop", 1, "t").receive(1, 1)
    assert found.user_id == "integration.shop"
