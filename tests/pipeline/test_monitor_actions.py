"""Every action of a monitor, through real queues: two actions services, each message told twice, and once more at the end."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.events import MailClassified
from shared.domain.installation import CampaignGroupRecord, MonitorRecord
from shared.domain.mailboxes import MailboxId, MailId
from shared.domain.monitors import Condition, MonitorAction
from shared.storage.database import Database
from shared.storage.provisioning import mailings, monitors
from tests.builders import a_fetched_mail, a_list, a_subscriber, a_system_key
from tests.integration.shared.storage.looking import rows, value
from tests.monitored import ANSWERS, a_reply
from tests.pipeline.queues import Queues
from tests.sending import a_delivery_server
from tests.stored_sends import row_of, some_sends, steps
from tests.waiting import until

ANNA = "anna@example.net"


def a_watched_mailbox(database: Database, *conditions: Condition, **more: Any) -> MailboxId:
    """A mailbox of acme's with one monitor."""
    a_system_key(database, uid="key", customer="acme")
    record = MonitorRecord("m", "replies", "microsoft", ANSWERS, "key", "acme", conditions=conditions, **more)
    with database.transaction() as connection:
        monitors.save(connection, record)
    return MailboxId(value(database, "select id from mailboxes"))


def a_group(database: Database, uid: str) -> None:
    with database.transaction() as connection:
        mailings.save_campaign_group(connection, CampaignGroupRecord(uid, "acme", uid.title()))


def serve(queues: Queues, box: MailboxId, *texts: str) -> list[MailId]:
    """Replies of Anna's, each message told twice; then the last ones again, under ids of their own."""
    mails = [a_fetched_mail(queues.database, box, a_reply(text, ANNA), f"mail-{n}") for n, text in enumerate(texts)]
    queues.serve(mails, times=2)
    with queues.at_work(queues.actions, queues.actions):
        for mail_id in mails:
            queues.repeat(MailClassified, mail_id=mail_id)
        assert until(queues.empty, 60)
    return mails


def of_anna(database: Database) -> list[tuple[str, str]]:
    """(list, status) of each of her rows."""
    return rows(
        database,
        f"select l.uid, s.status from subscribers s join lists l on l.id = s.list_id where s.email = '{ANNA}' order by 1",
    )


@pytest.fixture
def anna(queues: Queues) -> int:
    """A subscriber of the list `news`; there is a list `vips` too, and a campaign group."""
    a_list(queues.database, "vips")
    a_group(queues.database, "christmas")
    return a_subscriber(queues.database, ANNA)


@pytest.mark.parametrize(
    ("action", "target", "rows_of_anna"),
    [
        (MonitorAction.UNSUBSCRIBE, None, [("news", "unsubscribed")]),
        (MonitorAction.UNCONFIRM, None, [("news", "unconfirmed")]),
        (MonitorAction.BLACKLIST, None, [("news", "blacklisted")]),
        (MonitorAction.DELETE, None, []),
        (MonitorAction.MOVE_TO_LIST, "vips", [("vips", "confirmed")]),
        (MonitorAction.COPY_TO_LIST, "vips", [("news", "confirmed"), ("vips", "confirmed")]),
        (MonitorAction.STOP_CAMPAIGN_GROUP, "christmas", [("news", "confirmed")]),
    ],
)
@pytest.mark.usefixtures("anna")
def test_each_action_happens_once_however_often_its_message_comes(
    queues: Queues, action: MonitorAction, target: str | None, rows_of_anna: list[tuple[str, str]]
) -> None:
    box = a_watched_mailbox(queues.database, Condition("please", action, target=target))
    serve(queues, box, "please do", "please do it, I said")
    assert of_anna(queues.database) == rows_of_anna
    effects = [row[0] for row in rows(queues.database, "select effect from monitor_log order by mail_id, id")]
    assert effects in (["done", "already"], ["already", "done"], ["done", "no_subscriber"], ["no_subscriber", "done"])
    assert value(queues.database, "select count(*) from blacklist") == (action is MonitorAction.BLACKLIST)
    stops = value(queues.database, "select count(*) from campaign_group_stops")
    assert stops == (action is MonitorAction.STOP_CAMPAIGN_GROUP)


@pytest.mark.usefixtures("anna")
def test_the_log_says_who_what_why_and_what_was_before_and_after(queues: Queues) -> None:
    box = a_watched_mailbox(
        queues.database, Condition("never", MonitorAction.DELETE), Condition("Please", MonitorAction.UNSUBSCRIBE)
    )
    serve(queues, box, "Please stop it.")
    (row,) = rows(
        queues.database,
        "select monitor_name, sender, condition ->> 'value', matched_text, identified_by, subscriber_email, before, after ->> 'status'"
        " from monitor_log",
    )
    assert row == ("replies", ANNA, "Please", "Please", "email", ANNA, {"status": "confirmed"}, "unsubscribed")


@pytest.mark.parametrize(("scope", "others"), [("global", "blacklisted"), ("customer", "confirmed")])
@pytest.mark.usefixtures("anna")
def test_a_blacklisting_is_for_everybody_or_for_the_customer_alone(queues: Queues, scope: str, others: str) -> None:
    a_subscriber(queues.database, ANNA, in_list="theirs", customer="globex")
    box = a_watched_mailbox(queues.database, Condition("STOP", MonitorAction.BLACKLIST), blacklist_scope=scope)
    serve(queues, box, "STOP")
    assert of_anna(queues.database) == [("news", "blacklisted"), ("theirs", others)]
    assert value(queues.database, "select customer_id is null from blacklist") is (scope == "global")


def test_whoever_is_suppressed_stays_so(queues: Queues) -> None:
    a_list(queues.database, "vips")
    a_subscriber(queues.database, ANNA, status="unsubscribed")
    box = a_watched_mailbox(
        queues.database,
        Condition("later", MonitorAction.UNCONFIRM),
        Condition("vip", MonitorAction.COPY_TO_LIST, target="vips"),
    )
    serve(queues, box, "not now, later", "make me a vip")
    assert of_anna(queues.database) == [("news", "unsubscribed"), ("vips", "unsubscribed")]


@pytest.mark.usefixtures("anna")
def test_stopping_a_campaign_group_takes_back_what_waits_of_it_once(queues: Queues) -> None:
    stop = Condition("please", MonitorAction.STOP_CAMPAIGN_GROUP, target="christmas")
    box = a_watched_mailbox(queues.database, stop)
    group = value(queues.database, "select id from campaign_groups")
    server = a_delivery_server(queues.database)
    sends = some_sends(queues.database, server, [f"s{n}" for n in range(20)], to=ANNA, campaign_group_id=group)
    serve(queues, box, "please", "please, I said", "PLEASE! please")
    assert {row_of(queues.database, send).state for send in sends} == {"cancelled"}
    assert {tuple(steps(queues.database, send)) for send in sends} == {
        (("accepted", ""), ("cancelled", "campaign_group_stopped"))
    }
    assert sorted(rows(queues.database, "select effect, coalesce(after ->> 'cancelled', '') from monitor_log")) == [
        ("already", ""), ("already", ""), ("done", "20"),
    ]  # fmt: skip
