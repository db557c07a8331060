"""What monitors did about an address or a mail: a part of the story that `why` tells. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class MonitorFact:
    """A row of the monitors' log. customer: whose subscriber it is; owner: whose monitor, None for the operator's.

    before, after: of the subscriber, as far as the action changed it (shared/storage/monitor_effects.py). list: its uid.
    """

    log_id: int
    mail_id: int
    monitor: str
    owner: str | None
    customer: str | None
    list: str | None
    sender: str
    subscriber: str
    subscriber_id: int | None
    condition: dict[str, Any] | None
    matched_text: str
    identified_by: str | None
    effect: str
    detail: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    logged_at: datetime
    undone_at: datetime | None
    undone_by: str | None


def of(connection: Connection, addresses: Sequence[str], mail_ids: Sequence[int], most: int) -> tuple[MonitorFact, ...]:
    """The latest `most` rows about the addresses, written by them, or of the mails; in the order of time."""
    with connection.cursor(row_factory=class_row(MonitorFact)) as cursor:
        found = cursor.execute(
            """
            select g.id as log_id, g.mail_id, g.monitor_name as monitor, o.uid as owner, c.uid as customer, l.uid as list,
                   g.sender, g.subscriber_email as subscriber, g.subscriber_id, g.condition, g.matched_text, g.identified_by, g.effect, g.detail,
                   g.before, g.after, g.logged_at, g.undone_at, g.undone_by
            from monitor_log g
            left join customers o on o.id = g.owner_id
            left join customers c on c.id = g.customer_id
            left join subscribers s on s.id = g.subscriber_id
            left join lists l on l.id = coalesce((g.before ->> 'list')::bigint, s.list_id)
            where g.id in (
                select id from monitor_log where subscriber_email = any(%(addresses)s)
                union select id from monitor_log where sender = any(%(addresses)s)
                union select id from monitor_log where mail_id = any(%(mails)s))
            order by g.id desc limit %(most)s
            """,
            {"addresses": list(addresses), "mails": list(mail_ids), "most": most},
        ).fetchall()
    return tuple(reversed(found))
