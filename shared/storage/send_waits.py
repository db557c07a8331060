"""Sends that wait: told once why, moved to another server where the asker allows it, or ended because their time is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.domain.sending import Reason
from shared.storage.database import Connection
from shared.storage.send_claims import EXPIRED_DETAIL
from shared.storage.send_servers import HOLD, MOST_RECIPIENTS, PARTS, WAITING, Stopped

# A server takes over for others only while it has little to do itself.
_FEW: Final = 50


@dataclass(frozen=True, slots=True)
class Moved:
    """A send that leaves through another server now. before, after: uids."""

    send_id: int
    before: str
    after: str


def move(connection: Connection, server_id: int, limit: int) -> list[Moved]:
    """Moves waiting sends of a server that can't send to others of their customer, or the operator's, that can, and share them out.

    Only those whose asker named no server or allows fail-over, and never one that was unknown: the mailbox where it may have been
    sent is the one to look into. None goes from MIME to JSON, which keeps few headers, or to a provider
    that takes fewer recipients.
    """
    rows = connection.execute(
        f"""
        with moving as materialized (
            select s.id, s.customer_id, s.recipients from sends s
            where s.server_id = %(server)s and {WAITING} and (s.any_server or s.fail_over) and s.lookups = 0
            order by s.due_at, s.id limit %(limit)s for update of s skip locked
        ),
        able as materialized (
            select d.id, d.uid, d.customer_id, {MOST_RECIPIENTS} as most from {PARTS}
            where d.id <> %(server)s and d.next_free_at <= now() and {HOLD} is null
              and (d.mode = 'mime' or exists (select from delivery_servers b where b.id = %(server)s and b.mode = 'json'))
              and (select count(*) from (select from sends s where s.server_id = d.id and {WAITING} limit {_FEW}) w) < {_FEW}
        ),
        choices as (
            select m.id, a.id as server_id, a.uid,
                   row_number() over (partition by m.id order by a.id) - 1 as nth, count(*) over (partition by m.id) as many,
                   dense_rank() over (order by m.id) as place
            from moving m join able a on (a.customer_id = m.customer_id or a.customer_id is null) and m.recipients <= a.most
        )
        update sends s set server_id = c.server_id, state = 'accepted', state_at = clock_timestamp(), reason = '', detail = ''
        from choices c, delivery_servers b
        where c.id = s.id and c.nth = c.place %% c.many and b.id = %(server)s
        returning s.id, b.uid, c.uid
        """.encode(),
        {"server": server_id, "limit": limit},
    )
    return [Moved(*row) for row in rows]


def defer(connection: Connection, stopped: Stopped, limit: int) -> list[int]:
    """Due sends of a server that can't send are `deferred` for its reason; returns those that were not so already."""
    rows = connection.execute(
        f"""
        with due as (
            select s.id from sends s where s.server_id = %s and {WAITING} and (s.state = 'accepted' or s.reason <> %s)
            order by s.due_at, s.id limit %s for update of s skip locked
        )
        update sends s set state = 'deferred', state_at = clock_timestamp(), reason = %s, detail = %s
        from due where due.id = s.id returning s.id
        """.encode(),
        (stopped.server_id, stopped.reason, limit, stopped.reason, stopped.detail[:2000]),
    )
    return [row[0] for row in rows]


def expire(connection: Connection, limit: int) -> list[int]:
    """Waiting sends whose time is over are `failed`; returns them."""
    rows = connection.execute(
        """
        with over as (
            select id from sends where state in ('accepted', 'deferred') and expires_at <= now()
            order by expires_at limit %s for update skip locked
        )
        update sends s set state = 'failed', state_at = clock_timestamp(), reason = %s, detail = %s
        from over where over.id = s.id returning s.id
        """,
        (limit, Reason.EXPIRED, EXPIRED_DETAIL),
    )
    return [row[0] for row in rows]
