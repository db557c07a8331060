"""An integration's rights end where they should: each way out is tried at a real broker with the user that the command made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import uuid4

import pika  # type: ignore[import-untyped]
import pytest
from pika.adapters.blocking_connection import BlockingChannel  # type: ignore[import-untyped]

from shared.messaging.broker import Outgoing
from shared.messaging.rabbitmq import RabbitBroker
from tests.integration.edge.conftest import Call
from tests.servers.rabbitmq import RabbitMQ, management
from tests.waiting import until

FORBIDDEN = 403
INVALID = 406


def channel_of(url: str) -> Iterator[BlockingChannel]:
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


@pytest.fixture
def shop(urls: dict[str, str]) -> Iterator[BlockingChannel]:
    yield from channel_of(urls["shop"])


@pytest.fixture
def crm(urls: dict[str, str]) -> Iterator[BlockingChannel]:
    yield from channel_of(urls["crm"])


def refusal(act: Callable[[], object]) -> int:
    """The broker's reply code; 0 if it allowed it."""
    try:
        act()
    except pika.exceptions.ChannelClosedByBroker as closed:
        return int(closed.reply_code)
    return 0


def publish(channel: BlockingChannel, exchange: str, key: str, **properties: object) -> None:
    channel.basic_publish(exchange, key, b"{}", pika.BasicProperties(**properties), mandatory=True)


@pytest.mark.parametrize("key", ["mail.send", "mail.send.shop"])
def test_it_publishes_requests_under_its_own_key_or_the_plain_one(shop: BlockingChannel, key: str) -> None:
    publish(shop, "apiconnect.send", key, user_id="integration.shop")


def test_it_reads_its_own_results(shop: BlockingChannel, rabbitmq_url: str) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as ours:
        ours.channel().basic_publish("apiconnect.results", "delivery.shop.sent", b"for shop")
        ours.channel().basic_publish("apiconnect.results", "delivery.crm.sent", b"for crm")
    bodies = [body for _, _, body in _some(shop, "results.shop")]
    assert bodies == [b"for shop"]


def _some(channel: BlockingChannel, queue: str) -> Iterator[tuple[object, object, bytes]]:
    for method, properties, body in channel.consume(queue, inactivity_timeout=1.0):
        if method is None:
            return
        channel.basic_ack(method.delivery_tag)
        yield method, properties, body


@pytest.mark.parametrize("key", ["mail.fetched", "mailbox.poll", "mail.send", "mail.send.shop"])
def test_it_cannot_forge_an_internal_message(shop: BlockingChannel, key: str) -> None:
    assert refusal(lambda: publish(shop, "apiconnect", key, user_id="integration.shop")) == FORBIDDEN


@pytest.mark.parametrize(
    "queue", ["classifier.mail_fetched", "results.crm", "sender.send_mail.crm", "sender.send_mail"]
)
def test_it_cannot_put_anything_straight_into_a_queue(shop: BlockingChannel, queue: str) -> None:
    assert refusal(lambda: publish(shop, "", queue)) == FORBIDDEN


@pytest.mark.parametrize(
    "key", ["mail.send.crm", "mail.send.nobody", "mail.send.shop.crm", "mail.sendxshop", "mail", "#"]
)
def test_it_cannot_publish_under_the_key_of_another(shop: BlockingChannel, key: str) -> None:
    assert refusal(lambda: publish(shop, "apiconnect.send", key)) == FORBIDDEN


@pytest.mark.parametrize("user", ["integration.crm", "sender", "guest"])
def test_it_cannot_publish_as_somebody_else(shop: BlockingChannel, user: str) -> None:
    assert refusal(lambda: publish(shop, "apiconnect.send", "mail.send.shop", user_id=user)) == INVALID


@pytest.mark.parametrize("key", ["delivery.shop.sent", "delivery.crm.sent"])
def test_it_cannot_make_up_a_result(shop: BlockingChannel, key: str) -> None:
    assert refusal(lambda: publish(shop, "apiconnect.results", key)) == FORBIDDEN


@pytest.mark.parametrize(
    "queue",
    ["results.crm", "results.nobody", "sender.send_mail.crm", "sender.send_mail.shop", "actions.mail_classified"],
)
def test_it_cannot_read_the_queue_of_another_and_does_not_learn_whether_there_is_one(
    shop: BlockingChannel, queue: str
) -> None:
    assert refusal(lambda: shop.basic_get(queue)) == FORBIDDEN


@pytest.mark.parametrize("queue", ["results.crm", "results.shop", "results.nobody"])
def test_it_cannot_empty_or_delete_a_queue(urls: dict[str, str], queue: str) -> None:
    for act in (BlockingChannel.queue_delete, *([] if queue == "results.shop" else [BlockingChannel.queue_purge])):
        for channel in channel_of(urls["shop"]):
            assert refusal(lambda act=act, channel=channel: act(channel, queue)) == FORBIDDEN  # type: ignore[misc]


@pytest.mark.parametrize(
    "queue", ["results.more", "integration.shopper.reply", "integration.shop", "anything", "results.crm"]
)
def test_it_cannot_create_a_queue(shop: BlockingChannel, queue: str) -> None:
    assert refusal(lambda: shop.queue_declare(queue, durable=True)) == FORBIDDEN


def test_it_cannot_create_a_queue_that_the_broker_names(shop: BlockingChannel) -> None:
    assert refusal(lambda: shop.queue_declare("", exclusive=True)) == FORBIDDEN


@pytest.mark.parametrize("key", ["delivery.crm.#", "#", "*.crm.*", "delivery.#", "delivery.shop.#"])
def test_it_cannot_bind_the_results_of_another_nor_anything_else(shop: BlockingChannel, key: str) -> None:
    assert refusal(lambda: shop.queue_bind("results.shop", "apiconnect.results", key)) == FORBIDDEN


def test_it_cannot_take_a_binding_from_another(shop: BlockingChannel) -> None:
    act = lambda: shop.queue_unbind("results.crm", "apiconnect.results", "delivery.crm.#")
    assert refusal(act) == FORBIDDEN


@pytest.mark.parametrize("exchange", ["apiconnect.mine", "apiconnect.send"])
def test_it_cannot_create_or_delete_an_exchange(urls: dict[str, str], exchange: str) -> None:
    for channel in channel_of(urls["shop"]):
        assert refusal(lambda channel=channel: channel.exchange_declare(exchange, "topic", durable=True)) == FORBIDDEN  # type: ignore[misc]
    for channel in channel_of(urls["shop"]):
        assert refusal(lambda channel=channel: channel.exchange_delete(exchange)) == FORBIDDEN  # type: ignore[misc]


def test_an_answer_to_one_request_comes_into_a_reply_queue_of_its_own_name(
    shop: BlockingChannel, crm: BlockingChannel, rabbitmq_url: str
) -> None:
    reply_queue = "integration.shop.reply.1"
    shop.queue_declare(reply_queue, exclusive=True)
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as ours:
        ours.channel().basic_publish("", reply_queue, b"an answer")
    answers = [body for _, _, body in _some(shop, reply_queue)]
    assert answers == [b"an answer"]
    assert refusal(lambda: crm.basic_get(reply_queue)) == FORBIDDEN


INTO_A_REPLY_QUEUE: dict[str, Callable[[BlockingChannel], object]] = {
    "bind to results": lambda shop: shop.queue_bind("integration.shop.reply", "apiconnect.results", "delivery.shop.#"),
    "bind to requests": lambda shop: shop.queue_bind("integration.shop.reply", "apiconnect.send", "#"),
    "publish": lambda shop: publish(shop, "", "integration.shop.reply"),
    "declare another's": lambda shop: shop.queue_declare("integration.crm.reply"),
}


@pytest.mark.parametrize("act", INTO_A_REPLY_QUEUE)
def test_it_cannot_put_anything_into_a_reply_queue(shop: BlockingChannel, act: str) -> None:
    shop.queue_declare("integration.shop.reply", auto_delete=True)
    assert refusal(lambda: INTO_A_REPLY_QUEUE[act](shop)) == FORBIDDEN


@pytest.mark.parametrize("exchange", ["", "apiconnect", "apiconnect.results", "apiconnect.retry.10s"])
def test_it_cannot_let_the_broker_pass_its_answers_on(shop: BlockingChannel, exchange: str) -> None:
    arguments = {"x-dead-letter-exchange": exchange, "x-message-ttl": 0}
    assert refusal(lambda: shop.queue_declare("integration.shop.reply", arguments=arguments)) == FORBIDDEN


def test_an_answer_that_the_broker_passes_on_to_another_names_no_sender_and_so_is_no_request(
    shop: BlockingChannel, rabbitmq_url: str
) -> None:
    # The broker lets a queue of its own lead back to the exchange that it may write to, under any key.
    passing = {
        "x-dead-letter-exchange": "apiconnect.send",
        "x-dead-letter-routing-key": "mail.send.crm",
        "x-message-ttl": 0,
    }
    shop.queue_declare("integration.shop.reply", auto_delete=True, arguments=passing)
    with closing(RabbitBroker(rabbitmq_url)) as ours:
        answer = Outgoing(uuid4(), "delivery.result", b"{}", exchange="", routing_key="integration.shop.reply")
        ours.publisher().publish([answer])
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as looking:
        channel = looking.channel()
        found: list[object] = []
        assert until(lambda: found.append(channel.basic_get("sender.send_mail.crm")[1]) or found[-1] is not None)
        assert found[-1].user_id is None  # type: ignore[attr-defined]


def test_it_sees_nothing_of_the_broker_over_http(urls: dict[str, str], rabbitmq_server: RabbitMQ, call: Call) -> None:
    class Theirs:
        url = urls["shop"]
        management_url = rabbitmq_server.management_url

    with pytest.raises(OSError, match="401"):
        management(Theirs(), "GET", "/queues")  # type: ignore[arg-type]
    assert call("GET", "/users/integration.shop")["tags"] in ([], "")
