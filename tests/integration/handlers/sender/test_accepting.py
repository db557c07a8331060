"""From a request on the queue to a stored send and its answer."""

from __future__ import annotations

from tests.counted import Since
from tests.integration.handlers.sender.edge import Edge, RabbitEdge
from tests.integration.shared.storage.looking import column, rows, value
from tests.sending import SHOP, a_delivery_server, a_request, an_integration


def test_a_request_is_stored_and_answered(edge: Edge) -> None:
    (answer,) = edge.answered(a_request("order-1"), correlation_id="my-1")
    assert (answer.state, answer.idempotency_key, answer.customer, answer.server) == (
        "accepted", "order-1", "acme", "server",
    )  # fmt: skip
    assert rows(edge.database, "select uid, state, message_id, client_correlation_id from sends") == [
        (answer.send_id, "accepted", answer.message_id, "my-1")
    ]
    assert column(edge.database, "select address from send_recipients") == ["anna@example.com"]
    assert column(edge.database, "select state from send_steps") == ["accepted"]
    assert value(edge.database, "select count(*) from outbox") == 0


def test_a_repeat_is_answered_with_the_present_state(edge: Edge) -> None:
    (first,) = edge.answered(a_request("order-1"))
    (again,) = edge.answered(a_request("order-1"))
    assert (again.state, again.send_id, again.repeated) == ("accepted", first.send_id, True)
    assert value(edge.database, "select count(*) from sends") == 1


def test_answers_are_counted_by_what_they_say_and_why(memory_edge: Edge) -> None:
    since = Since()
    memory_edge.answered(a_request("one"), a_request("two", "no address"))
    memory_edge.answered(a_request("one"))
    counted = "apiconnect_send_requests_total"
    assert since(counted, result="accepted", reason="") == 1
    assert since(counted, result="rejected", reason="invalid") == 1
    assert since(counted, result="repeated", reason="") == 1


def test_ten_requests_of_one_integration_do_not_wait_for_the_thousands_of_another(rabbit_edge: RabbitEdge) -> None:
    an_integration(rabbit_edge.database, "flood", customer="globex")
    a_delivery_server(rabbit_edge.database, "theirs", customer="globex")
    rabbit_edge.broker.know([SHOP, "flood"])
    rabbit_edge.ask(*(a_request(f"flood-{n}") for n in range(3_000)), by="flood")
    rabbit_edge.ask(*(a_request(f"order-{n}") for n in range(10)))
    with rabbit_edge.accepting(accept_batch_size=20):
        assert {one.state for one in rabbit_edge.answers(10)} == {"accepted"}
        others = value(rabbit_edge.database, "select count(*) from sends where integration = 'flood'")
    assert others < 1_500
