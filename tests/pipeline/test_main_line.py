"""A bounce in a mailbox ends as a blacklisted subscriber: the real clients, msal and google-auth against the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.domain.mailboxes import Disposal, Provider
from shared.messaging.memory import MemoryBroker
from shared.storage.database import Database
from tests.integration.shared.storage.looking import do, rows, value
from tests.pipeline.line import main_line, quiet
from tests.simulated import Planted, Simulated
from tests.waiting import until

BOX = "bounces@news.example.com"
EXPECTED = {  # kind -> (class, effect, status of the subscriber, tidied away)
    "hard": ("hard", "blacklisted", "blacklisted", True),
    "full_mailbox": ("soft", "logged", "confirmed", True),
    "policy_block": ("internal", "logged", "confirmed", True),
    "delay": ("soft", "logged", "confirmed", True),
    "complaint": ("feedback_loop", "unsubscribed", "unsubscribed", True),
    "redacted_complaint": ("feedback_loop", "unsubscribed", "unsubscribed", True),
    "forged_report": ("hard", "unmatched", "confirmed", True),
    "auto_reply": ("none", None, "confirmed", False),
    "human": ("none", None, "confirmed", False),
    "forwarded_report": ("none", None, "confirmed", False),
    "broken_mime": ("none", None, "confirmed", False),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for this file; each test begins with an empty world."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture
def world(simulator: RunningSimulator, database: Database) -> Simulated:
    """An empty world."""
    return Simulated(simulator, database)


def run_until_quiet(world: Simulated, at_most_seconds: float = 60) -> None:
    """The whole line works until nothing is left to do."""
    with main_line(world.database, MemoryBroker(), world.running.ca_file):
        assert until(lambda: quiet(world.database), at_most_seconds), rows(
            world.database, "select stage, disposal_due, disposal_note, count(*) from fetched_mail group by 1, 2, 3"
        )


def came_of(world: Simulated, mail: Planted) -> tuple[str, str | None, str]:
    """(class, effect, status of the subscriber)."""
    found = rows(
        world.database,
        "select b.bounce_class, b.effect from bounce_log b where %s = any(b.reference_values) or b.recipient = %s",
        mail.message_id,
        "victim@example.net" if mail.kind == "forged_report" else mail.reader,
    )
    bounce_class, effect = found[0] if found else ("none", None)
    assert len(found) <= 1
    return bounce_class, effect, value(world.database, "select status from subscribers where email = %s", mail.reader)


@pytest.mark.parametrize("provider", list(Provider))
def test_one_mail_of_each_kind_has_what_should_follow(world: Simulated, provider: Provider) -> None:
    world.a_mailbox(provider)
    planted = [
        world.plant(kind, provider, folder="junkemail" if kind == "policy_block" else "inbox") for kind in EXPECTED
    ]
    run_until_quiet(world)
    assert {mail.kind: came_of(world, mail) for mail in planted} == {
        kind: expected[:3] for kind, expected in EXPECTED.items()
    }
    tidied = sum(expected[3] for expected in EXPECTED.values())
    assert len(world.removals(BOX)) == tidied
    assert world.unread(provider, BOX) == len(EXPECTED) - tidied
    assert value(world.database, "select count(*) from raw_mail") < len(EXPECTED)  # no person's mail is kept
    assert value(world.database, "select connection from mailboxes") == "connected"


def test_a_report_about_several_recipients_acts_on_those_that_failed(world: Simulated) -> None:
    world.a_mailbox()
    others = ("a@example.net", "b@example.net", "c@example.net")
    mail = world.plant("multi_recipient", others=others)
    run_until_quiet(world)
    found = dict(rows(world.database, "select email, status from subscribers"))
    assert found == {
        mail.reader: "blacklisted", "a@example.net": "blacklisted", "b@example.net": "blacklisted",
        "c@example.net": "confirmed",
    }  # fmt: skip
    assert value(world.database, "select count(*) from bounce_log") == 3


@pytest.mark.parametrize(("provider", "disposal"), [
    (Provider.MICROSOFT, Disposal.DELETE), (Provider.GOOGLE, Disposal.DELETE),
    (Provider.MICROSOFT, Disposal.MOVE), (Provider.GOOGLE, Disposal.MOVE),
    (Provider.MICROSOFT, Disposal.MARK_READ), (Provider.GOOGLE, Disposal.MARK_READ),
])  # fmt: skip
def test_each_disposal_leaves_the_mailbox_as_the_server_wants_it(
    world: Simulated, provider: Provider, disposal: Disposal
) -> None:
    world.a_mailbox(provider, disposal=disposal, move_to="Bounces" if disposal is Disposal.MOVE else None)
    world.plant("hard", provider)
    run_until_quiet(world)
    mails = world.control.mails(provider.value, BOX)
    assert len(mails) == (0 if disposal is Disposal.DELETE else 1)
    if disposal is Disposal.MARK_READ:
        assert not mails[0]["unread"]
    assert world.unread(provider, BOX) == 0


def test_two_customers_with_keys_of_their_own_share_a_mailbox_and_each_has_its_own_effects(world: Simulated) -> None:
    for customer in ("acme", "globex"):
        key = world.a_key(Provider.MICROSOFT, customer=customer)
        world.a_mailbox(key=key, customer=customer)
    planted = {customer: world.plant("hard", customer=customer) for customer in ("acme", "globex")}
    run_until_quiet(world)
    assert value(world.database, "select count(*) from bounce_log") == 2
    assert {came_of(world, mail)[2] for mail in planted.values()} == {"blacklisted"}
    owners = rows(
        world.database, "select c.uid, b.address from blacklist b join customers c on c.id = b.customer_id order by 1"
    )
    assert owners == [(customer, mail.reader) for customer, mail in planted.items()]
    assert world.unread(Provider.MICROSOFT, BOX) == 0


@pytest.mark.parametrize(
    ("provider", "granted", "missing"),
    [
        (Provider.MICROSOFT, "Mail.Read", "Mail.ReadWrite"),
        (Provider.GOOGLE, "https://www.googleapis.com/auth/gmail.readonly", "auth/gmail.modify"),
    ],
)
def test_a_key_that_may_only_read_works_by_its_ledger_and_says_what_is_missing(
    world: Simulated, provider: Provider, granted: str, missing: str
) -> None:
    world.a_mailbox(provider, key=world.a_key(provider, roles=[granted]))
    mail = world.plant("hard", provider)
    run_until_quiet(world)
    assert came_of(world, mail) == ("hard", "blacklisted", "blacklisted")
    assert world.removals(BOX) == []
    assert missing in value(world.database, "select disposal_note from fetched_mail")
    assert value(world.database, "select failure from api_keys") is None


def test_a_throttle_and_a_failing_server_only_cost_time(world: Simulated) -> None:
    world.a_mailbox()
    planted = [world.plant("hard") for _ in range(3)]
    world.control.force(429, times=1, retry_after=1)
    world.control.force(503, times=1)

    def all_tidied() -> bool:
        # Each pause is cut short: what is tested is that it ends well, not how long it is.
        do(
            world.database,
            "update mailboxes set next_poll_at = now() where leased_until is null",
        )
        return bool(value(world.database, "select count(*) = 3 from fetched_mail where disposed_at is not null"))

    with main_line(world.database, MemoryBroker(), world.running.ca_file):
        assert until(all_tidied, 60)
    assert [came_of(world, mail)[2] for mail in planted] == ["blacklisted"] * 3
    assert value(world.database, "select failure from api_keys") is None
    assert value(world.database, "select connection from mailboxes") == "connected"
