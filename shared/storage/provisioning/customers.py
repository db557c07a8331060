"""Settings, provider switches, customer groups and customers."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from shared.domain.installation import CustomerRecord, GroupRecord
from shared.storage.database import Connection


def save_settings(connection: Connection, values: Mapping[str, object]) -> None:
    """Stores settings by their keys."""
    for key, value in sorted(values.items()):
        connection.execute(
            "insert into settings (key, value) values (%s, %s) on conflict (key) do update set value = excluded.value",
            (key, Jsonb(value)),
        )


def allow_everywhere(connection: Connection, server_type: str) -> int:
    """Adds a server type to every group (A030); returns in how many it was missing."""
    return connection.execute(
        "insert into group_server_types (group_id, server_type) select id, %s from customer_groups on conflict do nothing",
        (server_type,),
    ).rowcount


def forbid_everywhere(connection: Connection, server_type: str) -> int:
    """Takes a server type out of every group (A031). Keys, tokens and servers stay (A032, A035)."""
    return connection.execute("delete from group_server_types where server_type = %s", (server_type,)).rowcount


def save_group(connection: Connection, group: GroupRecord) -> None:
    """Creates or updates a group with its limits and allowed server types."""
    row = connection.execute(
        """
        insert into customer_groups (name, max_bounce_servers, max_monitors) values (%s, %s, %s)
        on conflict (name) do update
        set max_bounce_servers = excluded.max_bounce_servers, max_monitors = excluded.max_monitors
        returning id
        """,
        (group.name, group.max_bounce_servers, group.max_monitors),
    ).fetchone()
    group_id = row[0] if row else 0
    types = sorted(group.server_types)
    connection.execute(
        "delete from group_server_types where group_id = %s and server_type <> all(%s)", (group_id, types)
    )
    connection.execute(
        "insert into group_server_types (group_id, server_type) select %s, unnest(%s::text[]) on conflict do nothing",
        (group_id, types),
    )


def save_customer(connection: Connection, customer: CustomerRecord) -> None:
    """Creates or updates a customer. Its group must exist."""
    connection.execute(
        """
        insert into customers (uid, name, group_id, tracking_url)
        values (%s, %s, (select id from customer_groups where name = %s), %s)
        on conflict (uid) do update
        set name = excluded.name, group_id = excluded.group_id, tracking_url = excluded.tracking_url
        """,
        (customer.uid, customer.name, customer.group, customer.tracking_url),
    )


def remove_group(connection: Connection, name: str) -> None:
    """Deletes a group that nobody is in."""
    connection.execute("delete from customer_groups where name = %s", (name,))


def remove_customer(connection: Connection, uid: str) -> None:
    """Deletes a customer that owns nothing any more."""
    connection.execute("delete from blacklist where customer_id = (select id from customers where uid = %s)", (uid,))
    connection.execute("delete from customers where uid = %s", (uid,))


def belongings(connection: Connection, uid: str) -> dict[str, int]:
    """What a customer has that outlives a file: rows of sent mail, of the bounce log and of the monitors' log."""
    row = connection.execute(
        """
        select (select count(*) from sent_mail where customer_id = c.id),
               (select count(*) from bounce_log where customer_id = c.id),
               (select count(*) from monitor_log where customer_id = c.id or owner_id = c.id),
               (select count(*) from mailboxes m where m.customer_id = c.id
                  and exists (select 1 from fetched_mail f where f.mailbox_id = m.id))
        from customers c where c.uid = %s
        """,
        (uid,),
    ).fetchone()
    names = ("sent mails", "bounce log rows", "monitor log rows", "mailboxes with a history")
    counts = dict(zip(names, row or (0, 0, 0, 0), strict=True))
    return {what: count for what, count in counts.items() if count}
