"""Sends in hand: claimed under a lease, moved to `sending` right before the call, given back, or found again when a sender died.

Whoever takes sends holds the server's and the mailbox's lock (send_servers), and enters them in the ledger in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from shared.domain.sending import Reason, SendState
from shared.storage import send_ledger
from shared.storage.database import Connection
from shared.storage.send_servers import Server


@dataclass(frozen=True, slots=True)
class Due:
    """A send that may be taken, locked."""

    send_id: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A send in hand. sealed: its body, None if it is gone. attempts: calls so far. first_call_at: aware UTC, None: not called yet.

    list_uid, unsubscribe_url, unsubscribe_mailto: its list's, as they are now. campaign_uid: its campaign's. subscriber_uid: of its
    only recipient in that list, None if there are several or that one is gone; read only where the list has such a setting.
    """

    send_id: int
    uid: UUID
    customer_id: int
    integration: str
    attempts: int
    lookups: int
    first_call_at: datetime | None
    message_id: str
    reference: str
    draft_id: str | None
    sealed: bytes | None
    accepted_at: datetime
    expires_at: datetime | None
    recipients: int
    list_uid: str | None = None
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    campaign_uid: str | None = None
    subscriber_uid: str | None = None


def due(connection: Connection, server: Server, limit: int) -> list[Due]:
    """At most `limit` due sends of a server, locked, in the order in which they are to leave.

    Each waiting customer has its turn before anyone has a second one; who comes first within a turn is drawn by lot. So the
    million of one customer delays another's ten by a turn, and not by a million. Only the head of each customer's line is read.
    """
    rows = connection.execute(
        """
        with recursive customers (customer_id) as (
            (select s.customer_id from sends s where s.server_id = %(server)s and s.state in ('accepted', 'deferred')
             order by s.customer_id limit 1)
            union all
            select (select s.customer_id from sends s
                    where s.server_id = %(server)s and s.state in ('accepted', 'deferred') and s.customer_id > c.customer_id
                    order by s.customer_id limit 1)
            from customers c where c.customer_id is not null
        ),
        drawn as materialized (select customer_id, random() as lot from customers where customer_id is not null),
        lined as (
            select l.id, row_number() over (partition by d.customer_id order by l.due_at, l.id) as turn, d.lot
            from drawn d cross join lateral (
                select s.id, s.due_at from sends s
                where s.server_id = %(server)s and s.customer_id = d.customer_id and s.state in ('accepted', 'deferred')
                  and s.due_at <= now()
                order by s.due_at, s.id limit %(limit)s
            ) l
        ),
        first as materialized (select id, turn, lot from lined order by turn, lot limit %(limit)s)
        select s.id, s.recipients from sends s join first f on f.id = s.id
        where s.state in ('accepted', 'deferred')
        order by f.turn, f.lot for update of s skip locked
        """,
        {"server": server.server_id, "limit": limit},
    )
    return [Due(row[0], row[1]) for row in rows]


def take(connection: Connection, server: Server, sends: Sequence[Due], holder: str, lease: timedelta) -> None:
    """The sends are `holder`'s until the lease ends, and stand in the ledger."""
    ids = [send.send_id for send in sends]
    connection.execute(
        """
        update sends set state = 'claimed', state_at = clock_timestamp(), reason = '', detail = '',
            claimed_by = %s, claimed_until = clock_timestamp() + %s
        where id = any(%s)
        """,
        (holder, lease, ids),
    )
    send_ledger.enter(connection, server, [(send.send_id, send.recipients) for send in sends])


def load(connection: Connection, send_ids: Sequence[int]) -> list[Claimed]:
    """The sends with their bodies, in the order given."""
    with connection.cursor(row_factory=class_row(Claimed)) as cursor:
        return cursor.execute(
            """
            select s.id as send_id, s.uid, s.customer_id, s.integration, s.attempts, s.lookups, s.first_call_at,
                   s.message_id, s.reference, s.draft_id, b.sealed, s.accepted_at, s.expires_at, s.recipients,
                   l.uid as list_uid, l.unsubscribe_url, l.unsubscribe_mailto, p.uid as campaign_uid,
                   case when s.recipients = 1 and coalesce(l.unsubscribe_url, l.unsubscribe_mailto) is not null then (
                       select u.uid from send_recipients r
                       join subscribers u on u.list_id = s.list_id and (u.id = r.subscriber_id or u.email = r.address)
                       where r.send_id = s.id limit 1) end as subscriber_uid
            from unnest(%s::bigint[]) with ordinality as t (id, n)
            join sends s on s.id = t.id left join send_bodies b on b.send_id = s.id
            left join lists l on l.id = s.list_id left join campaigns p on p.id = s.campaign_id order by t.n
            """,
            (list(send_ids),),
        ).fetchall()


def renew(connection: Connection, held: Sequence[tuple[int, str]], lease: timedelta) -> list[tuple[int, str]]:
    """What each holder has in hand stays so for `lease` from now; what was taken from it stays taken. Returns what was kept."""
    rows = connection.execute(
        """
        update sends s set claimed_until = clock_timestamp() + %s
        from unnest(%s::bigint[], %s::text[]) as t (id, holder)
        where s.id = t.id and s.claimed_by = t.holder and s.state in ('claimed', 'sending') returning s.id, t.holder
        """,
        (lease, [send_id for send_id, _ in held], [holder for _, holder in held]),
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A claimed send that must not leave: suppressed, stopped with its campaign group, or expired."""

    send_id: int
    state: SendState
    reason: Reason


# Whether somebody among the recipients of send `s` must not get it: on a blacklist that counts for its customer, or no (longer a)
# confirmed subscriber of its list.
SUPPRESSED: Final = """
    exists (
        select from send_recipients r where r.send_id = s.id and (
            exists (select from blacklist b where b.address = r.address
                    and (b.customer_id is null or b.customer_id = s.customer_id)
                    and (b.expires_at is null or b.expires_at > now()))
            or (s.list_id is not null and not exists (
                select from subscribers u where u.list_id = s.list_id and u.email = r.address and u.status = 'confirmed'))
        )
    )
"""
# Whether its campaign group skips somebody among its recipients (A158).
GROUP_STOPPED: Final = """
    exists (
        select from send_recipients r join subscribers u on u.email = r.address
        join campaign_group_stops p on p.subscriber_id = u.id and p.group_id = s.campaign_group_id
        where r.send_id = s.id
    )
"""
SUPPRESSED_DETAIL: Final = "A recipient was suppressed after the request was accepted."
STOPPED_DETAIL: Final = "A recipient takes no more mail of this campaign group."
EXPIRED_DETAIL: Final = "It was still waiting at its expires_at; send it again with a later one."


@dataclass(frozen=True, slots=True)
class Begun:
    """sending: may be called from now on. stopped: rejected, cancelled or failed instead, they leave the ledger."""

    sending: frozenset[int]
    stopped: tuple[Stopped, ...]


def begin(connection: Connection, holder: str, send_ids: Sequence[int]) -> Begun:
    """Moves claimed sends to `sending`: from the commit on, whoever finds them must take it that they may have been sent.

    Those that were suppressed meanwhile become `rejected`, those whose campaign group was stopped `cancelled`, those that have
    expired `failed`. What is not this holder's any more is in neither part of the answer. May be repeated before the calls: nobody knows of a commit whether it got through.
    """
    rows = connection.execute(
        f"""
        with held as (
            select s.id, s.state,
                   case when s.state = 'sending' then '' when s.expires_at <= now() then 'expired'
                        when {SUPPRESSED} then 'suppressed' when {GROUP_STOPPED} then 'campaign_group_stopped'
                        else '' end as stop
            from sends s where s.id = any(%(ids)s) and s.state in ('claimed', 'sending') and s.claimed_by = %(holder)s
            order by s.id for update of s
        )
        update sends s
        set state = case h.stop when '' then 'sending' when 'expired' then 'failed' when 'suppressed' then 'rejected'
                else 'cancelled' end,
            state_at = clock_timestamp(), reason = h.stop,
            detail = case h.stop when '' then '' when 'expired' then %(expired)s when 'suppressed' then %(suppressed)s
                else %(stopped)s end,
            attempts = s.attempts + (h.stop = '' and h.state = 'claimed')::integer,
            first_call_at = case when h.stop = '' then coalesce(s.first_call_at, clock_timestamp()) else s.first_call_at end,
            claimed_by = case when h.stop = '' then s.claimed_by end,
            claimed_until = case when h.stop = '' then s.claimed_until end
        from held h where h.id = s.id
        returning s.id, s.state, s.reason
        """.encode(),
        {
            "ids": list(send_ids),
            "holder": holder,
            "expired": EXPIRED_DETAIL,
            "suppressed": SUPPRESSED_DETAIL,
            "stopped": STOPPED_DETAIL,
        },
    ).fetchall()
    stopped = tuple(Stopped(row[0], SendState(row[1]), Reason(row[2])) for row in rows if row[2])
    send_ledger.forget(connection, [one.send_id for one in stopped])
    return Begun(frozenset(row[0] for row in rows if not row[2]), stopped)


def give_back(connection: Connection, holder: str, send_ids: Sequence[int]) -> list[int]:
    """Claimed sends that were not called are `accepted` again, and leave the ledger. Returns those that were still the holder's."""
    rows = connection.execute(
        """
        update sends set state = 'accepted', state_at = clock_timestamp(), claimed_by = null, claimed_until = null
        where id = any(%s) and state = 'claimed' and claimed_by = %s returning id
        """,
        (list(send_ids), holder),
    ).fetchall()
    ids = [row[0] for row in rows]
    send_ledger.forget(connection, ids)
    return ids


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What senders that died had in hand: never called, and perhaps called."""

    unsent: tuple[int, ...]
    unknown: tuple[int, ...]


def recover(connection: Connection, first_lookup: timedelta, limit: int) -> Abandoned:
    """Sends whose lease has ended: `claimed` becomes `accepted`, `sending` becomes `unknown` and is looked up after `first_lookup`."""
    rows = connection.execute(
        """
        with ended as (
            select id, state from sends where state in ('claimed', 'sending') and claimed_until < clock_timestamp()
            order by id limit %s for update skip locked
        )
        update sends s
        set state = case e.state when 'claimed' then 'accepted' else 'unknown' end, state_at = clock_timestamp(),
            reason = case e.state when 'claimed' then '' else 'lease_ended' end,
            due_at = case e.state when 'claimed' then s.due_at else clock_timestamp() + %s end,
            claimed_by = null, claimed_until = null
        from ended e where e.id = s.id returning s.id, s.state
        """,
        (limit, first_lookup),
    ).fetchall()
    unsent = tuple(row[0] for row in rows if row[1] == SendState.ACCEPTED)
    unknown = tuple(row[0] for row in rows if row[1] == SendState.UNKNOWN)
    if unsent:
        send_ledger.forget(connection, unsent)
    if unknown:
        send_ledger.ended(connection, [(send_id, 0.0) for send_id in unknown])
    return Abandoned(unsent, unknown)
