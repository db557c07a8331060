"""What was sent, as far as a report needs it: ids, recipients, and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.bounces import ReferenceSource
from shared.domain.sent_mail import SentMail, SentRecipient
from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Question:
    """One id that a report quotes. key: the asker's own number, handed back with each answer."""

    key: int
    source: ReferenceSource
    value: str


def find(connection: Connection, questions: Sequence[Question]) -> list[tuple[int, ReferenceSource, str, SentMail]]:
    """(key, source, value, sent mail) for each id that names a mail we sent.

    A Message-ID is compared with the one asked for and with the one that the provider put in its place. It is unique for a
    customer only, so one id may name mails of several customers.
    """
    if not questions:
        return []
    rows = connection.execute(
        """
        with asked as (select * from unnest(%s::bigint[], %s::text[], %s::text[]) as t (key, source, value)),
        hits as (
            select a.key, a.source, a.value, s.id from asked a join sent_mail s on s.reference = a.value
            where a.source = 'reference_header'
            union
            select a.key, a.source, a.value, s.id from asked a join sent_mail s on s.message_id = a.value
            where a.source <> 'reference_header'
            union
            select a.key, a.source, a.value, s.id from asked a join sent_mail s on s.actual_message_id = a.value
            where a.source <> 'reference_header'
        )
        select h.key, h.source, h.value, s.id, s.customer_id, s.campaign_id, s.list_id, s.sent_at,
               array_agg(r.address order by r.address), array_agg(r.subscriber_id order by r.address)
        from hits h join sent_mail s on s.id = h.id join sent_recipients r on r.sent_mail_id = s.id
        group by h.key, h.source, h.value, s.id
        """,
        ([q.key for q in questions], [q.source.value for q in questions], [q.value for q in questions]),
    )
    return [
        (
            row[0],
            ReferenceSource(row[1]),
            row[2],
            SentMail(row[3], row[4], row[5], row[6], row[7], tuple(map(SentRecipient, row[8], row[9]))),
        )
        for row in rows
    ]


def record(
    connection: Connection,
    *,
    customer_id: int,
    message_id: str,
    reference: str,
    recipients: Sequence[tuple[str, int | None]],
    sent_at: datetime,
    campaign_id: int | None = None,
    list_id: int | None = None,
    sender: str = "",
) -> int | None:
    """Enters a mail that was sent, with (address, subscriber id) of each recipient; returns its id.

    None if this customer's mail with that Message-ID is in the log already. Ids without angle brackets, addresses normalized.
    """
    row = connection.execute(
        """
        insert into sent_mail (customer_id, campaign_id, list_id, sender, message_id, reference, sent_at)
        values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning id
        """,
        (customer_id, campaign_id, list_id, sender, message_id, reference, sent_at),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "insert into sent_recipients (sent_mail_id, address, subscriber_id) select %s, * from unnest(%s::text[], %s::bigint[])",
        (row[0], [address for address, _ in recipients], [subscriber for _, subscriber in recipients]),
    )
    return int(row[0])
