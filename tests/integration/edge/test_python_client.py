"""clients/python against a real broker: what it publishes is the contract, and what it reads is told plainly."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

import pika  # type: ignore[import-untyped]
import pytest
from apiconnect_client import (
    Client,
    InvalidRequest,
    NotAllowed,
    NotConfirmed,
    Recipient,
    Result,
    SendRequest,
    TimedOut,
    TooLarge,
    Unreachable,
    UnreadableResult,
    Unroutable,
)

from shared.contracts.sending import DeliveryResult, SendMail
from tests.integration.edge.conftest import Call, administrator_of
from tests.integration.services.console.running import Console
from tests.servers.rabbitmq import RabbitMQ

A_REQUEST = {"idempotency_key": "k-1", "to": [{"email": "anna@example.com"}], "subject": "Hello", "text": "Hello"}


@pytest.fixture
def client(urls: dict[str, str]) -> Iterator[Client]:
    with Client(urls["shop"], patience=10) as client:
        yield client


@pytest.fixture
def ours(rabbitmq_url: str) -> Iterator[Any]:
    """A channel of the product's side."""
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as connection:
        yield connection.channel()


def a_result(state: str = "sent", **given: Any) -> bytes:
    fields = {"event_id": uuid4(), "state": state, "at": datetime.now(UTC), "idempotency_key": "k-1"} | given
    return DeliveryResult(**fields).model_dump_json(by_alias=True).encode()


def say(ours: Any, body: bytes, correlation_id: str | None = None) -> None:
    properties = pika.BasicProperties(correlation_id=correlation_id)
    ours.basic_publish("apiconnect.results", "delivery.shop.sent", body, properties)


def test_a_request_arrives_in_its_queue_durable_and_with_the_user_that_the_broker_checked(
    client: Client, ours: Any
) -> None:
    client.send(A_REQUEST, correlation_id="order 1")
    method, properties, body = ours.basic_get("sender.send_mail.shop", auto_ack=True)
    assert SendMail.model_validate_json(body).idempotency_key == "k-1"
    assert (method.exchange, method.routing_key) == ("apiconnect.send", "mail.send.shop")
    assert (properties.user_id, properties.delivery_mode) == ("integration.shop", 2)
    assert (properties.content_type, properties.correlation_id) == ("application/json", "order 1")


def test_a_typed_request_is_what_the_contract_says(client: Client, ours: Any) -> None:
    when = datetime(2027, 1, 1, tzinfo=UTC)
    client.send(
        SendRequest(
            "k-1", to=(Recipient("anna@example.com", "Anna"),), html="<p>", list="news", not_before=when, tags=("a",)
        )
    )
    _, _, body = ours.basic_get("sender.send_mail.shop", auto_ack=True)
    read = SendMail.model_validate_json(body)
    assert (read.to[0].name, read.html, read.list_uid, read.not_before) == ("Anna", "<p>", "news", when)
    assert set(json.loads(body)) == {"idempotency_key", "to", "html", "list", "not_before", "tags"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "two words"}, "idempotency_key"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
        ({"to": []}, "to"),
        ({"text": None}, "text"),
        ({"subjekt": "Hello"}, "subjekt"),
        ({"merge": {"at": datetime(2027, 1, 1, tzinfo=UTC)}}, "request"),
    ],
)
def test_what_is_surely_wrong_is_refused_with_its_field_and_not_published(
    client: Client, ours: Any, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.send(A_REQUEST | change)
    assert refused.value.field == field
    assert ours.basic_get("sender.send_mail.shop")[0] is None


def test_a_request_larger_than_the_contract_allows_is_refused_with_the_way_out(client: Client) -> None:
    with pytest.raises(TooLarge, match="store large attachments first"):
        client.send(A_REQUEST | {"text": "x" * 8_000_001})


def test_a_request_that_no_queue_takes_is_told(client: Client, call: Call, rabbitmq_url: str) -> None:
    vhost = quote(unquote(urlsplit(rabbitmq_url).path[1:]), safe="")
    call("DELETE", f"/queues/{vhost}/sender.send_mail.shop")
    with pytest.raises(Unroutable):
        client.send(A_REQUEST)


def test_a_request_that_a_full_queue_refuses_is_told(client: Client, call: Call, rabbitmq_url: str) -> None:
    vhost = quote(unquote(urlsplit(rabbitmq_url).path[1:]), safe="")
    call(
        "PUT",
        f"/policies/{vhost}/full",
        {"pattern": "^sender[.]send_mail[.]shop$", "definition": {"max-length": 1}, "apply-to": "queues"},
    )

    def fill() -> None:
        for _ in range(200):
            client.send(A_REQUEST)

    with pytest.raises(NotConfirmed):
        fill()


def test_one_that_is_shut_out_is_told_while_it_is_connected_and_when_it_comes_again(
    client: Client, managed: Console
) -> None:
    client.send(A_REQUEST)
    managed("integration", "disable", "shop")
    for _ in range(2):
        with pytest.raises(NotAllowed):
            client.send(A_REQUEST)
    with pytest.raises(NotAllowed):
        next(client.results())


def test_a_broker_that_is_not_there_is_told_after_the_patience(urls: dict[str, str]) -> None:
    with Client("amqp://integration.shop:x@127.0.0.1:1/v", patience=0.5) as client, pytest.raises(Unreachable):
        client.send(A_REQUEST)


def test_the_url_of_somebody_else_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(ValueError, match=r"integration\.") as refused:
        Client("amqp://scheduler:hunter2@127.0.0.1/v")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(Client("amqp://integration.shop:hunter2@127.0.0.1/v"))


def test_results_come_typed_in_order_with_what_was_given_to_be_given_back(client: Client, ours: Any) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    say(ours, a_result("deferred", reason="quota", until=until, list="news", tags=["a"]), "order 1")
    say(ours, a_result("sent", message_id="m@example.com"), "order 1")
    first, second = list(client.results(idle_timeout=1))
    assert (first.state, first.reason, first.until, first.list, first.tags) == (
        "deferred",
        "quota",
        until,
        "news",
        ("a",),
    )
    assert (second.state, second.message_id, second.correlation_id) == ("sent", "m@example.com", "order 1")
    assert [first.is_final, second.is_final] == [False, True]


def test_a_result_comes_until_it_is_acknowledged(client: Client, ours: Any) -> None:
    for key in ("a", "b"):
        say(ours, a_result(idempotency_key=key))
    for result in client.results(idle_timeout=1):
        if result.idempotency_key == "a":
            result.ack()
    client.close()
    again = list(client.results(idle_timeout=1))
    assert [(result.idempotency_key, result.redelivered) for result in again] == [("b", True)]


def test_a_result_may_be_acknowledged_after_the_loop_and_a_new_loop_leaves_no_channel_behind(
    client: Client, ours: Any
) -> None:
    for number in range(5):
        say(ours, a_result(idempotency_key=f"k-{number}"))
        result = next(client.results())
        result.ack()
        assert result.idempotency_key == f"k-{number}"
    assert list(client.results(idle_timeout=1)) == []
    connection = client._reading._connection
    assert len(connection._impl._channels) == 1


def test_leaving_the_loop_puts_back_what_was_sent_ahead(client: Client, ours: Any) -> None:
    for key in ("a", "b", "c"):
        say(ours, a_result(idempotency_key=key))
    for result in client.results():
        result.ack()
        break
    assert [result.idempotency_key for result in client.results(idle_timeout=1)] == ["b", "c"]


def test_a_field_that_a_newer_product_adds_is_kept(client: Client, ours: Any) -> None:
    say(ours, json.dumps(json.loads(a_result()) | {"weather": "fine"}).encode())
    (result,) = client.results(idle_timeout=1)
    assert result.more == {"weather": "fine"}


def test_a_result_that_can_not_be_read_is_told_once(client: Client, ours: Any) -> None:
    say(ours, b"not json")
    say(ours, a_result())
    with pytest.raises(UnreadableResult) as unreadable:
        next(client.results())
    assert unreadable.value.body == b"not json"
    client.close()
    assert [result.state for result in client.results(idle_timeout=1)] == ["sent"]


@pytest.fixture
def answering(rabbitmq_url: str) -> Iterator[list[str]]:
    """Answers each request to its reply_to with the states in this list, as the sender does."""
    states: list[str] = []
    stop = threading.Event()

    def work() -> None:
        with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as connection:
            channel = connection.channel()
            for method, properties, body in channel.consume(
                "sender.send_mail.shop", auto_ack=True, inactivity_timeout=0.1
            ):
                if stop.is_set():
                    return
                if method is not None:
                    for state in states:
                        answer = a_result(state, idempotency_key=json.loads(body)["idempotency_key"])
                        back = pika.BasicProperties(correlation_id=properties.correlation_id)
                        channel.basic_publish("", properties.reply_to, answer, back)

    thread = threading.Thread(target=work)
    thread.start()
    yield states
    stop.set()
    thread.join()


def test_waiting_for_a_send_ends_with_its_final_result(client: Client, answering: list[str]) -> None:
    answering += ["accepted", "deferred", "sent"]
    result = client.send_and_wait(A_REQUEST, timeout=20)
    assert (result.state, result.idempotency_key) == ("sent", "k-1")


def test_a_final_result_that_overtakes_an_earlier_step_is_enough(client: Client, answering: list[str]) -> None:
    answering += ["sent", "accepted"]
    assert client.send_and_wait(A_REQUEST, timeout=20).state == "sent"


def test_waiting_in_vain_tells_the_last_step(client: Client, answering: list[str]) -> None:
    answering += ["accepted"]
    with pytest.raises(TimedOut) as late:
        client.send_and_wait(A_REQUEST, timeout=2)
    assert isinstance(late.value.last, Result)
    assert late.value.last.state == "accepted"


def test_it_goes_on_by_itself_after_the_broker_was_restarted(
    console: Console, rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", rabbitmq.url)
    monkeypatch.setenv("APICONNECT_RABBITMQ_MANAGEMENT_URL", administrator_of(rabbitmq))
    url = json.loads(console("integration", "create", "shop", "--operator", "--json").stdout)["url"]
    with Client(url) as client:
        client.send(A_REQUEST)
        results = client.results(idle_timeout=20)
        for number in range(2):
            with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq.url))) as ours:
                say(ours.channel(), a_result(idempotency_key=f"k-{number}"))
            result = next(results)
            result.ack()
            assert result.idempotency_key == f"k-{number}"
            if number == 0:
                rabbitmq.restart()
                client.send(A_REQUEST)
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq.url))) as ours:
        assert ours.channel().queue_declare("sender.send_mail.shop", passive=True).method.message_count == 2
