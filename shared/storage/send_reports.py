"""Reports about mails that integrations asked for: who is told of a bounce or a complaint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Reported:
    """A send that one row of the bounce log is tied to, as its asker knows it. customer, server, list, campaign: uids."""

    bounce_id: int
    event_id: UUID
    at: datetime
    uid: UUID
    integration: str
    client_correlation_id: str | None
    reply_to: str | None
    idempotency_key: str
    customer: str
    server: str
    message_id: str
    actual_message_id: str | None
    provider_mail_id: str | None
    list_uid: str | None
    campaign: str | None
    tags: list[str]


def reported(connection: Connection, bounces: Sequence[tuple[int, int]]) -> list[Reported]:
    """The sends behind rows of the bounce log, given as (row, sent mail); rows about mail of another origin are left out."""
    if not bounces:
        return []
    with connection.cursor(row_factory=class_row(Reported)) as cursor:
        return cursor.execute(
            """
            select t.bounce_id, gen_random_uuid() as event_id, now() as at, s.uid, s.integration, s.client_correlation_id,
                   s.reply_to, s.idempotency_key, c.uid as customer, d.uid as server, s.message_id, l.actual_message_id,
                   s.provider_mail_id, i.uid as list_uid, a.uid as campaign, s.tags
            from unnest(%s::bigint[], %s::bigint[]) as t (bounce_id, sent_mail_id)
            join sends s on s.sent_mail_id = t.sent_mail_id
            join sent_mail l on l.id = s.sent_mail_id join customers c on c.id = s.customer_id
            join delivery_servers d on d.id = s.server_id
            left join lists i on i.id = s.list_id left join campaigns a on a.id = s.campaign_id
            order by t.bounce_id
            """,
            ([bounce_id for bounce_id, _ in bounces], [sent_mail_id for _, sent_mail_id in bounces]),
        ).fetchall()
