"""Which server a send waits for, what it belongs to, when it is due, and to whom nothing is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.sending import DeliveryResult
from shared.domain.mailboxes import Provider
from shared.storage import attachments, sends
from shared.storage.database import Database
from tests.builders import SEALER, a_list, a_subscriber
from tests.integration.handlers.sender.edge import Edge
from tests.integration.handlers.works import now
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.sending import a_campaign, a_campaign_group, a_delivery_server, a_request, wire

ANNA = "anna@example.com"


def one(edge: Edge, **fields: Any) -> DeliveryResult:
    """The answer to one request."""
    return edge.answered(a_request(**fields))[0]


# Servers


def test_any_server_means_the_one_with_the_fewest_sends_before_this(memory_edge: Edge) -> None:
    a_delivery_server(memory_edge.database, "second")
    a_delivery_server(memory_edge.database, "third", customer=None)
    answers = memory_edge.answered(*(a_request(f"k{n}") for n in range(6)))
    assert sorted(str(answer.server) for answer in answers) == sorted(["server", "second", "third"] * 2)
    a_delivery_server(memory_edge.database, "new")
    assert one(memory_edge, key="next").server == "new"


@pytest.mark.parametrize(
    "held", ["locked = true", "status = 'inactive'", "mailbox_id = mailbox_id where false"], ids=str
)
def test_a_server_that_is_held_is_not_chosen_while_another_can_send(memory_edge: Edge, held: str) -> None:
    a_delivery_server(memory_edge.database, "second")
    if "where" in held:
        do(memory_edge.database, "update mailboxes set connection = 'not connected' where email like 'server@%%'")
    else:
        do(memory_edge.database, f"update delivery_servers set {held} where uid = 'server'")
    answers = memory_edge.answered(*(a_request(f"k{n}") for n in range(3)))
    assert {answer.server for answer in answers} == {"second"}


def test_a_server_that_is_named_is_waited_for_also_when_it_is_held(memory_edge: Edge) -> None:
    a_delivery_server(memory_edge.database, "second", locked=True)
    assert one(memory_edge, server="second").server == "second"
    assert value(memory_edge.database, "select any_server from sends") is False


def test_a_server_that_would_drop_a_header_is_not_chosen_and_refused_when_it_is_named(memory_edge: Edge) -> None:
    do(memory_edge.database, "update delivery_servers set mode = 'json' where uid = 'server'")
    references = {"headers": [{"name": "References", "value": "<a@example.com>"}]}
    alone = one(memory_edge, key="alone", **references)
    assert (alone.state, alone.reason, alone.field) == ("rejected", "headers_not_kept", "headers.0.name")
    a_delivery_server(memory_edge.database, "mime")
    assert one(memory_edge, key="any", **references).server == "mime"
    named = one(memory_edge, key="named", server="server", **references)
    assert (named.state, named.reason) == ("rejected", "headers_not_kept")
    assert one(memory_edge, key="plain", server="server").state == "accepted"


@pytest.mark.parametrize(("provider", "most"), [(Provider.MICROSOFT, 500), (Provider.GOOGLE, 100)])
def test_a_mail_goes_to_as_many_as_the_provider_takes(memory_edge: Edge, provider: Provider, most: int) -> None:
    a_delivery_server(memory_edge.database, "other", provider=provider, key=f"key-{provider}")
    people = [{"email": f"a{n}@example.com"} for n in range(most + 1)]
    assert one(memory_edge, key="fits", server="other", to=people[:most]).state == "accepted"
    assert one(memory_edge, key="not", server="other", to=people).field == "to"


def test_a_mail_to_more_than_a_key_allows_is_refused(memory_edge: Edge) -> None:
    do(memory_edge.database, """update api_keys set send_limits = '{"recipients_per_mail": 2}'""")
    people = [{"email": f"a{n}@example.com"} for n in range(3)]
    refused = one(memory_edge, key="three", to=people)
    assert (refused.reason, refused.field) == ("invalid", "to")
    do(memory_edge.database, """update api_keys set send_limits = '{"recipients_per_mail": null}'""")
    assert one(memory_edge, key="unlimited", to=people).state == "accepted"


def test_a_stored_file_that_no_mail_can_carry_is_refused(memory_edge: Edge) -> None:
    uid = uuid4()
    with memory_edge.database.transaction() as connection:
        attachments.put(connection, SEALER, uid, "acme", "a.bin", b"x")
        connection.execute("update stored_attachments set size = 200000000")
    answer = one(memory_edge, key="large", attachments=[{"filename": "a.bin", "stored": str(uid)}])
    assert (answer.reason, answer.field) == ("too_large", "attachments.0")


def test_when_all_servers_are_held_a_send_waits_for_one_of_them(memory_edge: Edge) -> None:
    do(memory_edge.database, "update delivery_servers set locked = true")
    assert one(memory_edge).state == "accepted"


@pytest.mark.parametrize(
    ("named", "state"), [({"server": "theirs"}, "rejected"), ({}, "rejected"), ({"server": "own"}, "accepted")]
)
def test_a_system_server_needs_a_type_that_the_customers_group_allows(
    memory_edge: Edge, named: dict[str, str], state: str
) -> None:
    database = memory_edge.database
    do(database, "delete from delivery_servers")
    a_delivery_server(database, "theirs", customer=None, provider=Provider.GOOGLE, key="google")
    if named.get("server") == "own":
        a_delivery_server(database, "own")
    do(database, "insert into customer_groups (name) values ('small')")
    do(
        database,
        "insert into group_server_types (group_id, server_type) select id, 'microsoft-graph-api' from customer_groups",
    )
    do(database, "update customers set group_id = (select id from customer_groups)")
    assert one(memory_edge, **named).state == state


# Times, and what it belongs to


def test_a_later_time_is_kept_and_an_earlier_one_means_now(memory_edge: Edge) -> None:
    later = now() + timedelta(days=2)
    waiting, at_once = memory_edge.answered(
        a_request("a", not_before=later.isoformat(), expires_at=(later + timedelta(days=1)).isoformat()),
        a_request("b", not_before=(now() - timedelta(days=2)).isoformat()),
    )
    assert (waiting.state, waiting.reason, waiting.until) == ("accepted", "not_before", later)
    assert (at_once.state, at_once.reason, at_once.until) == ("accepted", None, None)
    due = rows(
        memory_edge.database, "select due_at, expires_at, due_at - accepted_at from sends order by idempotency_key"
    )
    assert due[0][:2] == (later, later + timedelta(days=1))
    assert due[1][1:] == (None, timedelta(0))


def test_a_campaign_brings_its_list_and_group(memory_edge: Edge) -> None:
    database = memory_edge.database
    subscriber = a_subscriber(database, ANNA)
    list_id, group = a_list(database), a_campaign_group(database)
    campaign = a_campaign(database, list_id=list_id, group_id=group)
    assert one(memory_edge, campaign="campaign").state == "accepted"
    assert rows(database, "select list_id, campaign_id, campaign_group_id from sends") == [(list_id, campaign, group)]
    assert column(database, "select subscriber_id from send_recipients") == [subscriber]


def test_everything_of_a_request_is_kept(memory_edge: Edge) -> None:
    asked = a_request(
        "k", cc=[{"email": "Bert@BÜCHER.example", "name": "Bert"}], bcc=[{"email": "c@example.com"}], tags=["a", "b"],
        fail_over=True,
    )  # fmt: skip
    memory_edge.answered(asked)
    assert rows(memory_edge.database, "select kind, address from send_recipients order by position") == [
        ("to", ANNA), ("cc", "bert@xn--bcher-kva.example"), ("bcc", "c@example.com"),
    ]  # fmt: skip
    assert rows(memory_edge.database, "select tags, fail_over, recipients, any_server from sends") == [
        (["a", "b"], True, 3, True)
    ]
    with memory_edge.database.transaction() as connection:
        send_id = value(memory_edge.database, "select id from sends")
        assert sends.body(connection, SEALER, send_id) == wire(asked)
    assert b"receipt" not in value(memory_edge.database, "select sealed from send_bodies")


# Suppression


def blacklist(database: Database, address: str, customer: str | None = None, expires: str = "") -> None:
    """An entry, everybody's by default. expires: an interval from now."""
    do(
        database,
        "insert into blacklist (customer_id, address, source, reason, expires_at) values"
        " ((select id from customers where uid = %s), %s, 'operator', 'a court order', now() + nullif(%s, '')::interval)",
        customer, address, expires,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("customer", "address", "expires", "state"),
    [
        (None, ANNA, "", "rejected"),
        ("acme", ANNA, "", "rejected"),
        ("acme", ANNA, "1 hour", "rejected"),
        ("acme", ANNA, "-1 hour", "accepted"),
        ("other", ANNA, "", "accepted"),
        (None, "bert@example.com", "", "accepted"),
    ],
)
def test_nothing_is_accepted_for_an_address_on_the_customers_or_everybodys_blacklist(
    memory_edge: Edge, customer: str | None, address: str, expires: str, state: str
) -> None:
    do(memory_edge.database, "insert into customers (uid, name) values ('other', 'Other')")
    blacklist(memory_edge.database, address, customer, expires)
    assert one(memory_edge, to="Anna@Example.com").state == state


@pytest.mark.parametrize("customer", [None, "acme"])
def test_a_customer_is_not_told_whose_entry_it_is_nor_why(memory_edge: Edge, customer: str | None) -> None:
    blacklist(memory_edge.database, ANNA, customer)
    answer = one(memory_edge, cc=[{"email": "bert@example.com"}])
    assert (answer.reason, answer.field, answer.detail) == (
        "suppressed", "to.0.email", "This recipient is suppressed; take it out.",
    )  # fmt: skip


@pytest.mark.parametrize("written", ["x@bücher.example", "x@xn--bcher-kva.example", "X@BÜCHER.example"])
@pytest.mark.parametrize("listed", ["x@bücher.example", "x@xn--bcher-kva.example"])
def test_an_international_domain_is_found_in_either_form(memory_edge: Edge, written: str, listed: str) -> None:
    blacklist(memory_edge.database, listed)
    assert one(memory_edge, to=written).state == "rejected"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("confirmed", "accepted"),
        ("unconfirmed", "rejected"),
        ("unsubscribed", "rejected"),
        ("blacklisted", "rejected"),
        ("deleted", "rejected"),
    ],
)
def test_only_confirmed_subscribers_of_a_list_are_sent_to(memory_edge: Edge, status: str, state: str) -> None:
    a_list(memory_edge.database)
    if status != "deleted":
        a_subscriber(memory_edge.database, ANNA, status=status)
    answer = one(memory_edge, list="news")
    assert (answer.state, answer.reason) == (state, None if state == "accepted" else "suppressed")


@pytest.mark.parametrize(("group", "state"), [("group", "rejected"), ("another", "accepted")])
def test_a_subscriber_whom_a_campaign_group_skips_gets_none_of_its_mail(
    memory_edge: Edge, group: str, state: str
) -> None:
    database = memory_edge.database
    subscriber = a_subscriber(database, ANNA)
    stopped = a_campaign_group(database)
    a_campaign_group(database, "another")
    do(
        database,
        "insert into campaign_group_stops (group_id, subscriber_id, cause) values (%s, %s, 'monitor')",
        stopped,
        subscriber,
    )
    assert one(memory_edge, campaign_group=group).state == state
