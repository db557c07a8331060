"""Who may publish send requests, as the operator makes and changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.storage.database import Connection

_LINES = """
    select i.name, c.uid, i.enabled, i.created_at, i.password_hash
    from integrations i left join customers c on c.id = i.customer_id
"""


@dataclass(frozen=True, slots=True)
class IntegrationLine:
    """One integration. customer: uid; None: the operator's own, which names a customer in each request.

    password_hash: as RabbitMQ stores it. It is not shown.
    """

    name: str
    customer: str | None
    enabled: bool
    created_at: datetime
    password_hash: str = field(repr=False)


def lines(connection: Connection) -> list[IntegrationLine]:
    """Every integration, by name."""
    return [IntegrationLine(*row) for row in connection.execute(f"{_LINES} order by i.name")]


def find(connection: Connection, name: str) -> IntegrationLine | None:
    """One integration; its row stays locked until the transaction ends."""
    row = connection.execute(f"{_LINES} where i.name = %s for update of i", (name,)).fetchone()
    return IntegrationLine(*row) if row else None


def customer_exists(connection: Connection, uid: str) -> bool:
    """Whether there is a customer with this uid."""
    return connection.execute("select 1 from customers where uid = %s", (uid,)).fetchone() is not None


def add(connection: Connection, name: str, customer: str | None, password_hash: str) -> bool:
    """Stores a new one. customer: uid; None: the operator's own. False if the name is taken, or there is no such customer."""
    added = connection.execute(
        """
        insert into integrations (name, customer_id, password_hash)
        select %(name)s, c.id, %(hash)s
        from (values (1)) one left join customers c on c.uid = %(customer)s
        where %(customer)s::text is null or c.id is not null
        on conflict (name) do nothing
        """,
        {"name": name, "customer": customer, "hash": password_hash},
    )
    return added.rowcount == 1


def set_password(connection: Connection, name: str, password_hash: str) -> None:
    """Another password."""
    connection.execute("update integrations set password_hash = %s where name = %s", (password_hash, name))


def set_enabled(connection: Connection, name: str, enabled: bool) -> None:
    """Whether it may come in."""
    connection.execute("update integrations set enabled = %s where name = %s", (enabled, name))


def remove(connection: Connection, name: str) -> None:
    """Forgets it. What it sent stays, under its name."""
    connection.execute("delete from integrations where name = %s", (name,))
