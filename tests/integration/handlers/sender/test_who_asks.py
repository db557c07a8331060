"""Who asks is what the broker has checked, and nothing else that a message says."""

from __future__ import annotations

from contextlib import closing

import pika  # type: ignore[import-untyped]
import pytest

from shared.contracts.sending import RESULTS_EXCHANGE, SEND_EXCHANGE
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import ASKED_BY
from shared.messaging.topology import SEND_QUEUE, dead_queue, integration_user, results_queue, send_queue
from tests.builders import a_customer
from tests.integration.handlers.sender.edge import Edge, RabbitEdge
from tests.integration.shared.messaging.stories import receive
from tests.integration.shared.storage.looking import column, value
from tests.sending import SHOP, a_delivery_server, a_request, an_integration, wire
from tests.servers.rabbitmq import management
from tests.waiting import until

FORGED = {ASKED_BY: "console", "attempt": 7, "parked": "row", "type": "mail.fetched"}


@pytest.mark.parametrize("key", ["mail.send", "mail.send.shop"])
def test_an_integration_may_use_either_key(edge: Edge, key: str) -> None:
    (answer,) = edge.answered(routing_key=key)
    assert (answer.state, answer.customer) == ("accepted", "acme")


@pytest.mark.parametrize(("key", "queue"), [("mail.send", SEND_QUEUE), ("mail.send.shop", send_queue(SHOP))])
def test_a_request_that_does_not_say_who_asks_is_a_dead_letter(edge: Edge, key: str, queue: str) -> None:
    edge.ask(routing_key=key, user_id=None, headers=FORGED)
    assert edge.dead_letter(queue).startswith("user_id: the property is missing")


def test_a_request_in_another_integrations_queue_is_a_dead_letter(edge: Edge) -> None:
    an_integration(edge.database, "other", customer="other")
    edge.ask(by="other", routing_key="mail.send.shop")
    assert edge.dead_letter() == "user_id: 'integration.other' does not belong in the queue of the integration 'shop'"


def test_a_header_says_nothing_of_who_asks(edge: Edge) -> None:
    a_delivery_server(edge.database, "others", customer="other")
    edge.ask(a_request(customer="other"), routing_key="mail.send", headers=FORGED)
    with edge.accepting():
        (answer,) = edge.answers(1)
    assert (answer.state, answer.reason, answer.field) == ("rejected", "not_yours", "customer")


def test_a_user_who_is_neither_an_integration_nor_the_operators_is_a_dead_letter(memory_edge: Edge) -> None:
    memory_edge.ask(routing_key="mail.send", user_id="fetcher", headers=FORGED)
    assert memory_edge.dead_letter(SEND_QUEUE) == (
        "user_id: 'fetcher' is neither an integration nor one of the operator's own"
    )


def test_the_operators_own_tools_name_the_customer(memory_edge: Edge) -> None:
    a_customer(memory_edge.database, "acme")
    memory_edge.ask(a_request(customer="acme"), routing_key="mail.send", user_id="console")
    with memory_edge.accepting():
        assert until(lambda: value(memory_edge.database, "select count(*) from sends") == 1)
    assert column(memory_edge.database, "select integration from sends") == [""]


def test_a_forged_user_id_is_refused_by_the_broker(rabbit_edge: RabbitEdge) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(rabbit_edge.url_of(integration_user(SHOP))))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
            channel.basic_publish(
                SEND_EXCHANGE, "mail.send", wire(a_request()), pika.BasicProperties(user_id="console")
            )
        assert refused.value.reply_code == 406


@pytest.mark.parametrize(
    "reply_to", ["results.other", "classifier.mail_fetched", "integration.shopping.x", "amq.gen-1"]
)
def test_a_foreign_reply_to_is_refused_and_gets_nothing(memory_edge: Edge, reply_to: str) -> None:
    an_integration(memory_edge.database, "other", customer="other")
    memory_edge.broker.know([SHOP, "other"])
    (answer,) = memory_edge.answered(reply_to=reply_to)
    assert (answer.state, answer.reason, answer.field) == ("rejected", "not_yours", "reply_to")
    depths = memory_edge.broker.depths()
    assert (depths["results.other"], depths["classifier.mail_fetched"]) == (0, 0)


def test_the_answer_also_goes_to_the_queue_that_the_asker_named(edge: Edge) -> None:
    edge.ask(a_request("a"), a_request("b", text=""), reply_to=results_queue(SHOP), correlation_id="my-1")
    with edge.accepting():
        answers = edge.answers(4)
    assert sorted(one.state for one in answers) == ["accepted", "accepted", "rejected", "rejected"]


def test_a_queue_for_the_answer_that_is_gone_is_no_error(edge: Edge) -> None:
    edge.ask(reply_to="integration.shop.gone")
    with edge.accepting():
        assert edge.answers(1)[0].state == "accepted"
    assert value(edge.database, "select count(*) from outbox") == 0


def test_an_answer_carries_the_correlation_id_of_the_request(edge: Edge) -> None:
    edge.ask(correlation_id="my-1")
    with edge.accepting(), closing(edge.broker.subscribe(results_queue(SHOP), 1, "tests")) as subscription:
        (delivery,) = receive(subscription, 1)
    assert (delivery.correlation_id, delivery.type) == ("my-1", "delivery.result")


def test_an_integration_that_is_new_is_read_at_once_and_one_that_is_gone_no_more(edge: Edge) -> None:
    with edge.accepting():
        an_integration(edge.database, "new", customer="acme")
        assert until(lambda: "new" in edge.broker.known())
        edge.ask(a_request("of-the-new"), by="new")
        assert edge.answers(1, of="new")[0].state == "accepted"
        with edge.database.transaction() as connection:
            connection.execute("delete from integrations where name = 'new'")
        assert until(lambda: "new" not in edge.broker.known())
        edge.ask(a_request("of-shop"))
        assert edge.answers(1)[0].idempotency_key == "of-shop"


def test_a_wiped_broker_gets_the_queues_of_integrations_again(rabbit_edge: RabbitEdge) -> None:
    vhost = rabbit_edge.vhost
    with rabbit_edge.accepting():
        rabbit_edge.ask(a_request("before"))
        rabbit_edge.answers(1)
        for queue in (send_queue(SHOP), dead_queue(send_queue(SHOP)), results_queue(SHOP)):
            management(rabbit_edge.server, "DELETE", f"/queues/{vhost}/{queue}")
        for exchange in (SEND_EXCHANGE, RESULTS_EXCHANGE):
            management(rabbit_edge.server, "DELETE", f"/exchanges/{vhost}/{exchange}")
        assert until(lambda: asked_again(rabbit_edge))
        assert rabbit_edge.answers(1)[0].idempotency_key == "after"


def asked_again(edge: RabbitEdge) -> bool:
    """Whether the request found its queue; the integration itself may create nothing."""
    try:
        edge.ask(a_request("after"))
    except BrokerOrDatabaseDown:
        return False
    return True


def test_a_property_that_is_no_utf_8_ends_nobody(rabbit_edge: RabbitEdge) -> None:
    user = integration_user(SHOP)
    with closing(pika.BlockingConnection(pika.URLParameters(rabbit_edge.url_of(user)))) as connection:
        properties = pika.BasicProperties(user_id=user, correlation_id=b"\xff\xfe")
        connection.channel().basic_publish(SEND_EXCHANGE, "mail.send.shop", wire(a_request("odd")), properties)
    rabbit_edge.ask(a_request("plain"))
    with rabbit_edge.accepting():
        assert sorted(one.idempotency_key for one in rabbit_edge.answers(2)) == ["odd", "plain"]
