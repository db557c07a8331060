"""Bounce servers and the mailboxes they look into."""

from __future__ import annotations

from shared.domain.installation import BounceServerRecord
from shared.storage.database import Connection


def save(connection: Connection, server: BounceServerRecord) -> None:
    """Creates or updates a server and the link of its key's owner to the mailbox (A128). A new one is due at once.

    One that waits for a passed check goes on waiting, unless it is to be inactive anyway.
    """
    mailbox = connection.execute(
        """
        insert into mailboxes (customer_id, email, provider, api_key_id)
        select customer_id, %s, provider, id from api_keys where uid = %s
        on conflict (customer_id, email, provider) do update set
            api_key_id = excluded.api_key_id,
            connection = case when mailboxes.api_key_id = excluded.api_key_id then mailboxes.connection else 'unknown' end,
            next_poll_at = now()
        returning id
        """,
        (server.email, server.key),
    ).fetchone()
    connection.execute(
        """
        insert into bounce_servers (uid, customer_id, mailbox_id, name, locked, status, disposal, move_to, read_junk,
                                    dry_run, only_mail_from, poll_seconds, blacklist_scope)
        values (%s, (select id from customers where uid = %s), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (uid) do update set
            mailbox_id = excluded.mailbox_id, name = excluded.name, locked = excluded.locked,
            status = case when bounce_servers.inactive_reason is null then excluded.status else 'inactive' end,
            inactive_reason = case when excluded.status = 'active' then bounce_servers.inactive_reason end,
            disposal = excluded.disposal, move_to = excluded.move_to, read_junk = excluded.read_junk,
            dry_run = excluded.dry_run, only_mail_from = excluded.only_mail_from,
            poll_seconds = excluded.poll_seconds, blacklist_scope = excluded.blacklist_scope
        """,
        (
            server.uid, server.customer, mailbox[0] if mailbox else None, server.name, server.locked, server.status,
            server.disposal, server.move_to, server.read_junk, server.dry_run, server.only_mail_from,
            server.poll_seconds, server.blacklist_scope,
        ),
    )  # fmt: skip


def remove(connection: Connection, uid: str) -> None:
    """Deletes a server. Its mailbox's ledger and log stay."""
    connection.execute("delete from bounce_servers where uid = %s", (uid,))


def forget_idle_mailboxes(connection: Connection) -> int:
    """Deletes mailboxes that no server looks into and that never held a mail; returns how many."""
    return connection.execute(
        """
        delete from mailboxes m
        where not exists (select 1 from bounce_servers s where s.mailbox_id = m.id)
          and not exists (select 1 from fetched_mail f where f.mailbox_id = m.id)
        """
    ).rowcount
