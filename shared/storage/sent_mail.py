"""What was sent, as far as a report needs it: ids, recipients, and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.bounces import ReferenceSource
from shared.domain.sent_mail import SentMail, SentRecipient
from shared.storage.database import Connection

# Where a report carries our reference: in the returned header, or in the address that the report came to (VERP, plus).
_REFERENCES = frozenset({ReferenceSource.REFERENCE_HEADER, ReferenceSource.ENVELOPE_ADDRESS})


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
    references = {q.value for q in questions if q.source in _REFERENCES}
    message_ids = {q.value for q in questions if q.source not in _REFERENCES}
    # A report quotes one id in several places: each is looked up once.
    rows = connection.execute(
        """
        with hits as (
            select true as by_reference, a.value, s.* from unnest(%b::text[]) as a (value)
            join sent_mail s on s.reference = a.value
            union all
            select false, a.value, s.* from unnest(%b::text[]) as a (value) join sent_mail s on s.message_id = a.value
            union all
            select false, a.value, s.* from unnest(%b::text[]) as a (value) join sent_mail s on s.actual_message_id = a.value
            where s.message_id <> a.value
        )
        select h.by_reference, h.value, h.id, h.customer_id, h.campaign_id, h.list_id, h.sent_at, r.addresses, r.subscribers
        from hits h cross join lateral (
            select array_agg(address order by address) as addresses, array_agg(subscriber_id order by address) as subscribers
            from sent_recipients where sent_mail_id = h.id
        ) r
        where r.addresses is not null order by h.id
        """,
        (sorted(references), sorted(message_ids), sorted(message_ids)),
    )
    named: dict[tuple[bool, str], list[SentMail]] = {}
    for row in rows:
        sent = SentMail(row[2], row[3], row[4], row[5], row[6], tuple(map(SentRecipient, row[7], row[8])))
        named.setdefault((row[0], row[1]), []).append(sent)
    return [
        (q.key, q.source, q.value, sent)
        for q in dict.fromkeys(questions)
        for sent in named.get((q.source in _REFERENCES, q.value), ())
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
