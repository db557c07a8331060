"""Bounce servers and the mailboxes they look into."""

from __future__ import annotations

from shared.domain.installation import BounceServerRecord
from shared.storage.database import Connection
from shared.storage.provisioning.mailbox_links import link


def save(connection: Connection, server: BounceServerRecord) -> None:
    """Creates or updates a server and the link of its key's owner to the mailbox (A128). A new one is due at once.

    One that waits for a passed check goes on waiting, unless it is to be inactive anyway.
    """
    mailbox_id = link(connection, server.email, server.key)
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
            server.uid, server.customer, mailbox_id, server.name, server.locked, server.status,
            server.disposal, server.move_to, server.read_junk, server.dry_run, server.only_mail_from,
            server.poll_seconds, server.blacklist_scope,
        ),
    )  # fmt: skip


def remove(connection: Connection, uid: str) -> None:
    """Deletes a server. Its mailbox's ledger and log stay."""
    connection.execute("delete from bounce_servers where uid = %s", (uid,))
