"""What can't be sent now is held with its own reason, is not lost, and leaves by itself when the thing is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.console.handler.mailbox_check import check
from shared.domain.mailboxes import MailboxId, Provider
from shared.providers.catalogue import catalogue_for
from shared.storage import api_keys, mailbox_orders, mailboxes, send_servers
from shared.storage.provisioning import keys
from tests.builders import SEALER
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do, rows
from tests.simulated import SECRET, TENANT
from tests.stored_sends import a_send, row_of
from tests.waiting import until

# reason, what makes it so, what ends it
HOLDS = (
    ("server_inactive", "update delivery_servers set status = 'inactive'", "update delivery_servers set status = 'active'"),
    ("server_locked", "update delivery_servers set locked = true", "update delivery_servers set locked = false"),
    (
        "not_connected",
        "update mailboxes set connection = 'not connected', checked_at = now()",
        "update mailboxes set connection = 'connected'",
    ),
    (
        "provider_disabled",
        "update settings set value = 'false' where key = 'microsoft_enabled'",
        "update settings set value = 'true' where key = 'microsoft_enabled'",
    ),
    (
        "extension_disabled",
        "update settings set value = 'false' where key = 'extension_enabled'",
        "update settings set value = 'true' where key = 'extension_enabled'",
    ),
    (
        "type_not_allowed",
        ("with g as (insert into customer_groups (name) values ('no graph') returning id)"
        " update customers set group_id = g.id from g"),
        "insert into group_server_types (group_id, server_type) select id, 'microsoft-graph-api' from customer_groups",
    ),
    (
        "key_refused",
        "update api_keys set failed_at = now(), retry_at = now() + interval '1 hour'",
        "update api_keys set failed_at = null, retry_at = null",
    ),
)  # fmt: skip


def a_check(delivering: Delivering) -> str:
    """`mailbox check` of the server's mailbox; what it found of sending."""
    with delivering.database.transaction() as connection:
        (link,) = mailbox_orders.links(connection, "server@send.example.com")
    catalogue = catalogue_for(delivering.settings())
    return check(delivering.database, SEALER, catalogue, link, holder="console").sending


@pytest.mark.parametrize(("reason", "make", "end"), HOLDS)
def test_a_send_is_held_with_its_reason_and_leaves_when_it_ends(
    delivering: Delivering, reason: str, make: str, end: str
) -> None:
    send = a_send(delivering.database, delivering.server())
    do(delivering.database, make)
    with delivering.senders():
        assert delivering.reaches(send, "deferred", reason)
        assert "until" not in delivering.results.last(send)
        assert delivering.delivered() == {}
        do(delivering.database, end)
        assert delivering.reaches(send, "sent")
    assert delivering.results.of(send) == ["deferred", "sent"]


def test_a_key_that_the_provider_refuses_holds_its_sends_and_is_named(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    delivering.control.force("aadsts:7000222", match={"operation": "token"})
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "key_refused")
        delivering.control.clear_faults()
        do(delivering.database, "update api_keys set failed_at = null, retry_at = null, failure = null")
        do(delivering.database, "update access_tokens set retry_at = null, failure = null")
        assert delivering.reaches(send, "sent")


def test_a_missing_permission_holds_the_server_and_names_the_fix(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    delivering.control.force("graph_error", match={"operation": "send"}, detail="ErrorAccessDenied")
    with delivering.senders(tell_after_seconds=0):
        assert delivering.reaches(send, "deferred", "permission_missing")
        later = a_send(delivering.database, row_of(delivering.database, send).server_id)
        assert delivering.reaches(later, "deferred", "permission_missing")
    assert "Mail.Send" in str(delivering.results.last(send)["detail"])


def test_what_a_missing_permission_held_leaves_when_a_check_passes(delivering: Delivering) -> None:
    server = delivering.server(roles=["Mail.Read"])
    send = a_send(delivering.database, server)
    with delivering.senders(read_back=False):
        assert delivering.reaches(send, "deferred", "permission_missing")
        assert a_check(delivering) == "not connected"
        delivering.control.register_app(TENANT, "client-microsoft-system", SECRET, roles=["Mail.Read", "Mail.Send"])
        assert a_check(delivering) == "connected"
        assert delivering.reaches(send, "sent")


def test_a_passed_check_ends_no_wait_for_a_quota(delivering: Delivering) -> None:
    server = delivering.server(hourly_quota=1)
    for _ in range(2):
        a_send(delivering.database, server)
    wait = "select next_free_at, next_free_reason from delivery_servers where next_free_at > now()"
    with delivering.senders():
        assert until(lambda: rows(delivering.database, wait) != [])
        before = rows(delivering.database, wait)
        assert a_check(delivering) == "connected"
        assert rows(delivering.database, wait) == before


def test_a_mailbox_that_is_not_there_holds_its_sends(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"licensed": False})
    send = a_send(delivering.database, server)
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "not_connected")
        delivering.control.register_mailbox("microsoft", "server@send.example.com", licensed=True)
        do(delivering.database, "update mailboxes set checked_at = now() - interval '2 hours'")
        do(delivering.database, "update sends set due_at = now()")
        do(delivering.database, "update delivery_servers set next_free_at = '-infinity'")
        assert delivering.reaches(send, "sent")
    assert rows(delivering.database, "select connection from mailboxes") == [("connected",)]


def test_what_waited_for_a_mailbox_leaves_when_a_check_finds_it(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"licensed": False})
    send = a_send(delivering.database, server)
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "not_connected")
        assert a_check(delivering) == "not connected"
        delivering.control.register_mailbox("microsoft", "server@send.example.com", licensed=True)
        assert a_check(delivering) == "connected"
        assert delivering.reaches(send, "sent")


def test_what_waited_for_a_mailbox_leaves_when_a_poll_gets_in_again(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"licensed": False})
    send = a_send(delivering.database, server)
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "not_connected")
        delivering.control.register_mailbox("microsoft", "server@send.example.com", licensed=True)
        with delivering.database.transaction() as connection:
            mailboxes.connected(connection, MailboxId(send_servers.by_id(connection, [server])[server].mailbox_id))
        assert delivering.reaches(send, "sent")


def test_an_operator_may_start_a_server_whose_check_has_not_passed(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"licensed": False}, status="inactive", inactive_reason="{}")
    send = a_send(delivering.database, server)
    assert a_check(delivering) == "not connected"
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "server_inactive")
        delivering.control.register_mailbox("microsoft", "server@send.example.com", licensed=True)
        with delivering.database.transaction() as connection:
            mailbox_id = send_servers.by_id(connection, [server])[server].mailbox_id
            assert mailbox_orders.start_sending(connection, mailbox_id) == ["server"]
        assert delivering.reaches(send, "sent")


@pytest.mark.parametrize("how", ["accepted", "new secret by apply"])
def test_what_waited_for_a_key_leaves_when_it_works_again(delivering: Delivering, how: str) -> None:
    send = a_send(
        delivering.database, delivering.server(), state="deferred", reason="key_refused", due_in=timedelta(hours=1)
    )
    do(
        delivering.database,
        "update api_keys set failed_at = now(), retry_at = now() + interval '1 hour', failure = '{}'",
    )
    with delivering.senders():
        with delivering.database.transaction() as connection:
            ((key_id, uid),) = connection.execute("select id, uid from api_keys").fetchall()
            if how == "accepted":
                api_keys.accepted(connection, key_id)
            else:
                keys.start_over(connection, uid)
        assert delivering.reaches(send, "sent")


def test_a_key_that_worked_all_along_ends_no_wait(delivering: Delivering) -> None:
    send = a_send(
        delivering.database, delivering.server(), state="deferred", reason="key_refused", due_in=timedelta(hours=1)
    )
    with delivering.database.transaction() as connection:
        ((key_id,),) = connection.execute("select id from api_keys").fetchall()
        api_keys.accepted(connection, key_id)
    assert row_of(delivering.database, send).due_at > datetime.now(UTC) + timedelta(minutes=50)


def test_another_server_of_the_customer_takes_over_where_the_request_allows_it(delivering: Delivering) -> None:
    held, free = delivering.server("held", locked=True), delivering.server("free")
    moving = a_send(delivering.database, held, fail_over=True)
    anyone = a_send(delivering.database, held, any_server=True)
    staying = a_send(delivering.database, held)
    with delivering.senders():
        assert delivering.reaches(moving, "sent")
        assert delivering.reaches(anyone, "sent")
        assert delivering.reaches(staying, "deferred", "server_locked")
    assert row_of(delivering.database, moving).server_id == free
    assert {one["mailbox"] for one in delivering.control.sent()} == {"free@send.example.com"}


def test_no_server_takes_over_whose_provider_takes_fewer_recipients(delivering: Delivering) -> None:
    held = delivering.server("held", locked=True)
    delivering.server("gmail", Provider.GOOGLE)
    many = a_send(delivering.database, held, fail_over=True, recipients=101)
    few = a_send(delivering.database, held, fail_over=True, recipients=100)
    with delivering.senders():
        assert delivering.reaches(few, "sent")
        assert delivering.reaches(many, "deferred", "server_locked")
    assert delivering.delivered() == {few.key: 1}


def test_no_server_that_drops_headers_takes_over(delivering: Delivering) -> None:
    held = delivering.server("held", locked=True)
    delivering.server("json", mode="json")
    send = a_send(delivering.database, held, fail_over=True)
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "server_locked")
    assert delivering.delivered() == {}


def test_no_server_of_another_customer_takes_over(delivering: Delivering) -> None:
    held = delivering.server("held", locked=True)
    delivering.server("theirs", customer="globex")
    send = a_send(delivering.database, held, fail_over=True)
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "server_locked")
    assert delivering.delivered() == {}


def test_a_send_that_was_unknown_never_moves_to_another_server(delivering: Delivering) -> None:
    first = delivering.server("first")
    delivering.server("second")
    send = a_send(delivering.database, first, fail_over=True)
    delivering.control.force("cut", match={"operation": "send"}, when="before", times=1)
    with delivering.senders():
        assert delivering.reaches(send, "unknown")
        do(delivering.database, "update delivery_servers set locked = true where id = %s", first)
        assert delivering.reaches(send, "deferred", "server_locked")
        do(delivering.database, "update delivery_servers set locked = false")
        assert delivering.reaches(send, "sent")
    assert row_of(delivering.database, send).server_id == first


def test_a_new_send_wakes_an_idle_sender(delivering: Delivering) -> None:
    server = delivering.server()
    with delivering.senders():
        assert not until(lambda: False, 0.5)
        send = a_send(delivering.database, server)
        assert delivering.reaches(send, "sent")
