"""What monitors did, one row for each mail, monitor and subscriber. The rows are written first: their keys say what is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.monitors import Condition
from shared.storage.database import Connection
from shared.storage.replies import condition_to_json
from shared.storage.texts import clean


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row as it is entered. effect: what is to follow; `done` for an action that is carried out next.

    owner_id: whose monitor it is, None for the operator's; the row keeps it when the monitor is gone. customer_id: whose
    subscriber it is, else the monitor's own. identified_by: email, reference, message_id, tracking_link.
    """

    mail_id: int
    monitor_id: int
    monitor_name: str
    owner_id: int | None
    customer_id: int | None
    sender: str
    condition: Condition | None
    matched_text: str
    identified_by: str | None
    subscriber_id: int | None
    subscriber_email: str
    effect: str
    detail: str = ""


def enter(connection: Connection, rows: Sequence[LogRow]) -> list[int | None]:
    """Enters the rows in their order; for each its id, or None if it was there already (a second delivery)."""
    return [_enter(connection, row) for row in rows]


def _enter(connection: Connection, row: LogRow) -> int | None:
    entered = connection.execute(
        """
        insert into monitor_log (mail_id, monitor_id, monitor_name, owner_id, customer_id, sender, condition, matched_text,
                                 identified_by, subscriber_id, subscriber_email, effect, detail)
        values (%s, (select id from monitors where id = %s), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (mail_id, coalesce(owner_id, 0), monitor_name, coalesce(subscriber_id, 0)) do nothing returning id
        """,
        (
            row.mail_id, row.monitor_id, row.monitor_name, row.owner_id, row.customer_id, clean(row.sender),
            Jsonb(condition_to_json(row.condition)) if row.condition else None, clean(row.matched_text)[:1_000],
            row.identified_by, row.subscriber_id, row.subscriber_email, row.effect, row.detail,
        ),
    ).fetchone()  # fmt: skip
    return int(entered[0]) if entered else None


def settle(
    connection: Connection,
    log_id: int,
    effect: str,
    detail: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Notes what really came of a row that was entered."""
    connection.execute(
        "update monitor_log set effect = %s, detail = %s, before = %s, after = %s where id = %s",
        (
            effect,
            detail,
            Jsonb(before) if before is not None else None,
            Jsonb(after) if after is not None else None,
            log_id,
        ),
    )


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """A row for a person to look at. owner: whose monitor it was, None for the operator's. customer: whose subscriber it is."""

    log_id: int
    logged_at: datetime
    monitor: str
    owner: str | None
    customer: str | None
    sender: str
    subscriber: str
    list: str | None
    condition: dict[str, Any] | None
    matched_text: str
    identified_by: str | None
    effect: str
    detail: str
    undone_at: datetime | None


def latest(
    connection: Connection,
    *,
    monitor: str | None = None,
    monitor_id: int | None = None,
    customer: str | None = None,
    owner: str | None = None,
    address: str | None = None,
    deleted: bool = False,
    limit: int,
) -> list[LoggedAction]:
    """The latest rows first; of one monitor (name or uid, or row id), about one customer's subscribers, about one address.

    owner: only what this customer's own monitors did to its own subscribers. deleted: only of monitors that are gone.
    """
    rows = connection.execute(
        """
        select g.id, g.logged_at, g.monitor_name, o.uid, c.uid, g.sender, g.subscriber_email, l.uid, g.condition, g.matched_text,
               g.identified_by, g.effect, g.detail, g.undone_at
        from monitor_log g
        left join monitors m on m.id = g.monitor_id
        left join customers o on o.id = g.owner_id
        left join customers c on c.id = g.customer_id
        left join subscribers s on s.id = g.subscriber_id
        left join lists l on l.id = s.list_id
        where (%(monitor)s::text is null or g.monitor_name = %(monitor)s or m.uid = %(monitor)s)
          and (%(monitor_id)s::bigint is null or g.monitor_id = %(monitor_id)s)
          and (%(customer)s::text is null or c.uid = %(customer)s)
          and (%(owner)s::text is null or (o.uid = %(owner)s and g.customer_id = g.owner_id))
          and (not %(deleted)s or g.monitor_id is null)
          and (%(address)s::text is null or g.subscriber_email = %(address)s or g.sender = %(address)s)
        order by g.id desc limit %(limit)s
        """,
        {
            "monitor": monitor,
            "monitor_id": monitor_id,
            "customer": customer,
            "owner": owner,
            "address": address,
            "deleted": deleted,
            "limit": limit,
        },
    )
    return [LoggedAction(*row) for row in rows]
