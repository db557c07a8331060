"""What stops mail to somebody: blacklist entries, and the status of subscribers. Each effect is one statement for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Blacklisting:
    """An address that goes on a blacklist. customer_id: whose subscribers are meant; everywhere: on everybody's list
    instead of the customer's."""

    customer_id: int
    address: str
    source: str
    reason: str
    bounce_id: int
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """An address that complained. list_id: None means every list of the customer (A125)."""

    customer_id: int
    address: str
    list_id: int | None
    bounce_id: int


def blacklist(connection: Connection, entries: Sequence[Blacklisting]) -> None:
    """Adds the entries and sets the customers' subscribers to `blacklisted`.

    An entry that exists stays as it is, unless its time is over: then the new one takes its place.
    """
    if not entries:
        return
    rows = sorted(entries, key=lambda entry: (entry.customer_id, entry.address))
    connection.execute(
        """
        insert into blacklist (customer_id, address, source, reason, bounce_id)
        select distinct on (1, 2)
               case when everywhere then null else customer_id end, address, source, reason, bounce_id
        from unnest(%s::bigint[], %b::text[], %b::text[], %b::text[], %s::bigint[], %b::bool[])
            as t (customer_id, address, source, reason, bounce_id, everywhere)
        order by 1 nulls first, 2, bounce_id
        on conflict (customer_id, address) do update
        set source = excluded.source, reason = excluded.reason, bounce_id = excluded.bounce_id, added_at = now(),
            expires_at = null
        where blacklist.expires_at <= now()
        """,
        (
            [row.customer_id for row in rows],
            [row.address for row in rows],
            [row.source for row in rows],
            [row.reason.replace("\x00", "")[:500] for row in rows],
            [row.bounce_id for row in rows],
            [row.everywhere for row in rows],
        ),
    )
    _change_subscribers(
        connection, "blacklisted", [(r.customer_id, r.address, None, r.source, r.bounce_id) for r in rows]
    )


def unsubscribe(connection: Connection, entries: Sequence[Unsubscribing]) -> None:
    """Sets the subscribers to `unsubscribed`; one that is blacklisted stays so."""
    _change_subscribers(
        connection,
        "unsubscribed",
        sorted(
            ((e.customer_id, e.address, e.list_id, "complaint", e.bounce_id) for e in entries),
            key=lambda row: (row[0], row[1]),
        ),
    )


def _change_subscribers(
    connection: Connection, status: str, rows: Sequence[tuple[int, str, int | None, str, int]]
) -> None:
    """Locks the subscribers in the order of their ids, changes those that are not there yet, and notes each change."""
    if not rows:
        return
    stronger = ["blacklisted"] if status == "blacklisted" else ["blacklisted", "unsubscribed"]
    connection.execute(
        """
        with wanted as (
            select * from unnest(%(customers)s::bigint[], %(addresses)b::text[], %(lists)s::bigint[], %(causes)b::text[],
                                 %(bounces)s::bigint[]) as t (customer_id, address, list_id, cause, bounce_id)
        ),
        found as (
            select s.id, s.status, w.cause, w.bounce_id
            from subscribers s join wanted w on w.customer_id = s.customer_id and w.address = s.email
             and (w.list_id is null or w.list_id = s.list_id)
            where s.status <> all(%(stronger)s)
            order by s.id for update of s
        ),
        once as (select distinct on (id) * from found order by id, bounce_id),
        changed as (
            update subscribers s set status = %(status)s, changed_at = now() from once where once.id = s.id returning s.id
        )
        insert into subscriber_changes (subscriber_id, before, after, cause, bounce_id)
        select once.id, once.status, %(status)s, once.cause, once.bounce_id from once join changed using (id)
        """,
        {
            "customers": [row[0] for row in rows],
            "addresses": [row[1] for row in rows],
            "lists": [row[2] for row in rows],
            "causes": [row[3] for row in rows],
            "bounces": [row[4] for row in rows],
            "stronger": stronger,
            "status": status,
        },
    )
