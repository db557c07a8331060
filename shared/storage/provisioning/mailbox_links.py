"""The link of a key's owner to a mailbox (A127-A129), shared by every kind of server that uses the mailbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.storage.database import Connection


def link(connection: Connection, email: str, key_uid: str) -> int | None:
    """The id of the link, made if there is none. It is due at once; with another key than before its state is unknown."""
    return link_all(connection, [(email, key_uid)])[0]


def link_all(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[int | None]:
    """The same for many (address, key's uid) at once: ids in their order. Of two keys of one owner the later one is taken."""
    rows = connection.execute(
        """
        with wanted as (
            select t.n, t.email, k.customer_id, k.provider, k.id as key_id
            from unnest(%s::text[], %s::text[]) with ordinality as t (email, key, n) join api_keys k on k.uid = t.key
        ),
        linked as (
            insert into mailboxes (customer_id, email, provider, api_key_id)
            select distinct on (customer_id, email, provider) customer_id, email, provider, key_id from wanted
            order by customer_id, email, provider, n desc
            on conflict (customer_id, email, provider) do update set
                api_key_id = excluded.api_key_id,
                connection = case when mailboxes.api_key_id = excluded.api_key_id then mailboxes.connection else 'unknown' end,
                next_poll_at = now()
            returning id, customer_id, email, provider
        )
        select w.n, l.id from wanted w
        join linked l on l.email = w.email and l.provider = w.provider and l.customer_id is not distinct from w.customer_id
        """,
        ([email for email, _ in wanted], [key for _, key in wanted]),
    )
    ids = {row[0]: int(row[1]) for row in rows}
    return [ids.get(n) for n in range(1, len(wanted) + 1)]


def columns(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """Rows, at least one, as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


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
