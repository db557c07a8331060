"""A reply in a mailbox ends as what a monitor's condition says: the real clients against the simulator, and nobody is harmed by a footer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.domain.mailboxes import Disposal, Provider
from shared.domain.monitors import Condition, Field, MonitorAction, Operator
from shared.messaging.memory import MemoryBroker
from shared.storage import sent_texts
from shared.storage.database import Database
from tests.builders import SEALER, a_customer, a_list, a_sent_mail, a_subscriber
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.monitored import ANSWERS, UNSUBSCRIBE, a_monitor, a_reply, write
from tests.pipeline.line import main_line, quiet
from tests.simulated import Simulated
from tests.waiting import until

FOOTER = "You get this because you are on our list. To unsubscribe me, follow https://acme.example/u/1"


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for this file; each test begins with an empty world."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture
def world(simulator: RunningSimulator, database: Database) -> Simulated:
    """An empty world with one subscriber, Anna."""
    world = Simulated(simulator, database)
    a_subscriber(database, "anna@example.net")
    return world


def run_until_quiet(world: Simulated) -> None:
    """The whole line works until nothing is left to do."""
    with main_line(world.database, MemoryBroker(), world.running.ca_file):
        assert until(lambda: quiet(world.database), 30), rows(
            world.database, "select stage, disposal_due, disposal_note, kind from fetched_mail"
        )


def status(world: Simulated, address: str = "anna@example.net") -> list[str]:
    """Of each of the address's rows."""
    return column(world.database, f"select status from subscribers where email = '{address}' order by id")


def logged(world: Simulated) -> list[tuple[str, str, str | None]]:
    """(monitor, effect, identified by) of each row of the log."""
    return rows(world.database, "select monitor_name, effect, identified_by from monitor_log order by id")


@pytest.mark.parametrize("provider", list(Provider))
def test_who_asks_to_be_unsubscribed_is(world: Simulated, provider: Provider) -> None:
    a_monitor(world, provider=provider)
    write(world, a_reply("Please unsubscribe me.\n\nAnna"), provider=provider)
    run_until_quiet(world)
    assert status(world) == ["unsubscribed"]
    assert logged(world) == [("replies", "done", "email")]
    assert value(world.database, "select matched_text from monitor_log") == "unsubscribe me"
    assert world.unread(provider, ANSWERS) == 1  # left alone: that is the default


def test_what_is_only_quoted_unsubscribes_nobody(world: Simulated) -> None:
    a_monitor(world)
    write(world, a_reply(f"Great offer, thank you!\n\nOn Fri, Nov 20, 2026, Acme wrote:\n> Hello\n> {FOOTER}\n"))
    run_until_quiet(world)
    assert status(world) == ["confirmed"]
    assert logged(world) == []


def test_a_footer_that_no_sign_marks_as_quoted_is_known_from_the_mail_that_we_sent(world: Simulated) -> None:
    text = f"Dear Anna,\nthe new season is here with forty chairs.\nCome and see us.\n{FOOTER}"
    sent = a_sent_mail(world.database, "anna@example.net", message_id="sent-1@news.example.com")
    with world.database.transaction() as connection:
        sent_texts.keep(connection, SEALER, [(sent, text)])
    a_monitor(world)
    headers = {"In-Reply-To": "<sent-1@news.example.com>"}
    write(world, a_reply(f"Great offer, thank you!\n\n{text}\n", headers=headers))
    run_until_quiet(world)
    assert status(world) == ["confirmed"]


@pytest.mark.parametrize(
    "headers", [{"Auto-Submitted": "auto-replied"}, {"Precedence": "auto_reply"}, {"X-Autoreply": "yes"}]
)
def test_an_out_of_office_answer_triggers_nothing(world: Simulated, headers: dict[str, str]) -> None:
    a_monitor(world)
    write(world, a_reply("I am away. Do not unsubscribe me.", headers=headers))
    run_until_quiet(world)
    assert status(world) == ["confirmed"]
    assert logged(world) == []


def test_a_monitor_that_opted_in_sees_auto_replies(world: Simulated) -> None:
    a_monitor(world, ignore_machine_mail=False)
    write(world, a_reply("I left the company, unsubscribe me.", headers={"Auto-Submitted": "auto-replied"}))
    run_until_quiet(world)
    assert status(world) == ["unsubscribed"]


def test_the_first_condition_that_matches_wins(world: Simulated) -> None:
    later = Condition("unsubscribe", MonitorAction.BLACKLIST)
    a_monitor(world, Condition("never here", MonitorAction.DELETE), UNSUBSCRIBE, later)
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert status(world) == ["unsubscribed"]
    assert value(world.database, "select count(*) from blacklist") == 0


def test_case_counts_unless_the_condition_says_otherwise(world: Simulated) -> None:
    a_monitor(world, Condition("STOP", MonitorAction.BLACKLIST, Operator.EQUALS))
    write(world, a_reply("Stop"))
    run_until_quiet(world)
    assert status(world) == ["confirmed"]


def test_everybody_who_watches_a_mailbox_gets_the_mail_that_is_fetched_once(world: Simulated) -> None:
    key = world.a_key(Provider.MICROSOFT)
    world.a_mailbox(address=ANSWERS, key=key, disposal=Disposal.TRASH)
    a_monitor(world, name="operator", key=key)
    a_customer(world.database, "acme")
    stop = Condition("unsubscribe", MonitorAction.UNCONFIRM)
    a_monitor(world, stop, name="acmes", customer="acme", key=key, disposal=Disposal.TRASH.value)
    bounced = world.plant("hard", mailbox=ANSWERS)
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert status(world, bounced.reader) == ["blacklisted"]
    assert status(world) == ["unsubscribed"]
    assert logged(world) == [("operator", "done", "email"), ("acmes", "already", "email")]
    assert value(world.database, "select count(*) from fetched_mail") == 2
    assert [one["mailbox"] for one in world.removals()] == [ANSWERS]  # the bounce; a monitor wants the reply left


def test_a_mail_that_a_monitor_acted_on_is_tidied_away_if_it_says_so(world: Simulated) -> None:
    a_monitor(world, disposal="trash")
    write(world, a_reply("unsubscribe me"))
    write(world, a_reply("What a lovely newsletter."))
    run_until_quiet(world)
    assert len(world.removals(ANSWERS)) == 1
    assert world.unread(Provider.MICROSOFT, ANSWERS) == 1


def test_an_unknown_sender_is_logged_and_the_mail_stays(world: Simulated) -> None:
    a_monitor(world, disposal="trash")
    write(world, a_reply("unsubscribe me", "stranger@example.org"))
    run_until_quiet(world)
    assert logged(world) == [("replies", "no_subscriber", None)]
    assert world.removals() == []


def test_a_dry_run_logs_and_does_nothing(world: Simulated) -> None:
    a_monitor(world, dry_run=True, disposal="trash")
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert (status(world), logged(world)) == (["confirmed"], [("replies", "dry_run", "email")])
    assert world.removals() == []


def test_a_customers_monitor_acts_on_its_own_lists_only_and_the_operators_on_all(world: Simulated) -> None:
    a_subscriber(world.database, "anna@example.net", in_list="theirs", customer="globex")
    a_monitor(world, customer="globex", name="globex")
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert status(world) == ["confirmed", "unsubscribed"]
    a_monitor(world, Condition("bye", MonitorAction.UNSUBSCRIBE), name="operator", key="microsoft-system")
    write(world, a_reply("bye"))
    do(world.database, "update mailboxes set next_poll_at = now(), last_polled_at = null")
    run_until_quiet(world)
    assert status(world) == ["unsubscribed", "unsubscribed"]


@pytest.mark.parametrize("method", ["uid", "uid_or_email"])
def test_the_mail_that_is_answered_tells_who_writes_from_another_address(world: Simulated, method: str) -> None:
    a_sent_mail(world.database, "anna@example.net", message_id="sent-2@news.example.com")
    a_monitor(world, identify_by=method)
    write(
        world,
        a_reply("unsubscribe me", "anna.private@example.org", headers={"References": "<sent-2@news.example.com>"}),
    )
    run_until_quiet(world)
    assert (status(world), logged(world)) == (["unsubscribed"], [("replies", "done", "message_id")])


def test_a_tracking_link_in_the_quoted_text_tells_the_subscriber(world: Simulated) -> None:
    uid = value(world.database, "select uid from subscribers")
    a_monitor(world, identify_by="uid")
    link = f"https://mail.acme.example/index.php/lists/ab12/unsubscribe/{uid}"
    write(world, a_reply(f"unsubscribe me\n\nOn Friday, Acme wrote:\n> Unsubscribe: {link}\n", "other@example.org"))
    run_until_quiet(world)
    assert (status(world), logged(world)) == (["unsubscribed"], [("replies", "done", "tracking_link")])


def test_by_uid_alone_an_address_is_not_enough(world: Simulated) -> None:
    a_monitor(world, identify_by="uid")
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert logged(world) == [("replies", "no_subscriber", None)]


def test_a_plus_address_is_the_same_person_if_the_monitor_says_so(world: Simulated) -> None:
    a_monitor(world, plus_addressing=True)
    write(world, a_reply("unsubscribe me", "Anna+News@Example.net"))
    run_until_quiet(world)
    assert status(world) == ["unsubscribed"]


def test_subject_and_sender_are_fields_too(world: Simulated) -> None:
    a_monitor(world, Condition("anna@*", MonitorAction.UNCONFIRM, Operator.EQUALS, Field.SENDER))
    write(world, a_reply("hello"))
    run_until_quiet(world)
    assert status(world) == ["unconfirmed"]


def test_a_monitor_of_a_list_that_is_gone_does_nothing_and_says_so(world: Simulated) -> None:
    a_list(world.database, "vips")
    move = Condition("unsubscribe", MonitorAction.MOVE_TO_LIST, target="vips")
    a_monitor(world, move, UNSUBSCRIBE, customer="acme")
    do(world.database, "delete from lists where uid = 'vips'")
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert (status(world), logged(world)) == (["confirmed"], [("replies", "invalid", "email")])
    assert value(world.database, "select detail from monitor_log") == "list vips is not there any more"


@pytest.mark.parametrize("provider", list(Provider))
@pytest.mark.parametrize(("junk", "left"), [({}, "confirmed"), ({"read_junk": True}, "unsubscribed")])
def test_junk_is_read_only_if_the_monitor_says_so(
    world: Simulated, provider: Provider, junk: dict[str, bool], left: str
) -> None:
    a_monitor(world, provider=provider, **junk)
    folder = "junkemail" if provider is Provider.MICROSOFT else "SPAM"
    world.control.plant(provider.value, ANSWERS, a_reply("unsubscribe me"), folder=folder)
    run_until_quiet(world)
    assert status(world) == [left]
