"""One (customer, idempotency key) is one send, whoever accepts it and however often it is published."""

from __future__ import annotations

import zlib
from contextlib import ExitStack, closing
from datetime import timedelta

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.dead_letters import replay
from shared.messaging.topology import send_queue
from shared.messaging.unit import relay
from shared.storage.dead_letters import belongs_to
from tests.builders import SEALER
from tests.integration.handlers.sender.edge import Edge, RabbitEdge, all_running
from tests.integration.shared.messaging.stories import receive
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.sending import SHOP, a_request, an_integration
from tests.waiting import until


def test_the_same_key_with_another_content_is_a_conflict(edge: Edge) -> None:
    edge.answered(a_request("order-1"))
    (answer,) = edge.answered(a_request("order-1", subject="Another"))
    assert (answer.state, answer.reason, answer.field) == ("rejected", "idempotency_conflict", "idempotency_key")
    assert value(edge.database, "select count(*) from sends") == 1


def test_the_order_of_fields_and_a_customer_that_goes_without_saying_are_no_other_content(memory_edge: Edge) -> None:
    memory_edge.answered(a_request("order-1", merge={"a": 1, "b": 2}))
    again = dict(reversed(a_request("order-1", merge={"b": 2, "a": 1}, customer="acme", cc=[]).items()))
    (answer,) = memory_edge.answered(again)
    assert (answer.state, answer.repeated) == ("accepted", True)


def test_two_with_the_same_key_in_one_batch_are_one_send(memory_edge: Edge) -> None:
    answers = memory_edge.answered(a_request("k"), a_request("k"), a_request("k", text="Something else"))
    assert sorted((one.state, one.repeated) for one in answers) == [
        ("accepted", False), ("accepted", True), ("rejected", False),
    ]  # fmt: skip
    assert value(memory_edge.database, "select count(*) from sends") == 1


def test_customers_do_not_share_keys(memory_edge: Edge) -> None:
    an_integration(memory_edge.database, "portal", customer=None)
    memory_edge.broker.know([SHOP, "portal"])
    do(memory_edge.database, "insert into customers (uid, name) values ('other', 'Other')")
    do(memory_edge.database, "update delivery_servers set customer_id = null")
    memory_edge.ask(a_request("k", customer="acme"), a_request("k", customer="other"), by="portal")
    with memory_edge.accepting():
        answers = memory_edge.answers(2, of="portal")
    assert {(one.customer, one.state, one.repeated) for one in answers} == {
        ("acme", "accepted", False), ("other", "accepted", False),
    }  # fmt: skip


def test_a_repeat_tells_how_the_send_stands_now(memory_edge: Edge) -> None:
    memory_edge.answered(a_request("order-1"))
    do(memory_edge.database, "update sends set state = 'deferred', reason = 'quota', due_at = '2030-01-01T00:00Z'")
    (answer,) = memory_edge.answered(a_request("order-1"))
    assert answer.until is not None
    assert (answer.state, answer.reason, answer.until.year, answer.repeated) == ("deferred", "quota", 2030, True)


def test_a_repeat_is_answered_also_when_the_request_would_be_refused_by_now(memory_edge: Edge) -> None:
    memory_edge.answered(a_request("order-1"))
    do(memory_edge.database, "insert into blacklist (address, source) values ('anna@example.com', 'operator')")
    (answer,) = memory_edge.answered(a_request("order-1"))
    assert (answer.state, answer.repeated) == ("accepted", True)


def test_two_acceptors_at_once_with_the_same_keys_make_one_send_of_each(rabbit_edge: RabbitEdge) -> None:
    keys = [f"order-{n}" for n in range(120)]
    # The same keys in two queues, so that two runners meet; backwards in one, so that they could block each other.
    rabbit_edge.ask(*(a_request(key) for key in keys))
    rabbit_edge.ask(*(a_request(key) for key in reversed(keys)), routing_key="mail.send")
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(all_running(rabbit_edge.runners(accept_batch_size=40)))
        answers = rabbit_edge.answers(240)
    assert sorted(column(rabbit_edge.database, "select idempotency_key from sends")) == sorted(keys)
    assert sorted((one.idempotency_key, one.repeated) for one in answers) == sorted(
        (key, again) for key in keys for again in (False, True)
    )
    assert value(rabbit_edge.database, "select count(*) from send_bodies") == 120


def test_a_request_that_is_redelivered_is_one_send_and_answered_again(rabbit_edge: RabbitEdge) -> None:
    rabbit_edge.ask(a_request("order-1"))
    stop_before_the_ack(rabbit_edge)
    with rabbit_edge.accepting():
        answers = rabbit_edge.answers(2)
    assert {one.send_id for one in answers} == set(column(rabbit_edge.database, "select uid from sends"))
    assert sorted(one.repeated for one in answers) == [False, True]


def stop_before_the_ack(edge: RabbitEdge) -> None:
    """An acceptor commits, answers, and loses its connection before it can acknowledge."""
    with closing(edge.broker.subscribe(send_queue(SHOP), 10, "lost")) as subscription:
        (delivery,) = receive(subscription, 1)
        edge.handle(delivery)


def test_a_dead_letter_that_is_replayed_is_still_the_integrations(memory_edge: Edge) -> None:
    memory_edge.say(b"{", correlation_id="my-1")
    memory_edge.dead_letter()
    ((letter_id, key),) = rows(memory_edge.database, "select id, message_key from dead_letters")
    mended = SEALER.seal(zlib.compress(b'{"idempotency_key": "k", "text": "Hi"}'), belongs_to(key))
    do(memory_edge.database, "update dead_letters set sealed = %s", mended)
    replay(memory_edge.broker.publisher(), memory_edge.database, letter_id, SEALER)
    with memory_edge.accepting():
        (answer,) = memory_edge.answers(1)
    assert (answer.state, answer.idempotency_key, answer.customer) == ("rejected", "k", "acme")
    assert rows(memory_edge.database, "select integration from rejected_requests") == [(SHOP,)]


def test_an_answer_that_could_not_be_published_is_published_by_the_relay(memory_edge: Edge) -> None:
    publisher = memory_edge.units.publisher
    memory_edge.units.publisher = Down()  # type: ignore[assignment]
    memory_edge.ask(a_request("order-1"), correlation_id="my-1")
    with memory_edge.accepting():
        assert until(lambda: value(memory_edge.database, "select count(*) from outbox"))
    relay(memory_edge.database, publisher, timedelta(0), 10)
    (answer,) = memory_edge.answers(1)
    assert (answer.state, answer.idempotency_key) == ("accepted", "order-1")
    assert value(memory_edge.database, "select count(*) from outbox") == 0


class Down:
    """A publisher whose broker is gone."""

    user = "memory"

    def publish(self, messages: object) -> None:
        """Fails."""
        raise BrokerOrDatabaseDown("gone")
