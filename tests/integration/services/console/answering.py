"""Replies that monitors acted on, without a mailbox: the finding is stored, and the actions service's handler does the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.domain.installation import GroupRecord, MonitorRecord
from shared.domain.monitors import Condition, MonitorAction, MonitorFinding, ReplyFinding, Verdict
from shared.storage.database import Database
from shared.storage.provisioning import customers, monitors
from tests.builders import READER, a_classified_mail, a_customer, a_human_finding, a_system_key
from tests.integration.services.console.running import act_on, rows
from tests.integration.shared.storage.looking import do, value

ANSWERS = "answers@news.example.com"


def a_stored_monitor(
    database: Database,
    *conditions: Condition,
    name: str = "replies",
    customer: str | None = None,
    key: str = "key",
    address: str = ANSWERS,
    **more: Any,
) -> int:
    """A monitor in the database, with its key; the operator's unless a customer is named. Its row id."""
    if not rows(database, f"select 1 from api_keys where uid = '{key}'"):
        a_system_key(database, uid=key)
    if customer:
        a_customer(database, customer)
    record = MonitorRecord(f"m-{name}", name, "microsoft", address, key, customer, conditions=conditions, **more)
    with database.transaction() as connection:
        monitors.save(connection, record)
    return int(value(database, "select id from monitors where uid = %s", f"m-{name}"))


def answered(
    database: Database,
    action: MonitorAction,
    *,
    target: str | None = None,
    sender: str = READER,
    customer: str | None = "acme",
    name: str = "replies",
    words: str = "stop",
    **more: Any,
) -> int:
    """A reply came, a monitor matched, and its action was carried out. The number of the action."""
    condition = Condition(words, action, target=target)
    monitor_id = a_stored_monitor(database, condition, name=name, customer=customer, **more)
    [(mailbox_id,)] = rows(database, f"select mailbox_id from monitors where id = {monitor_id}")
    [(count,)] = rows(database, "select count(*) from fetched_mail")
    found = MonitorFinding(monitor_id, Verdict.MATCHED, 1, condition, words)
    finding = replace(
        a_human_finding(), reply=ReplyFinding(sender, (), (found,)), message_id=f"reply-{count}@example.net"
    )
    act_on(database, a_classified_mail(database, mailbox_id, finding, f"reply-{count}"))
    return int(rows(database, "select max(id) from monitor_log")[0][0])


def a_limit(database: Database, customer: str, most: int) -> None:
    """The customer's group allows so many monitors, and so many bounce servers."""
    with database.transaction() as connection:
        customers.save_group(connection, GroupRecord(customer, max_monitors=most, max_bounce_servers=most))
    do(
        database,
        "update customers set group_id = (select id from customer_groups where name = uid) where uid = %s",
        customer,
    )
