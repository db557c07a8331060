"""Delivery servers and the mailboxes they send from."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from shared.domain.installation import DeliveryServerRecord
from shared.storage.database import Connection
from shared.storage.provisioning.mailbox_links import link


def save(connection: Connection, server: DeliveryServerRecord) -> None:
    """Creates or updates a server and the link of its key's owner to the mailbox (A128).

    One that waits for a passed check goes on waiting, unless it is to be inactive anyway. Another mailbox or key is
    unknown until it is tried, and what kept the old one waiting is forgotten.
    """
    mailbox_id = link(connection, server.email, server.key)
    connection.execute(
        """
        insert into delivery_servers as s (
            uid, customer_id, mailbox_id, name, from_name, reply_to, locked, status, hourly_quota, daily_quota,
            monthly_quota, pause_seconds, warm_up, warm_up_from, mode, draft_first)
        values (%s, (select id from customers where uid = %s), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (uid) do update set
            mailbox_id = excluded.mailbox_id, name = excluded.name, from_name = excluded.from_name,
            reply_to = excluded.reply_to, locked = excluded.locked,
            status = case when s.inactive_reason is null then excluded.status else 'inactive' end,
            inactive_reason = case when excluded.status = 'active' then s.inactive_reason end,
            hourly_quota = excluded.hourly_quota, daily_quota = excluded.daily_quota,
            monthly_quota = excluded.monthly_quota, pause_seconds = excluded.pause_seconds,
            warm_up = excluded.warm_up, warm_up_from = excluded.warm_up_from, mode = excluded.mode,
            draft_first = excluded.draft_first,
            connection = case when s.mailbox_id = excluded.mailbox_id then s.connection else 'unknown' end,
            connection_failure = case when s.mailbox_id = excluded.mailbox_id then s.connection_failure end,
            display_name = case when s.mailbox_id = excluded.mailbox_id then s.display_name else '' end,
            next_free_at = '-infinity', next_free_reason = null, next_free_detail = ''
        """,
        (
            server.uid, server.customer, mailbox_id, server.name, server.from_name, server.reply_to, server.locked,
            server.status, server.hourly_quota, server.daily_quota, server.monthly_quota, server.pause_seconds,
            Jsonb([list(step) for step in server.warm_up]) if server.warm_up else None, server.warm_up_from,
            server.mode, server.draft_first,
        ),
    )  # fmt: skip


def remove(connection: Connection, uid: str) -> None:
    """Deletes a server that never sent anything."""
    connection.execute("delete from delivery_servers where uid = %s", (uid,))


def sends_of(connection: Connection, uid: str) -> int:
    """How many sends name a server; their history keeps it."""
    row = connection.execute(
        "select count(*) from sends where server_id = (select id from delivery_servers where uid = %s)", (uid,)
    ).fetchone()
    return int(row[0]) if row else 0
