"""`apply` for sending: delivery servers and campaign groups, by the same rules as all that a document holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from shared.storage.database import Database
from tests.integration.services.console.running import Console, changed, rows

SENDING = """
delivery_servers:
  - name: Main
    customer: acme
    provider: microsoft
    email: news@acme.example
    key: entra
    from_name: Acme News
    reply_to: answers@acme.example
    hourly_quota: 100
    daily_quota: 0
    warm_up: [{from_day: 1, daily: 50}, {from_day: 8, daily: 400}]
"""
GROUPS = "campaign_groups:\n  - {uid: seasons, customer: acme, name: Seasons}\ncampaigns:"


@pytest.fixture
def sending(installation: Path) -> Path:
    """The document, with a delivery server and a campaign group."""
    changed(installation, "campaigns:", GROUPS)
    installation.write_text(installation.read_text() + SENDING)
    return installation


def test_a_delivery_server_is_stored_with_its_limits_and_a_second_run_has_nothing_to_do(
    console: Console, database: Database, sending: Path
) -> None:
    assert console("apply", "--no-check", sending).exit_code == 0
    assert console("apply", "--no-check", sending).stdout.splitlines()[-1].startswith("✓ Nothing to do")

    found = rows(
        database,
        "select m.email, k.name, s.from_name, s.reply_to, s.hourly_quota, s.daily_quota, s.monthly_quota, s.warm_up"
        " from delivery_servers s join mailboxes m on m.id = s.mailbox_id join api_keys k on k.id = m.api_key_id",
    )
    plan = [[1, 50], [8, 400]]
    assert found == [("news@acme.example", "entra", "Acme News", "answers@acme.example", 100, None, None, plan)]


def test_a_warm_up_plan_begins_when_it_is_first_asked_for_and_a_new_plan_begins_anew(
    console: Console, database: Database, sending: Path
) -> None:
    console("apply", "--no-check", sending)
    with database.transaction() as connection:
        connection.execute("update delivery_servers set warm_up_from = '2026-01-02'")
    console("apply", "--no-check", sending)
    assert rows(database, "select warm_up_from from delivery_servers") == [(date(2026, 1, 2),)]

    console("apply", "--no-check", changed(sending, "daily: 400", "daily: 300"))
    assert rows(database, "select warm_up_from > '2026-01-02' from delivery_servers") == [(True,)]


def test_a_delivery_server_and_a_bounce_server_of_one_owner_share_the_mailbox_and_its_key(
    console: Console, database: Database, sending: Path
) -> None:
    console("apply", "--no-check", changed(sending, "news@acme.example", "bounces@acme.example"))
    assert rows(database, "select count(*) from mailboxes") == [(1,)]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("hourly_quota: 100", "hourly_quota: -1", "hourly_quota: is not a quota; write a whole number above 0, or 0 for no limit"),
        ("from_day: 8", "from_day: 1", "warm_up: its days are not in order"),
        ("from_name: Acme News", 'from_name: "Acme\\nNews"', "from_name"),
        ("reply_to: answers@acme.example", "reply_to: answers", "reply_to: is not an e-mail address"),
        ("email: news@acme.example", "email: news@acme.example\n    key: nobody", "key"),
        ("hourly_quota: 100", "hourly_quota: 100\n    mode: xml", "mode"),
        ("hourly_quota: 100", "hourly_quota: 100\n    smtp_host: mail.acme.example", "smtp_host"),
    ],
)  # fmt: skip
def test_what_is_no_delivery_server_is_refused_where_it_stands(
    console: Console, database: Database, sending: Path, before: str, after: str, fault: str
) -> None:
    result = console("apply", "--no-check", changed(sending, before, after))
    assert result.exit_code == 2
    assert fault in result.stderr
    assert rows(database, "select 1 from customers") == []


def test_another_customers_key_can_not_be_used_for_sending(console: Console, sending: Path) -> None:
    changed(
        sending,
        "customer: acme\n    provider: microsoft\n    email: news",
        "customer: globex\n    provider: microsoft\n    email: news",
    )
    result = console("apply", "--no-check", sending)
    assert (
        "delivery_servers[0].key: belongs to customer acme; this server may use globex's keys and system keys"
        in result.stderr
    )


def test_a_campaign_group_is_its_customers_own(console: Console, database: Database, sending: Path) -> None:
    changed(sending, "customer: acme, list: news", "customer: acme, list: news, campaign_group: seasons")
    assert console("apply", "--no-check", sending).exit_code == 0
    assert rows(database, "select g.uid from campaigns c join campaign_groups g on g.id = c.group_id") == [("seasons",)]

    result = console(
        "apply", "--no-check", changed(sending, "uid: seasons, customer: acme", "uid: seasons, customer: globex")
    )
    assert "campaign_groups[0].customer: this campaign group belongs to acme, and can't change hands" in result.stderr


def test_a_delivery_server_that_has_sent_is_kept_by_prune(console: Console, database: Database, sending: Path) -> None:
    console("apply", "--no-check", sending)
    with database.transaction() as connection:
        connection.execute(
            """
            insert into sends (uid, customer_id, idempotency_key, request_hash, correlation_id, server_id, recipients,
                               message_id, reference)
            select gen_random_uuid(), c.id, 'k', '', gen_random_uuid(), s.id, 1, 'm', 'r'
            from customers c, delivery_servers s where c.uid = 'acme'
            """
        )
    sending.write_text(sending.read_text().replace(SENDING, "\ndelivery_servers: []\n"))
    result = console("apply", "--no-check", "--prune", sending)
    assert "has 1 sends; set it inactive" in result.stderr
    assert rows(database, "select count(*) from delivery_servers") == [(1,)]
