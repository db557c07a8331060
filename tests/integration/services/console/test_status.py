"""`status`: where everything stands, what is wrong first."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from shared.domain.errors import Diagnosis
from shared.domain.mailboxes import Disposal
from shared.domain.monitors import Condition, MonitorAction
from shared.storage import api_keys, dead_letters, heartbeats, mailboxes
from shared.storage.database import Database
from shared.storage.dead_letters import Parked
from tests.builders import a_bounce_server, a_fetched_mail, a_list, a_listed_mail, a_served_mail
from tests.integration.services.console.answering import a_stored_monitor
from tests.integration.services.console.running import AskJson, Console
from tests.integration.shared.storage.looking import do

STOP = Condition("stop", MonitorAction.UNSUBSCRIBE)
SERVICES = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender")


def codes(ask: AskJson) -> list[str]:
    return [reason["code"] for reason in ask("status")["reasons"]]


@pytest.fixture
def running(database: Database) -> None:
    """Every service of the pipeline has just been heard of."""
    with database.transaction() as connection:
        for service in SERVICES:
            heartbeats.beat(connection, service, f"{service}-1")


def test_an_absent_scheduler_is_the_first_thing_said(console: Console, database: Database) -> None:
    a_bounce_server(database)

    result = console("status")

    assert result.exit_code == 1
    assert result.stdout.startswith("✗ The scheduler service is not running (never seen): no mailbox is polled")


@pytest.mark.usefixtures("running")
def test_a_working_installation_is_well(console: Console, database: Database) -> None:
    a_bounce_server(database)

    result = console("status")

    assert result.exit_code == 0
    assert result.stdout.startswith("✓ All is well.")


@pytest.mark.usefixtures("running")
def test_a_scheduler_that_fell_silent_is_absent(ask: AskJson, database: Database) -> None:
    a_bounce_server(database)
    with database.transaction() as connection:
        connection.execute("update heartbeats set beat_at = now() - interval '3 minutes' where service = 'scheduler'")

    [reason] = ask("status")["reasons"]

    assert reason["text"].startswith("The scheduler service is not running (last seen 3 min ago)")


@pytest.mark.usefixtures("running")
def test_an_installation_without_servers_says_that_there_is_nothing_to_do(console: Console) -> None:
    result = console("status")

    assert result.exit_code == 0
    assert result.stdout.startswith("· Nothing to do: there is no server yet.")


@pytest.mark.usefixtures("running")
def test_a_refused_key_is_told_with_cause_and_fix_and_code(console: Console, database: Database) -> None:
    a_bounce_server(database)
    with database.transaction() as connection:
        refusal = Diagnosis(
            "AADSTS7000215", "The client secret is wrong or has expired.", "Make a new one and apply it."
        )
        api_keys.refused(connection, 1, refusal, timedelta(hours=1))

    result = console("status")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == (
        "✗ Key key (system) is refused: The client secret is wrong or has expired [AADSTS7000215]. Make a new one and apply it."
    )


@pytest.mark.usefixtures("running")
def test_a_mailbox_under_a_live_lease_is_cron_running_and_under_an_expired_one_is_not(
    ask: AskJson, database: Database
) -> None:
    mailbox_id = a_bounce_server(database)
    with database.transaction() as connection:
        mailboxes.take_lease(connection, mailbox_id, "fetcher-1", timedelta(minutes=1))
    during = ask("status")["mailboxes"][0]
    with database.transaction() as connection:
        connection.execute("update mailboxes set leased_until = now() - interval '1 second'")
    after = ask("status")["mailboxes"][0]

    assert (during["state"], during["lease_holder"]) == ("cron-running", "fetcher-1")
    assert (after["state"], after["lease_holder"]) == ("active", None)


@pytest.mark.usefixtures("running")
def test_the_backlog_is_counted_by_stage(ask: AskJson, database: Database) -> None:
    mailbox_id = a_bounce_server(database)
    a_listed_mail(database, mailbox_id, "m1")
    a_listed_mail(database, mailbox_id, "m2")
    a_fetched_mail(database, mailbox_id, provider_mail_id="m3")
    a_served_mail(database, mailbox_id, "m4", disposal=Disposal.TRASH)

    box = ask("status")["mailboxes"][0]

    assert [box[name] for name in ("listed", "fetched", "classified", "waiting_disposals")] == [2, 1, 0, 1]


@pytest.mark.usefixtures("running")
def test_switches_limits_of_secrets_and_dead_letters_are_told(ask: AskJson, database: Database) -> None:
    a_bounce_server(database)
    with database.transaction() as connection:
        connection.execute(
            "update settings set value = 'false' where key in ('extension_enabled', 'microsoft_enabled')"
        )
        connection.execute("update api_keys set secret_expires_on = %s", (date.today() + timedelta(days=10),))
        dead_letters.park(
            connection, [Parked("actions.mail_classified", "k", None, "mail.classified", "r", 1, b"{}", {})]
        )

    assert codes(ask) == ["extension_disabled", "microsoft_disabled", "secret_expires", "dead_letters"]


@pytest.mark.usefixtures("running")
def test_a_broker_that_is_down_is_told_and_the_rest_is_shown(
    ask: AskJson, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_bounce_server(database)
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:1//")

    found = ask("status")

    assert [reason["code"] for reason in found["reasons"]] == ["broker_down"]
    assert found["queues"] is None
    assert len(found["mailboxes"]) == 1


def test_a_database_that_is_down_is_one_clear_line(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APICONNECT_DATABASE_URL", "postgresql://nobody:hush@127.0.0.1:1/none?connect_timeout=1")

    result = console("status")

    assert result.exit_code == 1
    assert result.stderr.startswith("PostgreSQL does not answer")
    assert "hush" not in result.stderr


def test_an_empty_database_asks_for_migrate(
    console: Console, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICONNECT_DATABASE_URL", empty_database_url)

    before = console("status")
    migrated = console("migrate")
    again = console("migrate")

    assert (before.exit_code, "run apiconnect migrate first" in before.stderr) == (1, True)
    assert "applied 0001_main_line.sql" in migrated.stdout
    assert "Nothing to do" in again.stdout


@pytest.mark.usefixtures("running")
def test_a_mailbox_that_only_a_monitor_watches_is_active(ask: AskJson, console: Console, database: Database) -> None:
    a_stored_monitor(database, STOP)
    a_stored_monitor(database, STOP, name="second", dry_run=True)
    found = ask("status")
    assert [box["state"] for box in found["mailboxes"]] == ["active"]
    assert (found["reasons"], found["monitors"]["active"], found["monitors"]["dry_run"]) == ([], 2, 1)
    assert "2 active, 1 in dry run" in console("status").stdout


@pytest.mark.usefixtures("running")
def test_a_monitor_that_waits_for_a_check_is_said_with_what_to_do(ask: AskJson, database: Database) -> None:
    a_bounce_server(database)
    a_stored_monitor(database, STOP)
    do(database, "update monitors set status = 'inactive', inactive_reason = '{}'")
    found = ask("status")
    [reason] = [one for one in found["reasons"] if one["code"] == "waits_for_check"]
    assert "replies (answers@news.example.com) is inactive until a check passes" in reason["text"]
    assert "apiconnect mailbox check answers@news.example.com" in reason["fix"]
    assert found["monitors"]["waiting"] == 1


@pytest.mark.usefixtures("running")
def test_a_condition_whose_target_is_gone_is_visible_with_what_to_do(
    ask: AskJson, console: Console, database: Database
) -> None:
    a_list(database, "vips")
    a_stored_monitor(database, Condition("vip", MonitorAction.MOVE_TO_LIST, target="vips"), customer="acme")
    assert codes(ask) == []
    do(database, "delete from lists")
    [reason] = ask("status")["reasons"]
    assert reason["text"].startswith(
        "Condition 1 of monitor replies (acme) is invalid: list vips is not there any more."
    )
    assert "apiconnect monitors show m-replies" in reason["fix"]
    assert "1 with an invalid condition" in console("status").stdout
