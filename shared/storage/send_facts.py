"""What a batch of send requests is judged by. Each read covers the whole batch; nothing is locked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from shared.domain.mailboxes import Provider
from shared.domain.send_requests import Asker, Campaign, KnownSend, UsableServer
from shared.domain.sending import SendState
from shared.domain.unsubscribing import ListUnsubscribing
from shared.storage.database import Connection
from shared.storage.send_servers import MOST_RECIPIENTS

# Beyond this many nobody cares which of two servers has more of them waiting.
_COUNTED_WAITING: Final = 200

_ALLOWED: Final = """
    (c.group_id is null or exists (
        select from group_server_types g where g.group_id = c.group_id
        and g.server_type = case m.provider when 'microsoft' then 'microsoft-graph-api' else 'gmail-api' end))
"""


def askers(connection: Connection, names: Iterable[str]) -> dict[str, Asker]:
    """The integrations of these names."""
    rows = connection.execute(
        """
        select i.name, i.enabled, c.id, c.uid from integrations i left join customers c on c.id = i.customer_id
        where i.name = any(%s)
        """,
        (list(names),),
    )
    return {row[0]: Asker(*row) for row in rows}


def integrations(connection: Connection) -> list[str]:
    """Names of all that are enabled."""
    return [row[0] for row in connection.execute("select name from integrations where enabled order by name")]


def customers(connection: Connection, uids: Iterable[str]) -> dict[str, int]:
    """Customers' ids by uid."""
    rows = connection.execute("select uid, id from customers where uid = any(%s)", (list(uids),))
    return {row[0]: row[1] for row in rows}


def servers(connection: Connection, wanted: Iterable[tuple[int, str]]) -> dict[int, list[UsableServer]]:
    """Customer -> the servers that it may use: its own, and the operator's of a type that its group allows.

    wanted: (customer, uid of a server, or '' for every one of them, counted how many sends wait there).
    """
    pairs = sorted(set(wanted))
    rows = connection.execute(
        f"""
        select distinct on (c.id, d.id) c.id, d.id, d.uid, m.email, m.provider,
               d.locked or d.status <> 'active' or m.connection = 'not connected' or not {_ALLOWED}
                   or not coalesce((select (value #>> '{{}}')::boolean from settings where key = m.provider || '_enabled'), true),
               case when w.uid <> '' then 0 else (
                   select count(*) from (
                       select from sends s where s.server_id = d.id and s.state in ('accepted', 'deferred')
                       limit {_COUNTED_WAITING}) as first_ones) end,
               d.mode, {MOST_RECIPIENTS}
        from unnest(%s::bigint[], %s::text[]) as w (customer_id, uid)
        join customers c on c.id = w.customer_id
        join delivery_servers d on (d.customer_id = c.id or d.customer_id is null) and w.uid in ('', d.uid)
        join mailboxes m on m.id = d.mailbox_id join api_keys k on k.id = m.api_key_id
        where d.customer_id is not null or {_ALLOWED}
        order by c.id, d.id, w.uid
        """.encode(),
        ([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
    )
    found: dict[int, list[UsableServer]] = {}
    for customer_id, server_id, uid, email, provider, held, waiting, mode, recipients in rows:
        found.setdefault(customer_id, []).append(
            UsableServer(server_id, uid, email, Provider(provider), held, int(waiting), mode, recipients)
        )
    return found


def lists(connection: Connection, uids: Iterable[str]) -> dict[tuple[int, str], int]:
    """(customer, uid) -> list."""
    rows = connection.execute("select customer_id, uid, id from lists where uid = any(%s)", (list(uids),))
    return {(row[0], row[1]): row[2] for row in rows}


def unsubscribing(connection: Connection, list_ids: Iterable[int]) -> dict[int, ListUnsubscribing]:
    """List -> what it says in List-Unsubscribe, of those that say anything."""
    rows = connection.execute(
        """
        select id, uid, unsubscribe_url, unsubscribe_mailto from lists
        where id = any(%s) and coalesce(unsubscribe_url, unsubscribe_mailto) is not null
        """,
        (list(list_ids),),
    )
    return {row[0]: ListUnsubscribing(*row[1:]) for row in rows}


def campaigns(connection: Connection, uids: Iterable[str]) -> dict[tuple[int, str], Campaign]:
    """(customer, uid) -> campaign."""
    rows = connection.execute(
        "select customer_id, uid, id, list_id, group_id from campaigns where uid = any(%s)", (list(uids),)
    )
    return {(row[0], row[1]): Campaign(*row[2:]) for row in rows}


def groups(connection: Connection, uids: Iterable[str]) -> dict[tuple[int, str], int]:
    """(customer, uid) -> campaign group."""
    rows = connection.execute("select customer_id, uid, id from campaign_groups where uid = any(%s)", (list(uids),))
    return {(row[0], row[1]): row[2] for row in rows}


def blacklisted(connection: Connection, addresses: Sequence[str]) -> set[tuple[int | None, str]]:
    """(customer, None for everybody's, and address) of the entries that are in force."""
    rows = connection.execute(
        """
        select customer_id, address from blacklist
        where address = any(%s) and (expires_at is null or expires_at > now())
        """,
        (list(addresses),),
    )
    return {(row[0], row[1]) for row in rows}


def subscribers(
    connection: Connection, pairs: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], tuple[int, str, str]]:
    """(list, address) -> subscriber, status and uid. pairs: customer and address."""
    rows = connection.execute(
        """
        select s.list_id, s.email, s.id, s.status, s.uid
        from unnest(%s::bigint[], %s::text[]) as w (customer_id, email)
        join subscribers s on s.email = w.email and s.customer_id = w.customer_id
        """,
        _columns(pairs),
    )
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


def stopped(connection: Connection, pairs: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """(group, address) of subscribers whom a campaign group skips. pairs: customer and address."""
    rows = connection.execute(
        """
        select t.group_id, s.email
        from unnest(%s::bigint[], %s::text[]) as w (customer_id, email)
        join subscribers s on s.email = w.email and s.customer_id = w.customer_id
        join campaign_group_stops t on t.subscriber_id = s.id
        """,
        _columns(pairs),
    )
    return {(row[0], row[1]) for row in rows}


def known(connection: Connection, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], KnownSend]:
    """(customer, idempotency key) -> the send that has it."""
    rows = connection.execute(
        """
        select s.customer_id, s.idempotency_key, s.uid, s.request_hash, s.state, s.state_at, s.due_at, d.uid, s.message_id,
               s.reason, s.detail, m.actual_message_id, s.provider_mail_id
        from unnest(%s::bigint[], %s::text[]) as w (customer_id, key)
        join sends s on s.customer_id = w.customer_id and s.idempotency_key = w.key
        join delivery_servers d on d.id = s.server_id
        left join sent_mail m on m.id = s.sent_mail_id
        """,
        _columns(keys),
    )
    return {
        (row[0], row[1]): KnownSend(row[2], bytes(row[3]), SendState(row[4]), *row[5:13]) for row in rows
    }  # fmt: skip


def _columns(pairs: Iterable[tuple[int, str]]) -> tuple[list[int], list[str]]:
    rows = sorted(set(pairs))
    return [row[0] for row in rows], [row[1] for row in rows]
