"""An upgrade from the last release with mail in every stage: its rows, written here in plain SQL as that release wrote them,
survive the migrations, and the services of now finish what its services began.

The rows are what they are: a change of the code that needs them changed is a change that breaks an upgrade. With each release
FIRST and the rows move on to the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.messaging.memory import MemoryBroker
from shared.storage.database import Database
from shared.storage.migrator import migrate, migration_files
from tests.builders import SEALER, a_dsn, a_human_mail
from tests.integration.shared.storage.looking import rows, value
from tests.pipeline.line import main_line, quiet
from tests.waiting import until

FIRST = "0001_main_line.sql"
TENANT, CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "client-1", "the-secret-of-the-last-release"
BOX = "bounces@news.example.com"
READERS = ("listed", "fetched", "classified", "served", "gone", "early")
FINDING: dict[str, Any] = {
    "bounce_class": "hard",
    "kind": "dsn",
    "rule_set": "rules-1",
    "tier": 2,
    "rule": "dsn.user-unknown",
    "recipients": [
        {
            "address": "reader@example.net",
            "bounce_class": "hard",
            "tier": 2,
            "rule": "dsn.user-unknown",
            "reason": "userunknown",
            "final_address": None,
            "action": "failed",
            "status": "5.1.1",
            "reply": "550",
            "diagnostic": "550 5.1.1 user unknown",
            "remote_mta": None,
        }
    ],
    "references": [{"source": "returned_message_id", "value": "mail-1@news.example.com"}],
    "feedback_type": None,
    "message_id": "report-1@mx.example.net",
    "truncated": False,
    "note": "",
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for this file."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture
def mails(simulator: RunningSimulator) -> dict[str, str]:
    """A mailbox with a report about each reader and one person's mail: name -> lasting id."""
    control = ControlClient(simulator.http_url)
    control.reset()
    control.register_app(TENANT, CLIENT, SECRET)
    control.register_mailbox("microsoft", BOX)
    ids = {}
    for name in (*READERS, "person"):
        before = {one["lasting_id"] for one in control.mails("microsoft", BOX)}
        control.plant("microsoft", BOX, report(name) if name != "person" else a_human_mail())
        [ids[name]] = {one["lasting_id"] for one in control.mails("microsoft", BOX)} - before
    return ids


def report(reader: str) -> bytes:
    """A hard bounce of the mail that was sent to this reader."""
    return a_dsn(f"{reader}@example.net", message_id=f"{reader}@news.example.com", report_id=f"{reader}@mx.example.net")


def last_release(connection: psycopg.Connection[Any], simulator: RunningSimulator, mails: dict[str, str]) -> None:
    """The database as the last release left it when it was stopped in the middle."""
    [text] = [text for name, text in migration_files() if name == FIRST]
    connection.execute(text.encode())
    connection.execute("create table schema_migrations (name text primary key, applied_at timestamptz default now())")
    connection.execute("insert into schema_migrations (name) values (%s)", (FIRST,))
    _owners(connection, simulator.https_url)
    _mailing_list(connection)
    _mail_in_every_stage(connection, mails)
    _messages(connection)


def _owners(connection: psycopg.Connection[Any], url: str) -> None:
    connection.execute("insert into customers (uid, name) values ('acme', 'Acme')")
    connection.execute(
        """
        insert into api_keys (uid, provider, name, tenant_id, client_id, secret_sealed, credential, authority_url, api_url,
                              secret_expires_on)
        values ('system:entra', 'microsoft', 'entra', %s, %s, %s, 'c0ffee', %s, %s, current_date + 200)
        """,
        (TENANT, CLIENT, SEALER.seal(SECRET.encode(), "api_key:system:entra"), url, url),
    )
    connection.execute(
        "insert into key_capabilities (api_key_id, domain, capability, granted, scopes) values (1, 'news.example.com', 'read', true, '.default')"
    )
    connection.execute(
        """
        insert into mailboxes (email, provider, api_key_id, connection, lease_epoch, lease_holder, leased_until, listed_to)
        values (%s, 'microsoft', 1, 'connected', 7, 'gone-host-1', now() - interval '5 s', '{}')
        """,
        (BOX,),
    )
    connection.execute(
        "insert into bounce_servers (uid, mailbox_id, name, poll_seconds) values ('system:Main', 1, 'Main', 60)"
    )
    connection.execute(
        """
        insert into access_tokens (provider, credential, subject, scopes, api_key_id, sealed, expires_at, lease_holder, leased_until)
        values ('microsoft', 'c0ffee', %s, %s, 1, %s, now() - interval '1 minute', 'gone-host-1', now() - interval '1 s')
        """,
        (TENANT, f"{url}/.default", SEALER.seal(b"an-expired-token", "access_token:1")),
    )


def _mailing_list(connection: psycopg.Connection[Any]) -> None:
    connection.execute("insert into lists (uid, customer_id, name) values ('news', 1, 'News')")
    connection.execute("insert into campaigns (uid, customer_id, list_id, name) values ('november', 1, 1, 'November')")
    for number, reader in enumerate((*READERS, "pardoned"), start=1):
        address, status = f"{reader}@example.net", "blacklisted" if reader in ("served", "gone") else "confirmed"
        connection.execute(
            "insert into subscribers (uid, customer_id, list_id, email, status) values (%s, 1, 1, %s, %s)",
            (f"uid-{reader}", address, status),
        )
        if reader == "early":
            continue  # its mail's id became known only after the upgrade
        connection.execute(
            """
            insert into sent_mail (customer_id, campaign_id, list_id, message_id, reference, sent_at)
            values (1, 1, 1, %s, %s, now() - interval '1 day')
            """,
            (f"{reader}@news.example.com", f"ref-{reader}"),
        )
        connection.execute("insert into sent_recipients values (%s, %s, %s)", (min(6, number), address, number))


def _mail_in_every_stage(connection: psycopg.Connection[Any], mails: dict[str, str]) -> None:
    day = datetime.now(UTC).date()
    connection.execute(
        f"create table raw_mail_{day:%Y%m%d} partition of raw_mail for values from ('{day}') to ('{day + timedelta(days=1)}')".encode()
    )
    stages = {"listed": "listed", "fetched": "fetched", "classified": "classified", "served": "served", "gone": "gone", "early": "served"}  # fmt: skip
    for number, (name, stage) in enumerate(stages.items(), start=1):
        connection.execute(
            """
            insert into fetched_mail (mailbox_id, provider_mail_id, folder, received_at, stage, stage_at, correlation_id)
            values (1, %s, 'inbox', now() - interval '1 hour', %s, now() - interval '10 minutes', gen_random_uuid())
            """,
            (mails[name], stage),
        )
        if stage != "listed":
            raw = report(name)
            connection.execute("insert into raw_mail values (%s, %s, %s)", (day, number, SEALER.seal_mail(raw, number)))
            connection.execute("update fetched_mail set raw_on = %s, size = %s where id = %s", (day, len(raw), number))
        if stage in ("classified", "served"):
            connection.execute(
                "update fetched_mail set finding = %s, bounce_class = 'hard', kind = 'dsn', tier = 2, rule_set = 'rules-1' where id = %s",
                (Jsonb(_finding(name)), number),
            )
    connection.execute("update fetched_mail set disposal = 'trash', disposal_due = true where provider_mail_id = %s", (mails["served"],))  # fmt: skip
    for number, name, effect in ((4, "served", "blacklisted"), (6, "early", "unmatched")):
        known = effect != "unmatched"
        connection.execute(
            """
            insert into bounce_log (mail_id, provider, mailbox, provider_mail_id, reported, recipient, bounce_class, tier, rule,
                rule_set, reason, reference_values, sent_mail_id, customer_id, subscriber_id, matched_by, unmatched_reason, effect)
            values (%s, 'microsoft', %s, %s, %s, %s, 'hard', 2, 'dsn.user-unknown', 'rules-1', 'userunknown', %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                number, BOX, mails[name], f"{name}@example.net", f"{name}@example.net", [f"{name}@news.example.com"],
                4 if known else None, 1 if known else None, 4 if known else None,
                "returned_message_id" if known else None, None if known else "unknown_reference", effect,
            ),
        )  # fmt: skip
    connection.execute(
        "insert into blacklist (customer_id, address, source) values (1, 'served@example.net', 'hard_bounce')"
    )


def _finding(name: str) -> dict[str, Any]:
    recipient = {**FINDING["recipients"][0], "address": f"{name}@example.net"}
    reference = {**FINDING["references"][0], "value": f"{name}@news.example.com"}
    return {**FINDING, "recipients": [recipient], "references": [reference], "message_id": f"{name}@mx.example.net"}


def _messages(connection: psycopg.Connection[Any]) -> None:
    envelope = (
        '{"message_id":"6d0dc2a8-6a49-5c5c-bd0c-4f8f3c0d2a11","type":"mail.fetched","version":1,'
        '"occurred_at":"2026-11-21T09:30:00Z","correlation_id":"6b1f2f7e-2a51-4c43-8f7e-5f4f0a6d7c22",'
        '"causation_id":null,"body":{"mail_id":2}}'
    )
    connection.execute(
        "insert into outbox (message_id, type, payload, added_at) values (%s, 'mail.fetched', %s, now() - interval '1 minute')",
        ("6d0dc2a8-6a49-5c5c-bd0c-4f8f3c0d2a11", envelope.encode()),
    )
    connection.execute("insert into inbox (consumer, message_id) values ('actions', gen_random_uuid())")
    connection.execute(
        """
        insert into dead_letters (queue, message_key, type, reason, attempts, payload)
        values ('actions.mail_classified', 'k', 'mail.classified', 'a bug of the last release', 5, '{}')
        """
    )
    connection.execute("insert into heartbeats (service, instance) values ('scheduler', 'gone-host-1')")


@pytest.fixture
def upgraded(simulator: RunningSimulator, mails: dict[str, str], empty_database_url: str) -> Iterator[Database]:
    """The last release's database, migrated to this one."""
    with psycopg.connect(empty_database_url) as connection:
        last_release(connection, simulator, mails)
    with Database(empty_database_url, max_connections=16, name="tests") as database:
        before = _counts(database)
        migrate(database)
        after = _counts(database)
        assert {name: after[name] for name in before if name != "schema_migrations"} == {
            name: count for name, count in before.items() if name != "schema_migrations"
        }
        yield database


def _counts(database: Database) -> dict[str, int]:
    tables = rows(database, "select relname from pg_class where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace")  # fmt: skip
    return {name: value(database, f"select count(*) from {name}") for (name,) in tables}


def test_mail_in_every_stage_is_finished_by_the_services_of_now(
    upgraded: Database, simulator: RunningSimulator, mails: dict[str, str]
) -> None:
    with upgraded.transaction() as connection:
        connection.execute(
            "insert into sent_mail (customer_id, list_id, message_id, reference, sent_at)"
            " values (1, 1, 'early@news.example.com', 'ref-early', now() - interval '1 day')"
        )
        connection.execute("insert into sent_recipients select max(id), 'early@example.net', 6 from sent_mail")

    with main_line(upgraded, MemoryBroker(), simulator.ca_file):
        assert until(lambda: quiet(upgraded) and _early_is_tied(upgraded), 90), rows(
            upgraded, "select id, stage, disposal_due, disposal_note from fetched_mail order by id"
        )

    assert dict(rows(upgraded, "select email, status from subscribers")) == {
        "listed@example.net": "blacklisted",
        "fetched@example.net": "blacklisted",
        "classified@example.net": "blacklisted",
        "served@example.net": "blacklisted",
        "gone@example.net": "blacklisted",
        "early@example.net": "blacklisted",
        "pardoned@example.net": "confirmed",
    }
    assert rows(upgraded, "select count(*), count(distinct (provider_mail_id, reported)) from bounce_log") == [(5, 5)]
    control = ControlClient(simulator.http_url)
    left = {one["lasting_id"] for one in control.mails("microsoft", BOX) if one["unread"]}
    removed = {entry["lasting_id"] for entry in control.removals() if "lasting_id" in entry}
    assert mails["person"] in left - removed
    assert value(upgraded, "select count(*) from fetched_mail where disposal_due") == 0
    assert value(upgraded, "select count(*) from dead_letters where replayed_at is null") == 1


def _early_is_tied(database: Database) -> bool:
    return bool(
        value(database, "select count(*) from bounce_log where effect = 'blacklisted' and recipient like 'early%%'")
    )


def test_a_second_migration_has_nothing_to_do(upgraded: Database) -> None:
    assert migrate(upgraded) == []
