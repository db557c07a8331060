"""A paused monitor looks at nothing; when it is resumed, what came meanwhile is read for it, once, and for nobody else again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.domain.access import OPERATOR, Feature
from shared.domain.mailboxes import Provider
from shared.domain.monitors import Condition, MonitorAction
from shared.messaging.memory import MemoryBroker
from shared.storage import mailboxes, owned_servers
from shared.storage.database import Database
from shared.storage.owned_servers import Bulk, Switch
from tests.builders import a_subscriber
from tests.integration.shared.storage.looking import do, rows, value
from tests.monitored import ANSWERS, a_monitor, a_reply, write
from tests.pipeline.line import main_line, quiet
from tests.simulated import Simulated
from tests.waiting import until

UNCONFIRM = Condition("unsubscribe", MonitorAction.UNCONFIRM)


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


def switched(world: Simulated, name: str, how: Switch) -> Bulk:
    """As an operator's command does it."""
    with world.database.transaction() as connection:
        return owned_servers.switch(connection, OPERATOR, Feature.MONITORS, [name], how)


def run_until_quiet(world: Simulated) -> None:
    """The whole line works, each mailbox is polled, until nothing is left to do."""
    do(world.database, "update mailboxes set next_poll_at = now(), last_polled_at = null")
    with main_line(world.database, MemoryBroker(), world.running.ca_file):
        assert until(lambda: quiet(world.database), 30), rows(world.database, "select stage, kind from fetched_mail")


def logged(world: Simulated) -> list[tuple[str, str]]:
    """(monitor, effect) of each row of the log."""
    return rows(world.database, "select monitor_name, effect from monitor_log order by id")


@pytest.mark.parametrize("provider", list(Provider))
def test_mail_that_anothers_poll_took_meanwhile_is_read_for_the_resumed_monitor_alone(
    world: Simulated, provider: Provider
) -> None:
    key = world.a_key(provider)
    a_monitor(world, name="awake", provider=provider, key=key)
    a_monitor(world, UNCONFIRM, name="asleep", provider=provider, key=key)
    assert switched(world, "asleep", Switch.PAUSE).done == ("asleep",)
    write(world, a_reply("unsubscribe me"), provider=provider)
    write(world, a_reply("Lovely chairs."), provider=provider)
    run_until_quiet(world)
    assert logged(world) == [("awake", "done")]
    # What the others would make of it now does not matter: they have had it.
    do(world.database, "update monitor_conditions set value = 'Lovely' where value = 'unsubscribe me'")
    do(world.database, "update subscribers set status = 'confirmed'")

    assert switched(world, "asleep", Switch.RESUME).again == 2
    run_until_quiet(world)

    assert logged(world) == [("awake", "done"), ("asleep", "done")]
    assert value(world.database, "select status from subscribers") == "unconfirmed"
    assert rows(world.database, "select distinct stage, again_for from fetched_mail") == [("served", None)]
    assert world.unread(provider, ANSWERS) == 2


def test_mail_that_nobody_fetched_meanwhile_waits_in_the_mailbox(world: Simulated) -> None:
    a_monitor(world)
    switched(world, "replies", Switch.PAUSE)
    write(world, a_reply("unsubscribe me"))
    do(world.database, "update mailboxes set next_poll_at = now()")
    with world.database.transaction() as connection:
        assert mailboxes.claim_due(connection, 10, timedelta(seconds=1)) == []  # nobody looks into it
    assert switched(world, "replies", Switch.RESUME).again == 0
    run_until_quiet(world)
    assert logged(world) == [("replies", "done")]


@pytest.mark.parametrize(
    "statement",
    [
        "update fetched_mail set served_at = now() - interval '31 days'",  # the bound
        "update monitors set paused_at = now() + interval '1 s' where name = 'asleep'",  # it was served before the pause
        "update fetched_mail set bounce_class = 'hard'",
        "update fetched_mail set kind = 'unreadable'",
    ],
)
def test_what_is_too_old_was_had_or_is_a_report_is_not_read_again(world: Simulated, statement: str) -> None:
    key = world.a_key(Provider.MICROSOFT)
    a_monitor(world, name="awake", key=key)
    a_monitor(world, name="asleep", key=key)
    switched(world, "asleep", Switch.PAUSE)
    do(world.database, "update monitors set paused_at = now() - interval '60 days' where name = 'asleep'")
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    do(world.database, statement)
    assert switched(world, "asleep", Switch.RESUME).again == 0
    assert rows(world.database, "select stage, again_for from fetched_mail") == [("served", None)]


def test_one_that_was_disabled_instead_has_no_claim_to_what_came(world: Simulated) -> None:
    key = world.a_key(Provider.MICROSOFT)
    a_monitor(world, name="awake", key=key)
    a_monitor(world, name="asleep", key=key)
    switched(world, "asleep", Switch.PAUSE)
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    switched(world, "asleep", Switch.DISABLE)
    assert switched(world, "asleep", Switch.RESUME).unchanged == ("asleep",)
    assert switched(world, "asleep", Switch.ENABLE).again == 0


def test_two_that_are_resumed_one_after_the_other_both_get_the_mail(world: Simulated) -> None:
    key = world.a_key(Provider.MICROSOFT)
    a_monitor(world, name="awake", key=key)
    for name in ("first", "second"):
        a_monitor(world, name=name, key=key)
        switched(world, name, Switch.PAUSE)
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    assert [switched(world, name, Switch.RESUME).again for name in ("first", "second")] == [1, 1]
    run_until_quiet(world)
    assert logged(world) == [("awake", "done"), ("first", "already"), ("second", "already")]


def test_the_stored_copy_of_a_mail_that_is_gone_from_the_mailbox_stays(world: Simulated) -> None:
    key = world.a_key(Provider.MICROSOFT)
    a_monitor(world, name="awake", key=key, disposal="delete")
    a_monitor(world, name="asleep", key=key)
    switched(world, "asleep", Switch.PAUSE)
    write(world, a_reply("unsubscribe me"))
    run_until_quiet(world)
    do(world.database, "update mailboxes set next_poll_at = now(), last_polled_at = null")
    run_until_quiet(world)  # it is deleted
    assert switched(world, "asleep", Switch.RESUME).again == 1
    run_until_quiet(world)
    assert rows(
        world.database, "select f.stage, r.mail_id is not null from fetched_mail f join raw_mail r on r.mail_id = f.id"
    ) == [("gone", True)]
    assert logged(world) == [("awake", "done")]
