"""Bounce servers and the mailboxes they look into."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.installation import BounceServerRecord
from shared.storage.database import Connection
from shared.storage.provisioning.mailbox_links import columns, link_all


def save(connection: Connection, server: BounceServerRecord) -> None:
    """Creates or updates a server; see save_all."""
    save_all(connection, [server])


def save_all(connection: Connection, servers: Sequence[BounceServerRecord]) -> None:
    """Creates or updates servers, each uid once, and the link of each key's owner to the mailbox (A128): two statements for any
    number. New ones are due at once.

    One that waits for a passed check goes on waiting, unless it is to be inactive anyway.
    """
    if not servers:
        return
    mailboxes = link_all(connection, [(one.email, one.key) for one in servers])
    connection.execute(
        """
        insert into bounce_servers (uid, customer_id, mailbox_id, name, locked, status, disposal, move_to, read_junk,
                                    dry_run, only_mail_from, poll_seconds, blacklist_scope)
        select t.uid, c.id, t.mailbox_id, t.name, t.locked, t.status, t.disposal, t.move_to, t.read_junk, t.dry_run,
               t.only_mail_from, t.poll_seconds, t.blacklist_scope
        from unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::boolean[], %s::text[], %s::text[], %s::text[],
                    %s::boolean[], %s::boolean[], %s::timestamptz[], %s::integer[], %s::text[]) with ordinality as t (
            uid, customer, mailbox_id, name, locked, status, disposal, move_to, read_junk, dry_run, only_mail_from,
            poll_seconds, blacklist_scope, n)
        left join customers c on c.uid = t.customer order by t.n
        on conflict (uid) do update set
            mailbox_id = excluded.mailbox_id, name = excluded.name, locked = excluded.locked,
            status = case when bounce_servers.inactive_reason is null then excluded.status else 'inactive' end,
            inactive_reason = case when excluded.status = 'active' then bounce_servers.inactive_reason end,
            disposal = excluded.disposal, move_to = excluded.move_to, read_junk = excluded.read_junk,
            dry_run = excluded.dry_run, only_mail_from = excluded.only_mail_from,
            poll_seconds = excluded.poll_seconds, blacklist_scope = excluded.blacklist_scope
        """,
        columns(
            (
                one.uid, one.customer, mailbox_id, one.name, one.locked, one.status, one.disposal, one.move_to,
                one.read_junk, one.dry_run, one.only_mail_from, one.poll_seconds, one.blacklist_scope,
            )
            for one, mailbox_id in zip(servers, mailboxes, strict=True)
        ),
    )  # fmt: skip


def remove(connection: Connection, uid: str) -> None:
    """Deletes a server. Its mailbox's ledger and log stay."""
    connection.execute("delete from bounce_servers where uid = %s", (uid,))
