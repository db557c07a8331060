"""Between acceptance and the call: suppressed, expired or cancelled sends do not leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.sender.handler.delivering.claiming import claim_next
from shared.storage import send_claims
from tests.builders import a_list, a_subscriber
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do, rows, value
from tests.sending import a_campaign_group
from tests.stored_sends import Stored, a_send, row_of

READER = "reader@example.net"


def _listed(delivering: Delivering) -> Stored:
    reader = a_subscriber(delivering.database, READER)
    group = a_campaign_group(delivering.database)
    return a_send(
        delivering.database,
        delivering.server(),
        to=READER,
        subscriber_id=reader,
        list_id=a_list(delivering.database),
        campaign_group_id=group,
    )


SUPPRESSIONS = (
    "insert into blacklist (address, source) values ('reader@example.net', 'operator')",
    "insert into blacklist (customer_id, address, source) select id, 'reader@example.net', 'operator' from customers",
    "update subscribers set status = 'unsubscribed'",
    "update subscribers set status = 'unconfirmed'",
    "delete from subscribers",
)
STOP = (
    "insert into campaign_group_stops (group_id, subscriber_id, cause, stopped_at)"
    " select g.id, s.id, 'monitor', now() - %s from campaign_groups g, subscribers s where s.email = %s"
)


@pytest.mark.parametrize("statement", SUPPRESSIONS)
def test_who_was_suppressed_after_acceptance_gets_nothing(delivering: Delivering, statement: str) -> None:
    send = _listed(delivering)
    do(delivering.database, statement)
    delivering.run("rejected")
    assert delivering.delivered() == {}
    assert (delivering.results.last(send)["state"], delivering.results.last(send)["reason"]) == (
        "rejected",
        "suppressed",
    )
    assert value(delivering.database, "select count(*) from send_ledger") == 0


def test_a_send_of_a_stopped_campaign_group_is_cancelled_right_before_its_call(delivering: Delivering) -> None:
    """One that waits when the group is stopped is cancelled with it (tests/integration/handlers/actions/test_stopped_groups.py)."""
    send = _listed(delivering)
    do(delivering.database, STOP, timedelta(0), READER)
    with delivering.senders():
        assert delivering.reaches(send, "cancelled", "campaign_group_stopped")
    assert delivering.delivered() == {}
    assert delivering.results.of(send) == ["cancelled"]
    assert delivering.results.last(send)["reason"] == "campaign_group_stopped"
    assert value(delivering.database, "select count(*) from send_ledger") == 0


def test_a_stop_of_another_subscriber_cancels_nothing(delivering: Delivering) -> None:
    send = _listed(delivering)
    a_subscriber(delivering.database, "other@example.net")
    do(delivering.database, STOP, timedelta(0), "other@example.net")
    delivering.run()
    assert delivering.delivered() == {send.key: 1}


@pytest.mark.parametrize(
    "statement",
    [
        "insert into blacklist (address, source, expires_at) values ('reader@example.net', 'operator', now())",
        "insert into blacklist (address, source) values ('other@example.net', 'operator')",
        (
            "with c as (insert into customers (uid, name) values ('globex', 'Globex') returning id)"
            " insert into blacklist (customer_id, address, source) select id, 'reader@example.net', 'operator' from c"
        ),
    ],
)
def test_an_entry_that_does_not_count_stops_nothing(delivering: Delivering, statement: str) -> None:
    send = _listed(delivering)
    do(delivering.database, statement)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}


def test_who_is_suppressed_between_claim_and_call_gets_nothing(delivering: Delivering) -> None:
    send = _listed(delivering)
    works = delivering.runners(9)[0]._works
    claim = claim_next(works, [])
    assert claim is not None
    do(delivering.database, SUPPRESSIONS[0])
    with delivering.database.transaction() as connection:
        begun = send_claims.begin(connection, claim.holder, claim.send_ids)
    assert (begun.sending, [one.send_id for one in begun.stopped]) == (frozenset(), [send.send_id])


def test_what_has_expired_is_failed_and_not_sent(delivering: Delivering) -> None:
    server = delivering.server()
    over = a_send(delivering.database, server, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    good = a_send(delivering.database, server, expires_at=datetime.now(UTC) + timedelta(hours=1))
    delivering.run("sent", "failed")
    assert delivering.delivered() == {good.key: 1}
    assert delivering.results.last(over)["reason"] == "expired"


def test_what_expires_behind_a_hold_is_failed_there(delivering: Delivering) -> None:
    send = a_send(
        delivering.database, delivering.server(locked=True), expires_at=datetime.now(UTC) + timedelta(seconds=1.5)
    )
    with delivering.senders():
        assert delivering.reaches(send, "failed", "expired")


def test_what_is_cancelled_before_the_claim_stays_so(delivering: Delivering) -> None:
    server = delivering.server()
    cancelled, other = a_send(delivering.database, server), a_send(delivering.database, server)
    do(delivering.database, "update sends set state = 'cancelled' where id = %s", cancelled.send_id)
    delivering.run("sent", "cancelled")
    assert delivering.delivered() == {other.key: 1}


def test_a_send_waits_for_its_time(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server(), due_in=timedelta(seconds=2))
    delivering.run()
    assert datetime.fromisoformat(delivering.control.sent()[0]["at"]) >= row_of(delivering.database, send).due_at


def test_a_send_whose_body_is_gone_has_failed(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    do(delivering.database, "delete from send_bodies")
    delivering.run("failed")
    assert delivering.results.last(send)["reason"] == "invalid"


def test_a_body_that_nobody_can_read_fails_alone(delivering: Delivering) -> None:
    server = delivering.server()
    broken, good = a_send(delivering.database, server), a_send(delivering.database, server)
    other = rows(delivering.database, "select sealed from send_bodies where send_id = %s", good.send_id)[0][0]
    do(delivering.database, "update send_bodies set sealed = %s where send_id = %s", other, broken.send_id)
    delivering.run("sent", "failed")
    assert delivering.delivered() == {good.key: 1}
    assert row_of(delivering.database, broken).reason == "invalid"
