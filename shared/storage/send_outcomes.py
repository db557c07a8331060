"""What became of sends, written for many at once; and what a result about each has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from shared.domain.sending import Reason, SendState
from shared.storage import send_ledger, sends
from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows for one send from a call or a look.

    due_in: until it is looked at again; None: nothing is due, and an unknown one waits for a person. ended_ago: seconds since
    the call ended; None: it takes no place in the ledger (it surely did not leave, or its call was booked before).
    message_id: as the provider made it. looked: it was looked for once more. judged: (attempts, lookups) of the send as the look
    found it, None for what is not from a look.
    """

    send_id: int
    state: SendState
    reason: Reason | None = None
    detail: str = ""
    due_in: timedelta | None = None
    looked: bool = False
    ended_ago: float | None = None
    provider_mail_id: str | None = None
    message_id: str | None = None
    judged: tuple[int, int] | None = None


def settle(connection: Connection, holder: str, outcomes: Sequence[Outcome]) -> list[int]:
    """Writes the outcomes of sends that `holder` has in hand, their steps, and for `sent` the log that reports are tied to.

    Returns the ids that were changed. Left alone is what was taken from the holder meanwhile, but for one thing: what surely
    was sent is `sent`, also when it had been given up as unknown. A look that took too long may find its send looked for
    and called again by the same holder: it says nothing of that call, so it is left alone too.
    """
    if not outcomes:
        return []
    rows = connection.execute(
        """
        update sends s
        set state = t.state, state_at = clock_timestamp(), reason = t.reason, detail = t.detail,
            due_at = case when t.due_in is not null then clock_timestamp() + t.due_in
                          when t.state = 'unknown' then '9999-12-30Z' else s.due_at end,
            lookups = s.lookups + t.looked::integer, claimed_by = null, claimed_until = null,
            provider_mail_id = coalesce(t.provider_mail_id, s.provider_mail_id),
            sent_at = case when t.state = 'sent'
                then coalesce(case when t.looked then s.first_call_at end, clock_timestamp()) else s.sent_at end
        from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::interval[], %s::bool[], %s::text[],
                    %s::integer[], %s::integer[])
            as t (id, state, reason, detail, due_in, looked, provider_mail_id, attempts, lookups)
        where s.id = t.id and s.state in ('claimed', 'sending', 'unknown')
          and (s.claimed_by = %s or (s.state = 'unknown' and t.state = 'sent'))
          and (t.lookups is null or t.state = 'sent'
               or (s.state = 'unknown' and s.attempts = t.attempts and s.lookups = t.lookups))
        returning s.id
        """,
        (
            [one.send_id for one in outcomes],
            [one.state.value for one in outcomes],
            [one.reason.value if one.reason else "" for one in outcomes],
            [_clean(one.detail) for one in outcomes],
            [one.due_in for one in outcomes],
            [one.looked for one in outcomes],
            [one.provider_mail_id for one in outcomes],
            [one.judged[0] if one.judged else None for one in outcomes],
            [one.judged[1] if one.judged else None for one in outcomes],
            holder,
        ),
    ).fetchall()
    changed = {row[0] for row in rows}
    mine = [one for one in outcomes if one.send_id in changed]
    send_ledger.ended(connection, [(one.send_id, one.ended_ago) for one in mine if one.ended_ago is not None])
    send_ledger.forget(connection, [one.send_id for one in mine if one.ended_ago is None])
    _log_sent(connection, [one for one in mine if one.state is SendState.SENT])
    note(connection, [(one.send_id, one.state, one.reason, one.detail) for one in mine])
    return [one.send_id for one in mine]


def _log_sent(connection: Connection, sent: Sequence[Outcome]) -> None:
    """Enters sent sends, with their recipients, where reports are tied to what was sent."""
    if not sent:
        return
    ids = [one.send_id for one in sent]
    connection.execute(
        """
        insert into sent_mail (customer_id, campaign_id, list_id, sender, message_id, actual_message_id, reference, sent_at)
        select s.customer_id, s.campaign_id, s.list_id, m.email, s.message_id, nullif(t.message_id, s.message_id),
               s.reference, s.sent_at
        from unnest(%s::bigint[], %s::text[]) as t (id, message_id)
        join sends s on s.id = t.id join delivery_servers d on d.id = s.server_id join mailboxes m on m.id = d.mailbox_id
        on conflict do nothing
        """,
        (ids, [one.message_id for one in sent]),
    )
    connection.execute(
        """
        with known as (
            update sends s set sent_mail_id = l.id from sent_mail l
            where s.id = any(%s) and l.reference = s.reference returning s.id, l.id as sent_mail_id
        )
        insert into sent_recipients (sent_mail_id, address, subscriber_id)
        select k.sent_mail_id, r.address, max(r.subscriber_id)
        from known k join send_recipients r on r.send_id = k.id group by 1, 2
        on conflict do nothing
        """,
        (ids,),
    )


def note(connection: Connection, steps: Sequence[tuple[int, SendState, Reason | None, str]]) -> None:
    """A step in the history of each send: (send, state, reason, detail)."""
    if steps:
        rows = [sends.Step(one[0], one[1].value, one[2].value if one[2] else "", _clean(one[3])) for one in steps]
        sends.add_steps(connection, rows)


def _clean(text: str) -> str:
    """Text that PostgreSQL takes, and no more than a person reads."""
    return text.replace("\x00", "")[:2000]


def remember_draft(connection: Connection, holder: str, send_id: int, draft_id: str) -> bool:
    """The draft that this send will be sent from: committed before it is. False: the send is not the holder's any more."""
    return (
        connection.execute(
            "update sends set draft_id = %s where id = %s and state = 'sending' and claimed_by = %s",
            (draft_id, send_id, holder),
        ).rowcount
        == 1
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A send as its asker is told of it. event_id: of this telling. integration: '' for the operator's commands. customer, server, list, campaign: uids."""

    send_id: int
    event_id: UUID
    uid: UUID
    integration: str
    client_correlation_id: str | None
    reply_to: str | None
    idempotency_key: str
    customer: str
    server: str
    state: SendState
    reason: str
    detail: str
    at: datetime
    due_at: datetime
    message_id: str
    actual_message_id: str | None
    provider_mail_id: str | None
    list_uid: str | None
    campaign: str | None
    tags: list[str]


def told(connection: Connection, send_ids: Sequence[int]) -> list[Told]:
    """The sends as they stand now, in the order of their ids."""
    if not send_ids:
        return []
    with connection.cursor(row_factory=class_row(Told)) as cursor:
        return cursor.execute(
            """
            select s.id as send_id, gen_random_uuid() as event_id, s.uid, s.integration, s.client_correlation_id, s.reply_to, s.idempotency_key,
                   c.uid as customer, d.uid as server, s.state, s.reason, s.detail, s.state_at as at, s.due_at, s.message_id,
                   l.actual_message_id, s.provider_mail_id, i.uid as list_uid, a.uid as campaign, s.tags
            from sends s join customers c on c.id = s.customer_id join delivery_servers d on d.id = s.server_id
            left join sent_mail l on l.id = s.sent_mail_id left join lists i on i.id = s.list_id
            left join campaigns a on a.id = s.campaign_id
            where s.id = any(%s) order by s.id
            """,
            (list(send_ids),),
        ).fetchall()
