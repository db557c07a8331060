"""A request to a list whose settings name a List-Unsubscribe: taken where each mail can carry it, else refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import a_list, a_subscriber
from tests.integration.handlers.sender.edge import Edge
from tests.integration.shared.storage.looking import do, value
from tests.sending import a_campaign, a_delivery_server, a_request

ANNA, BERT = "anna@example.com", "bert@example.com"


def set_up(edge: Edge, url: str = "https://acme.example/{subscriber}") -> None:
    """The list `news` with this URL, two subscribers, and the campaign `november`, which goes to it."""
    list_id = a_list(edge.database)
    for reader in (ANNA, BERT):
        a_subscriber(edge.database, reader)
    a_campaign(edge.database, "november", list_id=list_id)
    do(edge.database, "update lists set unsubscribe_url = %s", url)


def asking(**fields: Any) -> dict[str, Any]:
    return {**a_request("order-1", ANNA), **fields}


@pytest.mark.parametrize("named", [{"list": "news"}, {"campaign": "november"}])
def test_a_mail_to_one_subscriber_is_accepted(edge: Edge, named: dict[str, str]) -> None:
    set_up(edge)
    [answer] = edge.answered(asking(**named))
    assert answer.state == "accepted"


@pytest.mark.parametrize(
    ("url", "fields", "field", "says"),
    [
        ("https://acme.example/{subscriber}", {"list": "news", "to": [{"email": ANNA}, {"email": BERT}]}, "to", "one request for each"),
        ("https://acme.example/{subscriber}", {"campaign": "november", "bcc": [{"email": BERT}]}, "bcc", "one request for each"),
        ("https://acme.example/{campaign}", {"list": "news"}, "campaign", "names the campaign"),
    ],
)  # fmt: skip
def test_a_mail_for_which_it_can_not_be_filled_in_is_refused(
    memory_edge: Edge, url: str, fields: dict[str, Any], field: str, says: str
) -> None:
    set_up(memory_edge, url)
    [answer] = memory_edge.answered(asking(**fields))
    assert (answer.state, answer.reason, answer.field) == ("rejected", "invalid", field)
    assert says in (answer.detail or "")
    [own] = memory_edge.answered(asking(**fields, list_unsubscribe="https://acme.example/own"))
    assert own.state == "accepted"


def test_a_url_without_a_subscriber_in_it_goes_to_several(memory_edge: Edge) -> None:
    set_up(memory_edge, "https://acme.example/{list}")
    [answer] = memory_edge.answered(asking(list="news", cc=[{"email": BERT}]))
    assert answer.state == "accepted"


def test_who_unsubscribed_is_told_as_before(memory_edge: Edge) -> None:
    set_up(memory_edge)
    do(memory_edge.database, "update subscribers set status = 'unsubscribed'")
    [answer] = memory_edge.answered(asking(list="news"))
    assert (answer.reason, answer.field) == ("suppressed", "to.0.email")


@pytest.mark.parametrize(("named", "field"), [({"list": "news"}, "list"), ({"campaign": "november"}, "campaign")])
def test_a_server_that_sends_by_json_is_refused_for_it(memory_edge: Edge, named: dict[str, str], field: str) -> None:
    set_up(memory_edge)
    do(memory_edge.database, "update delivery_servers set mode = 'json'")
    for server in ({}, {"server": "server"}):
        [answer] = memory_edge.answered(asking(**named, **server))
        assert (answer.reason, answer.field) == ("headers_not_kept", field)
        assert "List-Unsubscribe" in (answer.detail or "")
    do(memory_edge.database, "update lists set unsubscribe_url = null")
    [answer] = memory_edge.answered(asking(**named))
    assert answer.state == "accepted"


def test_of_any_server_one_that_keeps_it_is_chosen(memory_edge: Edge) -> None:
    set_up(memory_edge)
    do(memory_edge.database, "update delivery_servers set mode = 'json'")
    kept = a_delivery_server(memory_edge.database, "kept")
    [answer] = memory_edge.answered(asking(list="news"))
    assert answer.state == "accepted"
    assert value(memory_edge.database, "select server_id from sends") == kept


def test_another_customers_list_of_the_same_batch_has_no_say(memory_edge: Edge) -> None:
    a_list(memory_edge.database, "theirs", customer="other")
    do(memory_edge.database, "update lists set unsubscribe_url = 'https://other.example/{campaign}'")
    refused, accepted = memory_edge.answered(asking(list="theirs"), {**asking(), "idempotency_key": "order-2"})
    assert (refused.reason, refused.field) == ("not_yours", "list")
    assert "other.example" not in (refused.detail or "")
    assert accepted.state == "accepted"
