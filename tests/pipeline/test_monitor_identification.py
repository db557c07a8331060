"""Who is meant, which condition wins, and what machine mail does, through real queues: every message is told twice."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.installation import MonitorRecord
from shared.domain.mailboxes import MailboxId
from shared.domain.monitors import Condition, MonitorAction
from shared.storage.database import Database
from shared.storage.provisioning import monitors
from tests.builders import a_fetched_mail, a_list, a_sent_mail, a_subscriber, a_system_key
from tests.integration.shared.storage.looking import rows, value
from tests.monitored import ANSWERS, a_reply
from tests.pipeline.queues import Queues

ANNA, ELSEWHERE = "anna@example.net", "anna.private@example.org"
STOP = Condition("please", MonitorAction.UNSUBSCRIBE)


@pytest.fixture
def anna(queues: Queues) -> str:
    """Anna is on the list `news` of acme, where a mail was sent to her, and on `theirs` of globex. Her uid on `news`."""
    a_subscriber(queues.database, ANNA)
    a_sent_mail(queues.database, ANNA, message_id="sent-1@news.example.com", reference="ref-1")
    a_subscriber(queues.database, ANNA, in_list="theirs", customer="globex")
    return str(
        value(queues.database, "select s.uid from subscribers s join lists l on l.id = s.list_id and l.uid = 'news'")
    )


def a_watched_mailbox(
    database: Database, *conditions: Condition, customer: str | None = "acme", **more: Any
) -> MailboxId:
    """A mailbox with one monitor: acme's, or the operator's."""
    a_system_key(database, uid="key", customer=customer)
    record = MonitorRecord(
        "m", "replies", "microsoft", ANSWERS, "key", customer, conditions=conditions or (STOP,), **more
    )
    with database.transaction() as connection:
        monitors.save(connection, record)
    return MailboxId(value(database, "select id from mailboxes"))


def answered(queues: Queues, box: MailboxId, *mails: bytes) -> list[tuple[Any, ...]]:
    """The replies go through classifier and actions; what the log says of each."""
    ids = [a_fetched_mail(queues.database, box, raw, f"mail-{number}") for number, raw in enumerate(mails)]
    queues.serve(ids, times=2)
    return rows(queues.database, "select effect, identified_by from monitor_log order by mail_id, subscriber_id")


def statuses(database: Database) -> dict[str, str]:
    """Of Anna's rows, by list."""
    return dict(rows(database, "select l.uid, s.status from subscribers s join lists l on l.id = s.list_id"))


LINK = "\n\nOn Friday, Acme wrote:\n> Unsubscribe: https://mail.acme.example/index.php/lists/ab12/unsubscribe/{uid}\n"


@pytest.mark.parametrize(
    ("identify_by", "sender", "text", "headers", "found_by"),
    [
        ("email", ANNA, "please", {}, "email"),
        ("email", " ANNA@Example.net ", "please", {}, "email"),
        ("uid", ELSEWHERE, "please", {"In-Reply-To": "<sent-1@news.example.com>"}, "message_id"),
        ("uid", ELSEWHERE, "please", {"References": "<x@y.example> <sent-1@news.example.com>"}, "message_id"),
        ("uid", ELSEWHERE, f"please{LINK}", {}, "tracking_link"),
        ("uid_or_email", ELSEWHERE, f"please{LINK}", {}, "tracking_link"),
        ("uid_or_email", ANNA, "please", {"In-Reply-To": "<unknown@x.example>"}, "email"),
    ],
)
def test_a_customers_monitor_finds_its_own_subscriber_by_each_method(
    queues: Queues, anna: str, identify_by: str, sender: str, text: str, headers: dict[str, str], found_by: str
) -> None:
    box = a_watched_mailbox(queues.database, identify_by=identify_by)
    raw = a_reply(text.format(uid=anna), sender, headers=headers)
    assert answered(queues, box, raw) == [("done", found_by)]
    assert statuses(queues.database) == {"news": "unsubscribed", "theirs": "confirmed"}


@pytest.mark.usefixtures("anna")
def test_by_address_she_is_meant_on_every_list_of_the_customer_and_on_nobody_elses(queues: Queues) -> None:
    a_subscriber(queues.database, ANNA, in_list="offers")
    box = a_watched_mailbox(queues.database)
    assert answered(queues, box, a_reply("please", ANNA)) == [("done", "email"), ("done", "email")]
    left = {"news": "unsubscribed", "offers": "unsubscribed", "theirs": "confirmed"}
    assert statuses(queues.database) == left


@pytest.mark.usefixtures("anna")
def test_our_reference_in_the_address_tells_who_writes_from_another_one(queues: Queues) -> None:
    box = a_watched_mailbox(queues.database, identify_by="uid")
    raw = a_reply("please", ELSEWHERE, to="answers+ref-1@news.example.com")
    assert answered(queues, box, raw) == [("done", "reference")]
    assert statuses(queues.database) == {"news": "unsubscribed", "theirs": "confirmed"}


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    ("identify_by", "sender", "headers"),
    [
        ("email", ELSEWHERE, {"In-Reply-To": "<sent-1@news.example.com>"}),
        ("uid", ANNA, {}),
        ("uid_or_email", ELSEWHERE, {}),
    ],
)
def test_who_is_not_found_by_the_chosen_method_is_logged_and_nobody_is_touched(
    queues: Queues, identify_by: str, sender: str, headers: dict[str, str]
) -> None:
    box = a_watched_mailbox(queues.database, identify_by=identify_by, disposal="trash")
    assert answered(queues, box, a_reply("please", sender, headers=headers)) == [("no_subscriber", None)]
    assert set(statuses(queues.database).values()) == {"confirmed"}
    assert rows(queues.database, "select disposal, disposal_due from fetched_mail") == [("leave", False)]


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    ("action", "left"),
    [
        (MonitorAction.UNSUBSCRIBE, {"news": "unsubscribed", "theirs": "unsubscribed"}),
        (MonitorAction.UNCONFIRM, {"news": "unconfirmed", "theirs": "unconfirmed"}),
        (MonitorAction.BLACKLIST, {"news": "blacklisted", "theirs": "blacklisted"}),
        (MonitorAction.DELETE, {}),
    ],
)
def test_the_operators_monitor_acts_on_everybodys_lists(
    queues: Queues, action: MonitorAction, left: dict[str, str]
) -> None:
    box = a_watched_mailbox(queues.database, Condition("please", action), customer=None)
    came = answered(queues, box, a_reply("please", ANNA))
    assert (len(came), came[0][0]) == (2, "done")
    assert statuses(queues.database) == left
    assert value(queues.database, "select count(*) from blacklist") == (action is MonitorAction.BLACKLIST)


@pytest.mark.usefixtures("anna")
def test_of_conditions_in_their_order_the_first_that_matches_wins(queues: Queues) -> None:
    a_list(queues.database, "vips")
    box = a_watched_mailbox(
        queues.database,
        Condition("Please", MonitorAction.DELETE),  # case counts
        Condition("please *, thanks", MonitorAction.COPY_TO_LIST, target="vips"),
        Condition("please", MonitorAction.UNCONFIRM),
        Condition("*", MonitorAction.BLACKLIST, any_content=True),
    )
    answered(queues, box, a_reply("please add me, thanks", ANNA))
    assert rows(queues.database, "select condition ->> 'action', effect from monitor_log") == [("copy_to_list", "done")]
    assert statuses(queues.database) == {"news": "confirmed", "theirs": "confirmed", "vips": "confirmed"}


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(("ignore", "left"), [(True, "confirmed"), (False, "unsubscribed")])
def test_an_automatic_answer_acts_only_where_the_monitor_opted_in(queues: Queues, ignore: bool, left: str) -> None:
    box = a_watched_mailbox(queues.database, ignore_machine_mail=ignore)
    answered(queues, box, a_reply("please wait, I am away", ANNA, headers={"Auto-Submitted": "auto-replied"}))
    assert statuses(queues.database)["news"] == left
