"""Separate processes on real RabbitMQ and PostgreSQL: nothing is lost and nothing is doubled, whoever dies in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.domain.mailboxes import Provider
from shared.storage.database import Database
from shared.storage.migrator import migrate
from tests.integration.shared.storage.looking import do, rows, value
from tests.servers.rabbitmq import RabbitMQ
from tests.simulated import Planted, Simulated
from tests.system.processes import SERVICES, Processes, running
from tests.waiting import until

pytestmark = pytest.mark.system

MAILS = 24
# For a test, time passes by turning the clock of the rows: a dead process's lease and a lost message's mark run out.
TIME_PASSES = """
    update mailboxes
    set leased_until = case when leased_until is not null then now() end, poll_requested_until = now()
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """The simulator, in a process of its own."""
    started = start(SimulatorSettings(own_process=True))
    yield started
    started.stop()


@pytest.fixture
def world(simulator: RunningSimulator, empty_database_url: str) -> Iterator[Simulated]:
    """An empty world beside a database of this test alone: processes that are killed leave their transactions there."""
    with Database(empty_database_url, name="tests") as database:
        migrate(database)
        yield Simulated(simulator, database)


def served(world: Simulated) -> int:
    """Mails whose consequence is committed."""
    return int(value(world.database, "select count(*) from fetched_mail where stage = 'served'"))


def tidied(world: Simulated) -> int:
    """Mails that are tidied away."""
    return int(value(world.database, "select count(*) from fetched_mail where disposed_at is not null"))


def poll_now(world: Simulated) -> None:
    """A person asks for a poll: disposals need not wait for their minute."""
    do(
        world.database,
        "update mailboxes set next_poll_at = now() where leased_until is null",
    )


def finish(world: Simulated, processes: Processes, mails: int) -> None:
    """Waits until every mail is served and tidied."""

    def done() -> bool:
        if served(world) >= mails:
            poll_now(world)
        return tidied(world) >= mails

    came = until(done, 40)
    stages = rows(world.database, "select stage, disposal_due, count(*) from fetched_mail group by 1, 2")
    assert came, f"{stages}\n{processes.logs()}"


def nothing_lost_nothing_doubled(world: Simulated, planted: list[Planted]) -> None:
    """Each planted bounce: one log row, one entry, one change, one removal; and no dead letter."""
    readers = sorted(mail.reader for mail in planted)
    database = world.database
    assert sorted(row[0] for row in rows(database, "select recipient from bounce_log")) == readers
    assert sorted(row[0] for row in rows(database, "select address from blacklist")) == readers
    assert value(database, "select count(*) from subscriber_changes") == len(readers)
    assert value(database, "select count(*) from subscribers where status = 'blacklisted'") == len(readers)
    removed = Counter(one["lasting_id"] for one in world.removals())
    assert len(removed) == len(readers)
    assert set(removed.values()) == {1}
    assert value(database, "select count(*) from dead_letters") == 0
    assert value(database, "select count(*) from raw_mail") == len(readers)


def test_planted_mail_of_both_providers_is_processed(world: Simulated, own_rabbitmq_url: str) -> None:
    planted = []
    for provider in Provider:
        address = f"{provider.value}@news.example.com"
        world.a_mailbox(provider, address)
        planted += [world.plant("hard", provider, address) for _ in range(6)]
        world.plant("human", provider, address)
    with running(world.database, own_rabbitmq_url, world.running.ca_file) as processes:
        finish(world, processes, len(planted))
        assert until(lambda: served(world) == len(planted) + 2)
    nothing_lost_nothing_doubled(world, planted)
    assert value(world.database, "select count(*) from heartbeats") == 0


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "token_refresher"])
def test_a_service_that_is_killed_in_the_middle_and_started_again_loses_and_doubles_nothing(
    world: Simulated, own_rabbitmq_url: str, name: str
) -> None:
    world.control.set_latency(40)
    world.a_mailbox()
    planted = [world.plant("hard") for _ in range(MAILS)]
    with running(world.database, own_rabbitmq_url, world.running.ca_file) as processes:
        in_the_middle = "select count(*) from fetched_mail where stage <> 'listed'"
        assert until(lambda: value(world.database, in_the_middle) >= 6), processes.logs()
        processes.kill(name)
        assert value(world.database, "select count(*) from fetched_mail where stage = 'served'") < MAILS
        do(world.database, TIME_PASSES if name == "fetcher" else "select 1")
        processes.start(name)
        finish(world, processes, MAILS)
    nothing_lost_nothing_doubled(world, planted)


def test_a_token_refresher_that_is_killed_in_the_middle_loses_nothing(world: Simulated, own_rabbitmq_url: str) -> None:
    world.a_mailbox()
    planted = [world.plant("hard") for _ in range(MAILS)]
    with running(world.database, own_rabbitmq_url, world.running.ca_file) as processes:
        assert until(lambda: served(world) >= 1), processes.logs()
        do(world.database, "update mailboxes set paused = true")  # or a poll would refresh the token by itself
        assert until(lambda: value(world.database, "select leased_until from mailboxes") is None), processes.logs()
        world.control.force("slow:3", match={"operation": "token"})  # so that it is killed while it waits for Microsoft
        do(world.database, "update access_tokens set expires_at = now() + interval '9 minutes', sealed = sealed")
        processes.kill("scheduler")
        processes.start("scheduler")  # its jobs run at once: it asks for the refresh
        leased = "select lease_holder from access_tokens"
        assert until(lambda: value(world.database, leased) is not None, 40), processes.logs()
        processes.kill("token_refresher")
        world.control.clear_faults()
        do(world.database, "update access_tokens set leased_until = now(), refresh_requested_until = now()")
        processes.start("token_refresher")
        fresh = "select expires_at > now() + interval '50 minutes' from access_tokens"
        assert until(lambda: value(world.database, fresh), 20), processes.logs()
        do(world.database, "update mailboxes set paused = false")
        finish(world, processes, MAILS)
    nothing_lost_nothing_doubled(world, planted)


def test_a_broker_that_loses_everything_in_the_middle_costs_time_and_nothing_else(
    world: Simulated, rabbitmq: RabbitMQ
) -> None:
    world.control.set_latency(40)
    world.a_mailbox()
    planted = [world.plant("hard") for _ in range(MAILS)]
    with running(world.database, rabbitmq.url, world.running.ca_file) as processes:
        assert until(lambda: value(world.database, "select count(*) from fetched_mail where stage <> 'listed'") >= 6)
        processes.kill("classifier")  # so that messages wait in a queue when it is wiped
        rabbitmq.reset()
        do(world.database, TIME_PASSES)
        processes.start("classifier")
        finish(world, processes, MAILS)
    nothing_lost_nothing_doubled(world, planted)
