"""The blacklist as an operator works with it: listing, adding and removing entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from shared.domain.errors import ApiConnectError
from shared.storage.database import Connection


class NoSuchCustomer(ApiConnectError):
    """No customer has this uid."""


@dataclass(frozen=True, slots=True)
class BlacklistEntry:
    """One entry. customer: None for a global one. effective: it has not expired."""

    customer: str | None
    address: str
    source: str
    reason: str
    added_at: datetime
    expires_at: datetime | None
    effective: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """What taking an address off the blacklist did. still_blacklisted: subscribers that keep the status all the same."""

    entries: int
    still_blacklisted: int


def entries(
    connection: Connection, *, customer: str | None = None, address: str | None = None, limit: int | None = None
) -> Iterator[BlacklistEntry]:
    """Entries, the latest first: all of them, or those that concern a customer (its own and the global ones)."""
    with connection.cursor(row_factory=class_row(BlacklistEntry)) as cursor:
        yield from cursor.execute(
            """
            select c.uid as customer, b.address, b.source, b.reason, b.added_at, b.expires_at,
                   b.expires_at is null or b.expires_at > now() as effective
            from blacklist b left join customers c on c.id = b.customer_id
            where (%(customer)s::text is null or c.uid = %(customer)s or b.customer_id is null)
              and (%(address)s::text is null or b.address = %(address)s)
            order by b.added_at desc, b.id desc limit %(limit)s
            """,
            {"customer": customer, "address": address, "limit": limit},
        )


def count(connection: Connection, *, customer: str | None = None) -> int:
    """How many entries there are for a customer, the global ones among them, or for everybody."""
    row = connection.execute(
        """
        select count(*) from blacklist b left join customers c on c.id = b.customer_id
        where %(customer)s::text is null or c.uid = %(customer)s or b.customer_id is null
        """,
        {"customer": customer},
    ).fetchone()
    return int(row[0]) if row else 0


def add(
    connection: Connection, addresses: list[str], *, customer: str | None, reason: str, expires_at: datetime | None
) -> tuple[int, int]:
    """Blacklists addresses (normalized) for a customer, or for everybody (None), and sets their subscribers' status.

    An entry that is there by a bounce is noted as wanted by an operator: no undo and no replay frees it any more.
    Returns (entries that are new, subscribers changed). Raises NoSuchCustomer.
    """
    customer_id = _customer_id(connection, customer)
    connection.execute(
        """
        update blacklist set operator_at = now()
        where address = any(%s) and customer_id is not distinct from %s and source <> 'operator' and operator_at is null
        """,
        (addresses, customer_id),
    )
    added = connection.execute(
        """
        insert into blacklist (customer_id, address, source, reason, expires_at)
        select %s, address, 'operator', %s, %s from unnest(%s::text[]) as t (address) order by address
        on conflict (customer_id, address) do nothing
        """,
        (customer_id, reason, expires_at, addresses),
    ).rowcount
    changed = connection.execute(
        """
        with found as (
            select id, status from subscribers
            where email = any(%(addresses)s) and status <> 'blacklisted'
              and (%(customer)s::bigint is null or customer_id = %(customer)s)
            order by id for update
        ),
        changed as (
            update subscribers s set status = 'blacklisted', changed_at = now() from found where found.id = s.id
            returning s.id, found.status
        )
        insert into subscriber_changes (subscriber_id, before, after, cause)
        select id, status, 'blacklisted', 'operator' from changed
        """,
        {"addresses": addresses, "customer": customer_id},
    ).rowcount
    return added, changed


def remove(connection: Connection, address: str, *, customer: str | None) -> Removal:
    """Takes an address off a customer's blacklist, or off the global one. Raises NoSuchCustomer.

    Subscribers keep their status: that a person is mailed again is that person's decision, not a side effect (A160).
    """
    customer_id = _customer_id(connection, customer)
    gone = connection.execute(
        "delete from blacklist where address = %s and customer_id is not distinct from %s", (address, customer_id)
    ).rowcount
    row = connection.execute(
        """
        select count(*) from subscribers
        where email = %(address)s and status = 'blacklisted' and (%(customer)s::bigint is null or customer_id = %(customer)s)
        """,
        {"address": address, "customer": customer_id},
    ).fetchone()
    return Removal(gone, int(row[0]) if row else 0)


def _customer_id(connection: Connection, uid: str | None) -> int | None:
    if uid is None:
        return None
    row = connection.execute("select id from customers where uid = %s", (uid,)).fetchone()
    if row is None:
        raise NoSuchCustomer(f"there is no customer {uid!r}")
    return int(row[0])
