"""`mailbox …`, `poll`, `tokens reset`: each says what it changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.console.handler import polling
from services.console.handler.mailbox_check import check
from shared.contracts.commands import PollMailbox
from shared.domain.errors import CredentialsRejected, Diagnosis, ProviderUnavailable
from shared.domain.mailboxes import Capability, Provider
from shared.messaging.memory import MemoryBroker
from shared.messaging.topology import queue_for
from shared.messaging.unit import UnitFactory
from shared.providers.memory import MemoryProvider
from shared.storage import api_keys, heartbeats, mailbox_orders, mailboxes
from shared.storage.database import Database
from shared.storage.mailboxes import PollEnd
from tests.builders import SEALER, a_bounce_server, a_mailbox
from tests.integration.services.console.running import AskJson, Console, rows

EMAIL = "bounces@news.example.com"
REFUSAL = Diagnosis("AADSTS7000215", "The client secret is wrong.", "Make a new one.")


def test_a_mailbox_is_paused_once_and_resumed_at_once(console: Console, database: Database) -> None:
    a_mailbox(database)

    said = [console("mailbox", verb, f" {EMAIL.upper()}").stdout for verb in ("pause", "pause", "resume", "resume")]

    assert [line.split(": ")[1].strip() for line in said] == [
        "paused.", "was paused already.", "resumed; it is due now.", "was not paused.",
    ]  # fmt: skip
    assert rows(database, "select paused, next_poll_at <= now() from mailboxes") == [(False, True)]


def test_a_dry_run_is_put_on_and_off(console: Console, database: Database) -> None:
    a_mailbox(database)

    console("mailbox", "dry-run", EMAIL)
    during = rows(database, "select dry_run from bounce_servers")
    console("mailbox", "dry-run", EMAIL, "--off")

    assert (during, rows(database, "select dry_run from bounce_servers")) == ([(True,)], [(False,)])


@pytest.mark.parametrize("command", [("mailbox", "pause"), ("mailbox", "check"), ("poll",), ("tokens", "reset")])
def test_an_unknown_mailbox_is_refused(console: Console, command: tuple[str, ...]) -> None:
    result = console(*command, "nobody@example.com")

    assert result.exit_code == 2
    assert result.stderr.startswith("There is no mailbox at nobody@example.com")


def test_a_poll_leaves_it_to_a_living_scheduler(console: Console, database: Database) -> None:
    a_mailbox(database)
    with database.transaction() as connection:
        heartbeats.beat(connection, "scheduler", "s1")
        connection.execute(
            "update mailboxes set next_poll_at = now() + interval '1 h', poll_requested_until = now() + interval '1 h'"
        )

    result = console("poll", EMAIL)

    assert "The scheduler takes it up at its next tick." in result.stdout
    assert rows(database, "select next_poll_at <= now(), poll_requested_until from mailboxes") == [(True, None)]


def test_without_a_scheduler_the_poll_is_published_from_here(database: Database) -> None:
    mailbox_id = a_mailbox(database)
    broker = MemoryBroker()

    ordered = polling.order_polls(UnitFactory(database, broker.publisher()).begin, EMAIL, None)

    assert not ordered.by_scheduler
    [delivery] = broker.subscribe(queue_for(PollMailbox), 10, "test").receive(10, 1.0)
    assert f'"mailbox_id":{mailbox_id}'.encode() in delivery.payload
    assert rows(database, "select poll_requested_until > now() from mailboxes") == [(True,)]


def test_a_poll_tries_a_refused_key_before_its_hour_is_over(console: Console, database: Database) -> None:
    mailbox_id = a_mailbox(database)
    with database.transaction() as connection:
        api_keys.refused(connection, 1, REFUSAL, timedelta(hours=1))

    console("poll", "--all")

    with database.transaction() as connection:
        assert mailboxes.take_lease(connection, mailbox_id, "f", timedelta(minutes=1)) is not None


def test_a_followed_poll_is_told_until_it_is_over(database: Database) -> None:
    mailbox_id = a_mailbox(database)
    ordered = polling.order_polls(UnitFactory(database, MemoryBroker().publisher()).begin, EMAIL, None)

    def let_it_happen(_seconds: float) -> None:
        with database.transaction() as connection:
            epoch = mailboxes.take_lease(connection, mailbox_id, "fetcher-1", timedelta(minutes=1))
            assert epoch is not None
            end = PollEnd(timedelta(minutes=10), {"result": "done", "error": "", "fetched": 3, "seconds": 0.5})
            mailboxes.finish_poll(connection, mailbox_id, epoch, end)

    seen = list(polling.follow(database, ordered, wait_seconds=30, pause=let_it_happen))

    assert [event.text for event in seen] == ["poll ended after 0.5 s, done (3 fetched)", "done"]


def test_a_reset_drops_tokens_and_expired_leases_and_leaves_live_ones(console: Console, database: Database) -> None:
    a_bounce_server(database, "one@example.com", name="one")
    a_bounce_server(database, "two@example.com", name="two")
    with database.transaction() as connection:
        connection.execute(
            "insert into access_tokens (provider, credential, subject, scopes, api_key_id) values ('microsoft', 'c', 't', 's', 1)"
        )
        connection.execute(
            "update mailboxes set lease_holder = 'x', leased_until = now() - interval '1 s' where email like 'one%'"
        )
        connection.execute(
            "update mailboxes set lease_holder = 'y', leased_until = now() + interval '1 h' where email like 'two%'"
        )

    result = console("tokens", "reset")

    assert "1 cached token dropped, 1 expired lease reset." in result.stdout
    assert "1 live lease left alone" in result.stdout
    assert rows(database, "select lease_holder from mailboxes order by email") == [(None,), ("y",)]


@pytest.mark.parametrize("provider", list(Provider))
def test_a_check_stores_the_connection_and_what_the_key_may_do(database: Database, provider: Provider) -> None:
    a_bounce_server(database, provider=provider)
    memory = MemoryProvider(provider)
    memory.plant(EMAIL, b"Subject: x\r\n\r\ny")
    with database.transaction() as connection:
        [link] = mailbox_orders.links(connection, EMAIL)

    checked = check(database, SEALER, memory.records(), link, holder="test")

    assert checked.connection == "connected"
    assert not checked.faulty
    assert rows(database, "select connection, connection_failure from mailboxes") == [("connected", None)]
    assert ("read", True) in rows(database, "select capability, granted from key_capabilities")


def test_a_check_that_is_refused_stores_cause_and_fix(database: Database) -> None:
    a_bounce_server(database)
    memory = MemoryProvider()
    memory.open(EMAIL)
    memory.force("token", CredentialsRejected("refused", REFUSAL), times=9)
    with database.transaction() as connection:
        [link] = mailbox_orders.links(connection, EMAIL)

    checked = check(database, SEALER, memory.records(), link, holder="test")

    assert checked.faulty
    assert [(step.name, step.state.value, step.diagnosis) for step in checked.steps] == [("token", "failed", REFUSAL)]
    assert rows(database, "select connection, connection_failure->>'fix' from mailboxes") == [
        ("not connected", "Make a new one.")
    ]


def test_a_passing_fault_does_not_mark_the_mailbox(database: Database) -> None:
    a_bounce_server(database)
    memory = MemoryProvider()
    memory.open(EMAIL)
    memory.force("token", ProviderUnavailable("503"), times=9)
    with database.transaction() as connection:
        [link] = mailbox_orders.links(connection, EMAIL)

    checked = check(database, SEALER, memory.records(), link, holder="test")

    assert (checked.connection, checked.note[:11]) == ("unknown", "Not decided")
    assert rows(database, "select connection, connection_failure from mailboxes") == [("unknown", None)]


def test_a_key_that_may_only_read_is_connected_and_said_to_work_read_only(database: Database) -> None:
    a_bounce_server(database)
    memory = MemoryProvider()
    memory.plant(EMAIL, b"Subject: x\r\n\r\ny")
    memory.open(EMAIL, granted=frozenset({Capability.READ}))
    with database.transaction() as connection:
        [link] = mailbox_orders.links(connection, EMAIL)

    checked = check(database, SEALER, memory.records(), link, holder="test")

    assert checked.connection == "connected"
    assert checked.note.startswith("Works read-only")
    assert ("modify", False) in rows(database, "select capability, granted from key_capabilities")


def test_keys_are_listed_with_their_users_and_without_secrets(ask: AskJson, database: Database) -> None:
    a_bounce_server(database, EMAIL, name="Main")

    [key] = ask("keys", "list")["keys"]

    assert key["used_by"] == [f"Main ({EMAIL})"]
    assert not any("secret" in str(value) for name, value in key.items() if name != "secret_expires_on")
