"""What is wrong with a request is said with field and reason; it is recorded, uses no key up, and nothing is stored to be sent."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.builders import a_customer, a_list
from tests.integration.handlers.sender.edge import Edge
from tests.integration.handlers.works import now
from tests.integration.shared.storage.looking import do, rows, value
from tests.sending import SHOP, a_campaign, a_campaign_group, a_delivery_server, a_request, an_integration
from tests.waiting import until

ANNA = {"email": "anna@example.com"}
LATER, EARLIER = (now() + timedelta(hours=1)).isoformat(), (now() - timedelta(hours=1)).isoformat()


def file_of(size: int) -> dict[str, str]:
    """An attachment that stands in the request."""
    return {"filename": "a.bin", "content": base64.b64encode(b"x" * size).decode()}


# What is asked for -> field and reason of the answer. Each row is one thing that is wrong.
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a header injection in the subject": ({"subject": "Hi\r\nBcc: x@example.com"}, "subject", "invalid"),
    "a header injection in a header": (
        {"headers": [{"name": "X-A", "value": "1\r\nBcc: x@example.com"}]}, "headers.0.value", "invalid",
    ),
    "a header injection in the sender's name": ({"from_name": "Shop\nX: y"}, "from_name", "invalid"),
    "a header injection in an address": ({"to": [{"email": "a@example.com\r\nX: y"}]}, "to.0.email", "invalid"),
    "no address": ({"cc": [{"email": "nobody"}]}, "cc.0.email", "invalid"),
    "an international local part": ({"to": [{"email": "jürgen@example.com"}]}, "to.0.email", "invalid"),
    "nobody": ({"to": []}, "to", "invalid"),
    "10,000 recipients": ({"to": [{"email": f"a{n}@example.com"} for n in range(10_000)]}, "to", "invalid"),
    "an empty body": ({"text": " "}, "text", "invalid"),
    "a field that there is not": ({"subjekt": "Hi"}, "subjekt", "invalid"),
    "another version": ({"version": 2}, "version", "invalid"),
    "an attachment above the limit": ({"attachments": [file_of(3_000_001)]}, "attachments", "too_large"),
    "an attachment that is none": ({"attachments": [{"filename": "a", "content": "%"}]}, "attachments.0.content", "invalid"),
    "an attachment that nobody stored": (
        {"attachments": [{"filename": "a", "stored": str(uuid4())}]}, "attachments.0.stored", "not_yours",
    ),
    "an expired request": ({"expires_at": EARLIER}, "expires_at", "expired"),
    "a clock a year off": ({"not_before": (now() + timedelta(days=365)).isoformat()}, "not_before", "invalid"),
    "a time without a zone": ({"not_before": "2026-11-21T12:00:00"}, "not_before", "invalid"),
    "a template that does not close": ({"text": "{{ name", "merge": {"name": "Anna"}}, "text", "template"),
    "another customer": ({"customer": "other"}, "customer", "not_yours"),
    "a customer that is not there": ({"customer": "nobody"}, "customer", "not_yours"),
    "another customer's server": ({"server": "others-server"}, "server", "not_yours"),
    "a server that is not there": ({"server": "nothing"}, "server", "not_yours"),
    "another customer's list": ({"list": "others-list"}, "list", "not_yours"),
    "another customer's campaign": ({"campaign": "others-campaign"}, "campaign", "not_yours"),
    "another customer's campaign group": ({"campaign_group": "others-group"}, "campaign_group", "not_yours"),
    "NUL in a name": ({"list": "a\0b"}, "list", "invalid"),
    "NUL in a tag": ({"tags": ["a\0b"]}, "tags", "invalid"),
    "no idempotency key": ({"idempotency_key": ""}, "idempotency_key", "invalid"),
    "a number as a key": ({"idempotency_key": 4711}, "idempotency_key", "invalid"),
}  # fmt: skip


@pytest.fixture
def others(memory_edge: Edge) -> Edge:
    """Another customer with everything that one may want to name."""
    database = memory_edge.database
    a_delivery_server(database, "others-server", customer="other")
    a_list(database, "others-list", customer="other")
    a_campaign(database, "others-campaign", customer="other")
    a_campaign_group(database, "others-group", customer="other")
    return memory_edge


@pytest.mark.parametrize(("fields", "field", "reason"), BAD.values(), ids=BAD)
def test_a_bad_request_is_rejected_with_field_and_reason(
    others: Edge, fields: dict[str, Any], field: str, reason: str
) -> None:
    (answer,) = others.answered(a_request(**fields))
    assert (answer.state, answer.field, answer.reason) == ("rejected", field, reason)
    assert answer.detail
    assert answer.send_id is None
    assert rows(others.database, "select integration, field, reason from rejected_requests") == [(SHOP, field, reason)]
    assert value(others.database, "select count(*) from sends") == 0
    assert value(others.database, "select count(*) from dead_letters") == 0


@pytest.mark.parametrize("thing", ["server", "list", "campaign", "campaign_group"])
def test_what_is_another_customers_is_answered_as_what_is_not_there(others: Edge, thing: str) -> None:
    name = {"server": "others-server", "list": "others-list", "campaign": "others-campaign"}.get(thing, "others-group")
    theirs, nothing = others.answered(a_request("a", **{thing: name}), a_request("b", **{thing: "nothing"}))
    assert (theirs.reason, theirs.field, theirs.detail) == (nothing.reason, nothing.field, nothing.detail)


def test_a_rejected_request_does_not_use_its_key_up(memory_edge: Edge) -> None:
    (refused,) = memory_edge.answered(a_request("order-1", text=""))
    (accepted,) = memory_edge.answered(a_request("order-1"))
    assert (refused.state, accepted.state, accepted.repeated) == ("rejected", "accepted", False)


def test_one_bad_request_takes_no_neighbour_along(memory_edge: Edge) -> None:
    answers = memory_edge.answered(a_request("a"), a_request("b", text=""), a_request("c"))
    assert [one.state for one in answers] == ["accepted", "rejected", "accepted"]


def test_a_customer_without_a_server_is_told_so(memory_edge: Edge) -> None:
    an_integration(memory_edge.database, "bare", customer="bare")
    memory_edge.broker.know([SHOP, "bare"])
    memory_edge.ask(by="bare")
    with memory_edge.accepting():
        (answer,) = memory_edge.answers(1, of="bare")
    assert (answer.reason, answer.field) == ("no_delivery_server", "server")


def test_an_operators_integration_names_a_customer_that_is_there(memory_edge: Edge) -> None:
    an_integration(memory_edge.database, "portal", customer=None)
    memory_edge.broker.know([SHOP, "portal"])
    a_customer(memory_edge.database, "acme")
    asked = [a_request("a"), a_request("b", customer="nobody"), a_request("c", customer="acme")]
    memory_edge.ask(*asked, by="portal")
    with memory_edge.accepting():
        answers = sorted(memory_edge.answers(3, of="portal"), key=lambda one: one.idempotency_key)
    assert [(one.state, one.reason, one.field) for one in answers] == [
        ("rejected", "unknown_customer", "customer"),
        ("rejected", "unknown_customer", "customer"),
        ("accepted", None, None),
    ]


def test_a_disabled_integration_gets_nothing_sent(memory_edge: Edge) -> None:
    do(memory_edge.database, "update integrations set enabled = false")
    memory_edge.ask(a_request("a"), routing_key="mail.send")
    with memory_edge.accepting():
        assert until(lambda: rows(memory_edge.database, "select reason from rejected_requests"))
    assert rows(memory_edge.database, "select reason from rejected_requests") == [("unknown_customer",)]
    assert value(memory_edge.database, "select count(*) from sends") == 0


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe{}", "payload: not UTF-8 at byte 0"),
        (b"{", "payload: not JSON"),
        (b'"a text"', "payload: JSON, but not an object"),
        (b"[" * 100_000, "payload: not JSON"),
        (b" " * 8_000_001, "payload: 8000001 bytes, at most 8000000 are read"),
    ],
    ids=["not UTF-8", "not JSON", "no object", "nested too deeply", "too large"],
)
def test_what_can_not_be_read_is_a_dead_letter_with_its_reason(memory_edge: Edge, payload: bytes, reason: str) -> None:
    memory_edge.say(payload)
    assert memory_edge.dead_letter().startswith(reason)


def test_any_number_of_dead_letters_in_a_row_stops_nothing(memory_edge: Edge) -> None:
    memory_edge.say(*[b"%d" % n for n in range(60)])
    memory_edge.ask()
    with memory_edge.accepting():
        assert memory_edge.answers(1)[0].state == "accepted"
    assert value(memory_edge.database, "select count(*) from dead_letters") == 60
