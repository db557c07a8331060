"""A reply that stops a campaign group takes back what waits of it: at once, with a result for who asked, and a count in the log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.mailboxes import MailId
from shared.domain.monitors import Condition, MonitorAction, MonitorFinding, ReplyFinding, Verdict
from shared.storage import monitor_undo
from shared.storage.send_facts import stopped
from tests.builders import READER, a_classified_mail, a_customer, a_human_finding, a_list, a_subscriber
from tests.integration.handlers.works import Works
from tests.integration.services.console.answering import a_stored_monitor
from tests.integration.shared.storage.looking import do, rows, value
from tests.sending import a_campaign, a_campaign_group, a_delivery_server
from tests.stored_sends import Stored, a_send, row_of, steps

STOP = Condition("stop", MonitorAction.STOP_CAMPAIGN_GROUP, target="christmas")


@pytest.fixture
def group(works: Works) -> int:
    """A campaign group of acme's, of whose lists the reader is a subscriber."""
    works.broker.know(["shop"])
    a_subscriber(works.database)
    return a_campaign_group(works.database, "christmas")


def asked(works: Works, key: str, group: int | None, *, to: str = READER, **more: Any) -> Stored:
    """A mail that was asked for, of the group."""
    known = rows(works.database, "select id from delivery_servers")
    server = known[0][0] if known else a_delivery_server(works.database)
    return a_send(works.database, server, key, to=to, campaign_group_id=group, **more)


def a_reply_to(works: Works, name: str = "reply") -> MailId:
    """A reply in which the reader asks to be left out of the group, as it stands before `actions`."""
    monitor_id = a_stored_monitor(works.database, STOP, customer="acme")
    found = MonitorFinding(monitor_id, Verdict.MATCHED, 1, STOP, "stop")
    finding = replace(a_human_finding(), reply=ReplyFinding(READER, (), (found,)), message_id=f"{name}@example.net")
    return a_classified_mail(works.database, value(works.database, "select mailbox_id from monitors"), finding, name)


def told(works: Works) -> list[dict[str, Any]]:
    """The results that wait for the shop."""
    subscription = works.broker.subscribe("results.shop", 100, "tests")
    found = subscription.receive(100, 0.0)
    subscription.close()
    return [{**json.loads(one.payload), "correlation": one.correlation_id} for one in found]


def test_what_waits_is_cancelled_and_what_a_sender_has_in_hand_is_left_to_it(works: Works, group: int) -> None:
    states = ("accepted", "deferred", "claimed", "sending", "unknown", "sent", "failed", "rejected")
    sends = {state: asked(works, state, group, state=state) for state in states}

    works.serve(a_reply_to(works))

    came = {state: row_of(works.database, send).state for state, send in sends.items()}
    assert came == {state: "cancelled" if state in ("accepted", "deferred") else state for state in states}
    assert row_of(works.database, sends["deferred"]).reason == "campaign_group_stopped"
    assert steps(works.database, sends["deferred"])[-1] == ("cancelled", "campaign_group_stopped")
    assert rows(works.database, "select effect, detail, after -> 'cancelled' from monitor_log") == [
        ("done", "2 waiting sends cancelled", 2)
    ]


def test_other_groups_other_readers_and_other_customers_mails_are_left_alone(works: Works, group: int) -> None:
    theirs = a_customer(works.database, "globex")
    others = [
        asked(works, "no group", None),
        asked(works, "easter", a_campaign_group(works.database, "easter")),
        asked(works, "another reader", group, to="bert@example.net"),
        asked(works, "theirs", None, customer="globex"),
    ]
    elsewhere = a_campaign_group(works.database, "of globex", customer="globex")
    do(works.database, "update sends set campaign_group_id = %s where customer_id = %s", elsewhere, theirs)

    works.serve(a_reply_to(works))

    assert {row_of(works.database, send).state for send in others} == {"accepted"}
    assert rows(works.database, "select effect, detail from monitor_log") == [("done", "")]
    assert told(works) == []


def test_who_asked_is_told_why_once_however_often_the_message_comes(works: Works, group: int) -> None:
    listed, campaign = a_list(works.database), a_campaign(works.database)
    send = asked(works, "order-1", group, list_id=listed, campaign_id=campaign, client_correlation_id="theirs")
    mail = a_reply_to(works)

    works.serve(mail)
    do(works.database, "update fetched_mail set stage = 'classified'")
    works.serve(mail)

    (result,) = told(works)
    assert (result["state"], result["reason"]) == ("cancelled", "campaign_group_stopped")
    [(action,)] = rows(works.database, "select id from monitor_log")
    assert result["detail"] == (
        f"A recipient asked for no more mail of campaign group christmas (action {action} of a monitor)."
    )
    assert (result["send_id"], result["correlation"]) == (str(send.uid), "theirs")
    assert (result["list"], result["campaign"]) == ("news", "campaign")


def test_an_undo_lets_later_mail_through_and_says_that_cancelled_mail_stays_so(works: Works, group: int) -> None:
    sends = [asked(works, key, group) for key in ("one", "two")]
    pair = (a_customer(works.database), READER)
    works.serve(a_reply_to(works))
    with works.database.transaction() as connection:
        assert stopped(connection, [pair]) == {(group, READER)}

    with works.database.transaction() as connection:
        undone = monitor_undo.undo(connection, value(works.database, "select id from monitor_log"), "operator")

    assert undone.text == "gets mail of christmas again; the 2 sends cancelled then stay so"
    assert [row_of(works.database, send).state for send in sends] == ["cancelled", "cancelled"]
    with works.database.transaction() as connection:
        assert stopped(connection, [pair]) == set()


def test_a_dry_run_cancels_nothing(works: Works, group: int) -> None:
    send = asked(works, "one", group)
    mail = a_reply_to(works)
    do(works.database, "update monitors set dry_run = true")
    works.serve(mail)
    assert (row_of(works.database, send).state, told(works)) == ("accepted", [])
