"""Monitors at work: who watches a mailbox with which conditions. What they did is in monitor_log.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.domain.mailboxes import Disposal
from shared.domain.monitors import Condition, Field, IdentifyBy, MonitorAction, Operator
from shared.domain.watchers import MonitorWatch
from shared.storage.database import Connection

_WATCHES = """
    select m.mailbox_id, m.id, m.name, m.customer_id, m.identify_by, m.disposal, m.move_to, m.dry_run, m.only_mail_from,
           m.read_junk, m.ignore_machine_mail, m.plus_addressing, m.blacklist_scope = 'global',
           array_agg(array[c.value, c.action, c.operator, c.field, c.ignore_case::text, c.any_content::text,
                           coalesce(c.target_uid, '')] order by c.position)
    from monitors m join monitor_conditions c on c.monitor_id = m.id
"""


def watching(connection: Connection, mailbox_ids: Sequence[int]) -> dict[int, list[MonitorWatch]]:
    """The active monitors of each mailbox, those without conditions left out."""
    rows = connection.execute(
        f"{_WATCHES} where m.mailbox_id = any(%s) and m.status = 'active' group by m.id order by m.id".encode(),
        (list(mailbox_ids),),
    )
    found: dict[int, list[MonitorWatch]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(_watch(row))
    return found


def one(connection: Connection, monitor_id: int) -> tuple[int, MonitorWatch] | None:
    """A monitor, active or not, and the mailbox that it watches; None if it has no conditions, or is not there."""
    row = connection.execute(f"{_WATCHES} where m.id = %s group by m.id".encode(), (monitor_id,)).fetchone()
    return (row[0], _watch(row)) if row else None


def _watch(row: Sequence[Any]) -> MonitorWatch:
    return MonitorWatch(
        row[1], row[2], row[3], IdentifyBy(row[4]), tuple(map(condition_of, row[13])), Disposal(row[5]), *row[6:13]
    )


def condition_of(row: Sequence[str]) -> Condition:
    """From value, action, operator, field, ignore_case, any_content and target, all as text; no target is ''."""
    value, action, operator, field, ignore_case, any_content, target = row
    return Condition(
        value,
        MonitorAction(action),
        Operator(operator),
        Field(field),
        ignore_case == "true",
        any_content == "true",
        target or None,
    )


def tracking_urls(connection: Connection) -> list[str]:
    """The URL patterns of customers that named one."""
    rows = connection.execute("select distinct tracking_url from customers where tracking_url is not null order by 1")
    return [row[0] for row in rows]
