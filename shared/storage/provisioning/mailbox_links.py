"""The link of a key's owner to a mailbox (A127-A129), shared by every kind of server that uses the mailbox."""

from __future__ import annotations

from shared.storage.database import Connection


def link(connection: Connection, email: str, key_uid: str) -> int | None:
    """The id of the link, made if there is none. It is due at once; with another key than before its state is unknown."""
    row = connection.execute(
        """
        insert into mailboxes (customer_id, email, provider, api_key_id)
        select customer_id, %s, provider, id from api_keys where uid = %s
        on conflict (customer_id, email, provider) do update set
            api_key_id = excluded.api_key_id,
            connection = case when mailboxes.api_key_id = excluded.api_key_id then mailboxes.connection else 'unknown' end,
            next_poll_at = now()
        returning id
        """,
        (email, key_uid),
    ).fetchone()
    return int(row[0]) if row else None


def forget_idle_mailboxes(connection: Connection) -> int:
    """Deletes mailboxes that no server uses and that never held a mail; returns how many."""
    return connection.execute(
        """
        delete from mailboxes m
        where not exists (select 1 from bounce_servers s where s.mailbox_id = m.id)
          and not exists (select 1 from delivery_servers s where s.mailbox_id = m.id)
          and not exists (select 1 from monitors s where s.mailbox_id = m.id)
          and not exists (select 1 from fetched_mail f where f.mailbox_id = m.id)
        """
    ).rowcount
