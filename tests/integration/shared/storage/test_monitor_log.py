"""The monitors' log: each row keeps whose monitor wrote it, for ever; rows from before that are given their owner."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from shared.domain.monitors import Condition, MonitorAction, MonitorFinding, ReplyFinding, Verdict
from shared.storage.database import Database
from shared.storage.migrator import migrate, migration_files
from tests.builders import READER, a_classified_mail, a_human_finding, a_subscriber
from tests.integration.services.console.answering import a_stored_monitor
from tests.integration.services.console.running import act_on
from tests.integration.shared.storage.looking import rows

OWNERS = "0012_monitor_log_owner.sql"


def test_monitors_of_one_name_and_several_owners_each_act_on_the_mail_of_a_mailbox_that_they_share(
    database: Database,
) -> None:
    subscriber = a_subscriber(database, status="unconfirmed")
    conditions = [Condition("stop", MonitorAction.UNSUBSCRIBE), Condition("stop", MonitorAction.BLACKLIST)]
    ids = [a_stored_monitor(database, conditions[0], name="replies")]
    ids.append(a_stored_monitor(database, conditions[1], name="other", customer="acme"))
    with database.transaction() as connection:
        connection.execute("update monitors set name = 'replies'")
    found = [MonitorFinding(one, Verdict.MATCHED, 1, cond, "stop") for one, cond in zip(ids, conditions, strict=True)]
    finding = replace(a_human_finding(), reply=ReplyFinding(READER, (), tuple(found)))
    [(mailbox_id,)] = rows(database, "select id from mailboxes")

    act_on(database, a_classified_mail(database, mailbox_id, finding, "reply"))

    shown = "select o.uid, g.effect, g.subscriber_id from monitor_log g left join customers o on o.id = owner_id order by g.id"
    assert rows(database, shown) == [(None, "done", subscriber), ("acme", "done", subscriber)]
    assert rows(database, "select status from subscribers") == [("blacklisted",)]


BEFORE = """
    insert into customers (uid, name) values ('acme', 'Acme'), ('globex', 'Globex');
    insert into api_keys (uid, provider, name, tenant_id, client_id, secret_sealed, credential, authority_url, api_url)
        values ('entra', 'microsoft', 'entra', gen_random_uuid(), 'client', 'x', 'c0ffee', 'https://a', 'https://b');
    insert into mailboxes (email, provider, api_key_id) values ('replies@acme.example', 'microsoft', 1);
    insert into fetched_mail (mailbox_id, provider_mail_id, folder, stage, correlation_id)
        values (1, 'one', 'inbox', 'served', gen_random_uuid());
    insert into monitors (uid, customer_id, mailbox_id, name)
        values ('system', null, 1, 'system'), ('own', 1, 1, 'own'), ('changed', 2, 1, 'changed');
    insert into monitor_log (mail_id, monitor_id, monitor_name, customer_id, sender, condition, effect) values
        (1, 1, 'system', 1, 's', '{"action": "unsubscribe"}', 'done'),
        (1, 1, 'nobody', null, 's', '{"action": "unsubscribe"}', 'no_subscriber'),
        (1, 2, 'own', 1, 's', '{"action": "unsubscribe"}', 'done'),
        (1, 2, 'unread', 1, 's', null, 'no_text'),
        (1, 3, 'of another', 1, 's', '{"action": "unsubscribe"}', 'done'),
        (1, null, 'gone', 1, 's', '{"action": "unsubscribe"}', 'done'),
        (1, null, 'gone mover', 1, 's', '{"action": "move_to_list", "target": "vips"}', 'done');
"""


def test_rows_from_before_get_their_owner_where_it_is_certain_and_nobody_gets_anothers(
    empty_database_url: str,
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(
            "create table schema_migrations (name text primary key, applied_at timestamptz default now())"
        )
        for name, text in migration_files():
            if name < OWNERS:
                connection.execute(text.encode())
                connection.execute("insert into schema_migrations (name) values (%s)", (name,))
        connection.execute(BEFORE.encode())
    with Database(empty_database_url, max_connections=1, name="tests") as database:
        assert OWNERS in migrate(database)
        owners = rows(
            database, "select g.monitor_name, o.uid from monitor_log g left join customers o on o.id = owner_id"
        )
    assert dict(owners) == {
        "system": None, "nobody": None, "own": "acme", "unread": "acme", "of another": None, "gone": None,
        "gone mover": "acme",
    }  # fmt: skip
