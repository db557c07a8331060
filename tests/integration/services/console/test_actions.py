"""`actions log` and `actions undo`: what a monitor did is told, and taken back while nothing later touched it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.domain.installation import ListRecord, SubscriberRecord
from shared.domain.monitors import MonitorAction
from shared.storage.database import Database
from shared.storage.provisioning import customers, mailings
from tests.builders import READER, a_bounce_server, a_classified_mail, a_finding, a_list, a_sent_mail, a_subscriber
from tests.integration.services.console.answering import a_stored_monitor, answered
from tests.integration.services.console.running import AskJson, Console, act_on, rows
from tests.integration.shared.storage.looking import do
from tests.sending import a_campaign_group

TARGETS = {
    MonitorAction.MOVE_TO_LIST: "vips",
    MonitorAction.COPY_TO_LIST: "vips",
    MonitorAction.STOP_CAMPAIGN_GROUP: "group",
}


@pytest.fixture
def reader(database: Database) -> int:
    """A subscriber of acme, who was sent a mail; beside it another list and a campaign group."""
    subscriber = a_subscriber(database)
    a_sent_mail(database)
    a_list(database, "vips")
    a_campaign_group(database)
    return subscriber


def state(database: Database) -> list[list[tuple[object, ...]]]:
    """Everything that an action may change, but for the log of changes and its times."""
    return [
        rows(database, "select id, uid, customer_id, list_id, email, status from subscribers order by id"),
        rows(database, "select customer_id, address, source from blacklist order by id"),
        rows(database, "select group_id, subscriber_id from campaign_group_stops"),
        rows(database, "select address, subscriber_id from sent_recipients"),
    ]


def act(database: Database, action: MonitorAction, **more: object) -> int:
    """The action on the reader."""
    return answered(database, action, target=TARGETS.get(action), **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("action", list(MonitorAction))
def test_an_undone_action_leaves_what_was_before_and_is_not_undone_twice(
    console: Console, database: Database, action: MonitorAction
) -> None:
    before = state(database)
    done = act(database, action)
    assert state(database) != before

    assert console("actions", "undo", done).exit_code == 0
    assert state(database) == before

    again = console("actions", "undo", done)
    assert (again.exit_code, again.stderr) == (2, f"Not undone: action {done} was undone already.\n")


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("action", "later", "reason"),
    [
        (MonitorAction.UNSUBSCRIBE, "bounce", "something later changed the subscriber, who is blacklisted now"),
        (MonitorAction.UNSUBSCRIBE, "suppress", "the address was blacklisted since, because of operator"),
        (MonitorAction.UNCONFIRM, "unsubscribe", "something later changed the subscriber, who is unsubscribed now"),
        (MonitorAction.UNCONFIRM, "forget", "the subscriber is not there any more"),
        (MonitorAction.BLACKLIST, "operator", "the entry has another cause by now: an operator wants it too"),
        (MonitorAction.BLACKLIST, "bounce", "the entry has another cause by now: a hard bounce (row 1 of the bounce log)"),
        (MonitorAction.BLACKLIST, "ask again", "the entry has another cause by now: another mail asked for it (action 2)"),
        (MonitorAction.DELETE, "come back", "its list has the address again"),
        (MonitorAction.DELETE, "drop news", "its list is gone"),
        (MonitorAction.MOVE_TO_LIST, "unsubscribe", "something later changed the subscriber's status"),
        (MonitorAction.MOVE_TO_LIST, "come back", "the old list has the address again"),
        (MonitorAction.MOVE_TO_LIST, "drop news", "the old list is gone"),
        (MonitorAction.MOVE_TO_LIST, "forget", "the subscriber is not there any more"),
        (MonitorAction.COPY_TO_LIST, "send to copy", "the row on vips was sent to since"),
        (MonitorAction.COPY_TO_LIST, "change copy", "something later changed the row's status on vips"),
        (MonitorAction.COPY_TO_LIST, "forget copy", "the row on vips is gone"),
        (MonitorAction.STOP_CAMPAIGN_GROUP, "go on", "the stop for group is gone, or somebody else's by now"),
    ],
)  # fmt: skip
def test_what_something_later_touched_stays_and_the_reason_is_said(
    console: Console, database: Database, action: MonitorAction, later: str, reason: str
) -> None:
    done = act(database, action)
    LATER[later](database, console)
    before = state(database)

    refused = console("actions", "undo", done)

    assert (refused.exit_code, refused.stderr) == (2, f"Not undone: {reason}.\n")
    assert state(database) == before
    assert rows(database, f"select effect, undone_at from monitor_log where id = {done}") == [("done", None)]


def _bounce(database: Database, console: Console) -> None:
    act_on(database, a_classified_mail(database, a_bounce_server(database), a_finding(), "bounce"))


def _unsubscribe(database: Database, console: Console) -> None:
    answered(database, MonitorAction.UNSUBSCRIBE, name="second")


def _sql(statement: str) -> Callable[[Database, Console], None]:
    return lambda database, console: do(database, statement) and None


LATER: dict[str, Callable[[Database, Console], None]] = {
    "bounce": _bounce,
    "unsubscribe": _unsubscribe,
    "operator": lambda database, console: console("blacklist", "add", READER) and None,
    "suppress": _sql(f"insert into blacklist (address, source) values ('{READER}', 'operator')"),
    "ask again": lambda database, console: (
        act(database, MonitorAction.BLACKLIST, name="second", words="again") and None
    ),
    "forget": _sql("delete from subscribers"),
    "come back": lambda database, console: a_subscriber(database) and None,
    "drop news": lambda database, console: (
        do(database, "update sent_mail set list_id = null")
        and do(database, "delete from lists where uid = 'news'")
        and None
    ),
    "send to copy": lambda database, console: (
        a_sent_mail(database, in_list="vips", message_id="copy@x.example") and None
    ),
    "change copy": _sql(
        "update subscribers set status = 'unconfirmed' where list_id = (select id from lists where uid = 'vips')"
    ),
    "forget copy": _sql("delete from subscribers where list_id = (select id from lists where uid = 'vips')"),
    "go on": _sql("delete from campaign_group_stops"),
}


@pytest.mark.usefixtures("reader")
def test_actions_on_one_subscriber_are_undone_from_the_last_to_the_first(console: Console, database: Database) -> None:
    before = state(database)
    first = answered(database, MonitorAction.UNCONFIRM)
    second = answered(database, MonitorAction.UNSUBSCRIBE, name="second")

    assert console("actions", "undo", first).exit_code == 2
    assert [console("actions", "undo", one).exit_code for one in (second, first)] == [0, 0]
    assert state(database) == before


def test_a_deleted_subscriber_comes_back_with_its_history_and_what_skips_it(
    console: Console, database: Database, reader: int
) -> None:
    act(database, MonitorAction.STOP_CAMPAIGN_GROUP, name="stopping")
    answered(database, MonitorAction.UNSUBSCRIBE, name="unsubscribing")
    before = state(database)
    history = rows(database, "select * from subscriber_changes")
    deleted = answered(database, MonitorAction.DELETE, name="deleting")
    assert rows(database, "select 1 from subscribers") == []

    console("actions", "undo", deleted)

    assert state(database) == before
    assert rows(database, "select * from subscriber_changes") == history


@pytest.mark.usefixtures("reader")
def test_who_is_on_the_blacklist_by_now_comes_back_as_blacklisted(console: Console, database: Database) -> None:
    done = answered(database, MonitorAction.DELETE)
    console("blacklist", "add", READER)

    assert f"{READER} is on its list again, blacklisted" in console("actions", "undo", done).stdout
    assert rows(database, "select status from subscribers") == [("blacklisted",)]


def test_what_changed_nothing_has_nothing_to_undo(console: Console, database: Database) -> None:
    a_subscriber(database)
    done = answered(database, MonitorAction.UNSUBSCRIBE, dry_run=True)
    assert f"action {done} changed nothing (dry_run)" in console("actions", "undo", done).stderr
    assert "there is no action 77" in console("actions", "undo", 77).stderr


@pytest.mark.usefixtures("reader")
def test_the_log_tells_condition_words_subscriber_and_what_came_of_it(
    console: Console, ask: AskJson, database: Database
) -> None:
    done = answered(database, MonitorAction.UNSUBSCRIBE, words="take me off")
    answered(database, MonitorAction.UNSUBSCRIBE, sender="nobody@example.org", name="other")

    shown = console("actions", "log").stdout
    assert "body contains 'take me off' → unsubscribe" in shown
    assert "nothing: no subscriber was found" in shown
    [row] = ask("actions", "log", "--address", READER.upper())["actions"]
    assert (row["log_id"], row["monitor"], row["matched_text"], row["effect"]) == (
        done,
        "replies",
        "take me off",
        "done",
    )
    assert len(ask("actions", "log", "--monitor", "m-other")["actions"]) == 1
    assert len(ask("actions", "log", "--customer", "acme")["actions"]) == 2
    assert len(ask("actions", "log", "--limit", 1)["actions"]) == 1


@pytest.mark.usefixtures("reader")
def test_why_tells_what_a_monitor_did_and_that_it_was_undone(
    console: Console, ask: AskJson, database: Database
) -> None:
    done = answered(database, MonitorAction.UNSUBSCRIBE)
    console("actions", "undo", done)

    text = console("why", READER).stdout

    assert (
        f"monitor replies of acme read mail 1 from {READER}: body contains 'stop' → unsubscribe, matched “stop”" in text
    )
    assert f"{READER}, found by address; action {done}: confirmed → unsubscribed on news" in text
    assert f"action {done} of monitor replies was undone by" in text
    assert {"monitored", "undone", "changed"} <= {line["kind"] for line in ask("why", READER)["story"]}


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (MonitorAction.UNCONFIRM, "confirmed → unconfirmed on news"),
        (MonitorAction.BLACKLIST, "on everybody's blacklist; confirmed → blacklisted"),
        (MonitorAction.DELETE, "confirmed on news → deleted"),
        (MonitorAction.MOVE_TO_LIST, "confirmed on news → moved to vips"),
        (MonitorAction.COPY_TO_LIST, "copied to vips as confirmed"),
        (MonitorAction.STOP_CAMPAIGN_GROUP, "gets no more mail of group"),
    ],
)
@pytest.mark.usefixtures("reader")
def test_why_tells_of_every_action_before_and_after(
    console: Console, database: Database, action: MonitorAction, told: str
) -> None:
    act(database, action)
    assert told in console("why", READER).stdout


@pytest.mark.usefixtures("reader")
def test_a_customer_is_told_of_its_own_monitors_only(console: Console, database: Database) -> None:
    answered(database, MonitorAction.UNCONFIRM, name="acmes", customer="acme")
    answered(database, MonitorAction.UNSUBSCRIBE, name="operators", customer=None)
    a_stored_monitor(database, name="others", customer="globex")

    shown = console("why", READER, "--customer", "acme").stdout

    assert "monitor acmes of acme" in shown
    assert "operators" not in shown


@pytest.mark.usefixtures("reader")
def test_a_customer_sees_and_undoes_what_its_own_monitors_did(
    console: Console, ask: AskJson, database: Database
) -> None:
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1})
    own = answered(database, MonitorAction.UNCONFIRM, name="acmes", customer="acme")
    operators = answered(database, MonitorAction.UNSUBSCRIBE, name="operators", customer=None)
    a_stored_monitor(database, name="others", customer="globex")

    assert [row["log_id"] for row in ask("actions", "log", "--as", "acme")["actions"]] == [own]
    assert ask("actions", "log", "--as", "globex")["actions"] == []
    for action, customer in ((operators, "acme"), (own, "globex"), (99, "acme")):
        refused = console("actions", "undo", action, "--as", customer)
        assert (refused.exit_code, refused.stderr) == (2, f"Not undone: there is no action {action}.\n")
    console("actions", "undo", operators)
    assert console("actions", "undo", own, "--as", "acme").exit_code == 0


@pytest.mark.usefixtures("reader")
def test_of_a_blacklisting_for_everybody_a_customer_learns_nothing_of_others(
    console: Console, database: Database
) -> None:
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1})
    theirs = a_subscriber(database, in_list="theirs", customer="globex", status="unconfirmed")
    done = answered(database, MonitorAction.BLACKLIST)
    do(database, "update subscribers set status = 'unsubscribed' where id = %s", theirs)

    told = console("why", READER, "--customer", "acme").stdout
    refused = console("actions", "undo", done, "--as", "acme").stderr

    assert "on everybody's blacklist; confirmed → blacklisted\n" in told
    assert refused == "Not undone: something later needs the entry, or changed who it is for.\n"
    assert "who is unsubscribed now" in console("actions", "undo", done).stderr
    do(database, "update subscribers set status = 'blacklisted' where id = %s", theirs)
    shown = console("actions", "undo", done, "--as", "acme").stdout
    assert shown == f"✓ Action {done} is undone: {READER} is off the blacklist and is confirmed again.\n"
    assert rows(database, "select status from subscribers order by id") == [("confirmed",), ("unconfirmed",)]


def imported(database: Database, status: str | None = None, *, to: str = "vips", customer: str = "acme") -> None:
    """The reader comes to another list by a file."""
    with database.transaction() as connection:
        mailings.save_subscribers(connection, ListRecord(to, customer, to), [SubscriberRecord(to, READER, status)])


def by_list(database: Database) -> dict[object, object]:
    """The reader's status on each list."""
    query = "select l.uid, s.status from subscribers s join lists l on l.id = s.list_id where s.email = %s"
    with database.transaction() as connection:
        return dict(connection.execute(query, (READER,)).fetchall())


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(("status", "then"), [(None, "confirmed"), ("unconfirmed", "unconfirmed"), ("unsubscribed", "unsubscribed")])  # fmt: skip
@pytest.mark.parametrize("scope", ["customer", "global"])
def test_a_row_that_was_made_blacklisted_for_this_entry_alone_is_freed_with_it(
    console: Console, database: Database, status: str | None, then: str, scope: str
) -> None:
    done = act(database, MonitorAction.BLACKLIST, blacklist_scope=scope)
    imported(database, status)
    assert by_list(database) == {"news": "blacklisted", "vips": "blacklisted"}

    said = console("actions", "undo", done).stdout

    assert by_list(database) == {"news": "confirmed", "vips": then}
    assert ("; 1 of its rows made since is free too" in said) == (scope == "customer")
    assert f"blacklisted → {then}, because of an undo" in console("why", READER).stdout


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"insert into blacklist (address, source) values ('{READER}', 'operator')", "delete from blacklist where source = 'operator'"),
        (None, "insert into subscriber_changes (subscriber_id, before, after, cause) select id, 'confirmed', 'blacklisted', 'hard_bounce' from subscribers where list_id = (select id from lists where uid = 'vips')"),
        (None, f"insert into blacklist (address, source, added_at) values ('{READER}', 'operator', now() - interval '1 day')"),
    ],
    ids=["another entry was there too", "something later decided", "another entry covers it"],
)  # fmt: skip
def test_a_row_that_has_another_cause_stays_blacklisted(
    console: Console, database: Database, before: str | None, after: str
) -> None:
    done = act(database, MonitorAction.BLACKLIST, blacklist_scope="customer")
    if before:
        do(database, before)
    imported(database)
    do(database, after)
    assert console("actions", "undo", done).exit_code == 0
    assert by_list(database)["vips"] == "blacklisted"


@pytest.mark.usefixtures("reader")
def test_who_is_called_blacklisted_by_the_file_itself_stays_so(console: Console, database: Database) -> None:
    done = act(database, MonitorAction.BLACKLIST)
    imported(database, "blacklisted")
    console("actions", "undo", done)
    assert by_list(database) == {"news": "confirmed", "vips": "blacklisted"}


@pytest.mark.usefixtures("reader")
def test_a_copy_and_a_row_that_came_back_are_freed_too(console: Console, database: Database) -> None:
    deleted = act(database, MonitorAction.DELETE, name="deleting")
    a_subscriber(database, in_list="others")
    done = answered(database, MonitorAction.BLACKLIST, name="blacklisting")
    act(database, MonitorAction.COPY_TO_LIST, name="copying")
    console("actions", "undo", deleted)
    assert by_list(database) == dict.fromkeys(("news", "others", "vips"), "blacklisted")
    console("actions", "undo", done)
    assert by_list(database) == dict.fromkeys(("news", "others", "vips"), "confirmed")
