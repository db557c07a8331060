"""Delivery servers as the sender sees them: which one is next, why one is held, and until when one can send nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from psycopg.rows import class_row, dict_row

from shared.domain.mailboxes import Provider
from shared.domain.sending import RECIPIENTS_PER_MAIL, Reason
from shared.storage.database import Connection

# How long a refusal counts before the server is tried again: nobody may have told us that it was mended.
_TRY_AGAIN = "interval '1 hour'"

# Why a server `d` with its mailbox `m` and key `k` sends nothing, whatever its quotas are; null: nothing stands in the way.
# The most general reason comes first. Each ends by itself when the thing it names is changed.
HOLD: Final = f"""
    case
        when not coalesce((select (value #>> '{{}}')::boolean from settings where key = 'extension_enabled'), true)
            then 'extension_disabled'
        when not coalesce((select (value #>> '{{}}')::boolean from settings where key = m.provider || '_enabled'), true)
            then 'provider_disabled'
        when exists (
            select from customers c where c.id = d.customer_id and c.group_id is not null and not exists (
                select from group_server_types g where g.group_id = c.group_id
                and g.server_type = case m.provider when 'microsoft' then 'microsoft-graph-api' else 'gmail-api' end))
            then 'type_not_allowed'
        when d.locked then 'server_locked'
        when d.status <> 'active' then 'server_inactive'
        when k.failed_at is not null and k.retry_at > now() then 'key_refused'
        when m.connection = 'not connected' and coalesce(m.checked_at, now()) > now() - {_TRY_AGAIN} then 'not_connected'
    end
"""
PARTS: Final = """
    delivery_servers d join mailboxes m on m.id = d.mailbox_id join api_keys k on k.id = m.api_key_id
"""
# To how many one mail may go from it: of its key, else of its provider.
MOST_RECIPIENTS: Final = f"""
    case when k.send_limits ? 'recipients_per_mail' then coalesce((k.send_limits ->> 'recipients_per_mail')::integer, {2**31 - 1})
         when m.provider = 'google' then {RECIPIENTS_PER_MAIL[Provider.GOOGLE]} else {RECIPIENTS_PER_MAIL[Provider.MICROSOFT]} end
"""
WAITING: Final = "s.state in ('accepted', 'deferred') and s.due_at <= now()"


@dataclass(frozen=True, slots=True)
class Server:
    """A delivery server with its mailbox. customer_id None: the operator's. Quotas None: no limit. today: PostgreSQL's, UTC.

    warm_up: (from day, mails a day), ordered; day 1 is warm_up_from. send_limits: where its key differs from the provider's.
    """

    server_id: int
    uid: str
    customer_id: int | None
    mailbox_id: int
    provider: Provider
    mailbox: str
    api_key_id: int
    from_name: str
    reply_to: str | None
    display_name: str
    mode: str
    draft_first: bool
    primed: bool
    hourly_quota: int | None
    daily_quota: int | None
    monthly_quota: int | None
    pause: timedelta
    warm_up: tuple[tuple[int, int], ...]
    warm_up_from: date | None
    today: date
    send_limits: Mapping[str, int | None]


_COLUMNS: Final = """
    d.id as server_id, d.uid, d.customer_id, m.id as mailbox_id, m.provider, m.email as mailbox, m.api_key_id, d.from_name,
    d.reply_to, d.display_name, d.mode, d.draft_first, d.primed_at is not null as primed, d.hourly_quota, d.daily_quota,
    d.monthly_quota, make_interval(secs => d.pause_seconds) as pause, d.warm_up, d.warm_up_from,
    (now() at time zone 'utc')::date as today, k.send_limits
"""


def _servers(connection: Connection, query: str, values: tuple[object, ...]) -> list[Server]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
    return [Server(**{**row, "provider": Provider(row["provider"]), "warm_up": _steps(row["warm_up"])}) for row in rows]


def _steps(warm_up: Sequence[Sequence[int]] | None) -> tuple[tuple[int, int], ...]:
    return tuple((int(day), int(mails)) for day, mails in warm_up or ())


def lock_next(connection: Connection, in_hand: Sequence[int]) -> Server | None:
    """The server with due sends that has not been served for longest, locked until the transaction ends; None: there is none.

    Left out: those of `in_hand`, those that another sender has locked, that are held, or that can send nothing yet.
    The mailbox's row of `sending_mailboxes` is locked after it, always in this order.
    """
    found = _servers(
        connection,
        f"""
        select {_COLUMNS} from {PARTS}
        where d.id <> all(%s) and d.next_free_at <= now() and {HOLD} is null
          and exists (select from sends s where s.server_id = d.id and {WAITING})
        order by d.served_at, d.id limit 1 for update of d skip locked
        """,
        (list(in_hand),),
    )
    for server in found:
        lock_mailbox(connection, server)
        return server
    return None


def lock_mailbox(connection: Connection, server: Server) -> None:
    """Locks the mailbox's row, which it makes if it is missing: servers of several owners may send from one mailbox."""
    connection.execute(
        """
        insert into sending_mailboxes (provider, mailbox) values (%s, %s)
        on conflict (provider, mailbox) do update set mailbox = excluded.mailbox
        """,
        (server.provider, server.mailbox),
    )


def by_id(connection: Connection, server_ids: Sequence[int]) -> dict[int, Server]:
    """The servers, not locked."""
    query = f"select {_COLUMNS} from {PARTS} where d.id = any(%s)"
    return {server.server_id: server for server in _servers(connection, query, (list(server_ids),))}


def seconds_until_free(connection: Connection, in_hand: Sequence[int], at_most: float) -> float:
    """Until the first server that waits for its time, and has due sends, is free again; `at_most` if that is longer."""
    row = connection.execute(
        f"""
        select extract(epoch from min(greatest(d.next_free_at, now())) - clock_timestamp())::float8
        from delivery_servers d
        where d.id <> all(%s) and d.next_free_at between now() and now() + make_interval(secs => %s)
          and exists (select from sends s where s.server_id = d.id and {WAITING})
        """.encode(),
        (list(in_hand), at_most),
    ).fetchone()
    return max(0.0, min(at_most, row[0])) if row and row[0] is not None else at_most


def mailbox_free_at(connection: Connection, server: Server) -> tuple[datetime, str] | None:
    """Until when, and why, nothing leaves the server's mailbox; None: it may."""
    row = connection.execute(
        """
        select next_free_at, coalesce(next_free_reason, 'throttled') from sending_mailboxes
        where provider = %s and mailbox = %s and next_free_at > clock_timestamp()
        """,
        (server.provider, server.mailbox),
    ).fetchone()
    return (row[0], row[1]) if row else None


def block(connection: Connection, server_id: int, until: datetime, reason: Reason, detail: str) -> None:
    """Nothing can leave the server before `until`. It counts as served: it had its turn."""
    connection.execute(
        """
        update delivery_servers
        set next_free_at = %s, next_free_reason = %s, next_free_detail = %s, served_at = clock_timestamp() where id = %s
        """,
        (until, reason, detail, server_id),
    )


def block_for(connection: Connection, server_id: int, wait: timedelta, reason: Reason, detail: str) -> None:
    """Nothing leaves the server for that long: the provider has said so, or a person has to mend something."""
    connection.execute(
        """
        update delivery_servers
        set next_free_at = clock_timestamp() + %s, next_free_reason = %s, next_free_detail = %s where id = %s
        """,
        (wait, reason, detail[:2000], server_id),
    )


def block_mailbox(connection: Connection, server: Server, seconds: float, reason: Reason) -> None:
    """The provider refused: no server sends from this mailbox for that long."""
    connection.execute(
        """
        update sending_mailboxes
        set next_free_at = greatest(next_free_at, clock_timestamp() + make_interval(secs => %s)), next_free_reason = %s
        where provider = %s and mailbox = %s
        """,
        (seconds, reason, server.provider, server.mailbox),
    )


def served(connection: Connection, server_id: int) -> None:
    """It had its turn, and sends again."""
    connection.execute(
        """
        update delivery_servers
        set served_at = clock_timestamp(), next_free_at = '-infinity', next_free_reason = null, next_free_detail = ''
        where id = %s
        """,
        (server_id,),
    )


def primed(connection: Connection, server: Server) -> None:
    """Its mailbox keeps our header in mails sent as MIME; so it does for every server of that mailbox."""
    connection.execute(
        """
        update delivery_servers d set primed_at = now() from mailboxes m
        where m.id = d.mailbox_id and m.provider = %s and m.email = %s and d.primed_at is null
        """,
        (server.provider, server.mailbox),
    )


def note_display_name(connection: Connection, server: Server, name: str) -> None:
    """The name that the provider put before the address of a sent mail which named none; so it does for every server of that mailbox."""
    connection.execute(
        """
        update delivery_servers d set display_name = %s from mailboxes m
        where m.id = d.mailbox_id and m.provider = %s and m.email = %s and d.display_name <> %s
        """,
        (name, server.provider, server.mailbox, name),
    )


@dataclass(frozen=True, slots=True)
class Stopped:
    """A server that sends nothing now though sends wait. until: None for a hold, which ends when somebody changes something."""

    server_id: int
    reason: Reason
    detail: str
    until: datetime | None


def stopped(connection: Connection, longer_than: timedelta, limit: int) -> list[Stopped]:
    """Servers with due sends that are held, or that are free only in `longer_than` or later."""
    rows = connection.execute(
        f"""
        with stopped as (
            select d.id, {HOLD} as hold, d.next_free_at, d.next_free_reason, d.next_free_detail from {PARTS}
            where exists (select from sends s where s.server_id = d.id and {WAITING})
        )
        select id, coalesce(hold, next_free_reason, 'quota'), case when hold is null then next_free_detail else '' end,
               case when hold is null then next_free_at end
        from stopped where hold is not null or next_free_at > now() + %s order by id limit %s
        """.encode(),
        (longer_than, limit),
    )
    return [Stopped(row[0], Reason(row[1]), row[2], row[3]) for row in rows]


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A delivery server for `status`. reason: why it sends nothing now, ''; until: None for a hold. inactive_reason: the failed
    check that keeps it from being active. waiting: due sends, counted up to a thousand. held: unknown ones that wait for a person."""

    name: str
    email: str
    owner: str | None
    reason: str
    detail: str
    until: datetime | None
    inactive_reason: dict[str, Any] | None
    waiting: int
    held: int


def lines(connection: Connection) -> list[ServerLine]:
    """Every delivery server."""
    with connection.cursor(row_factory=class_row(ServerLine)) as cursor:
        return cursor.execute(
            f"""
            with servers as (
                select d.id, d.name, m.email, c.uid as owner, {HOLD} as hold, d.inactive_reason,
                       case when d.next_free_at > now() then d.next_free_at end as until, d.next_free_reason,
                       d.next_free_detail
                from {PARTS} left join customers c on c.id = d.customer_id
            )
            select name, email, owner, coalesce(hold, case when until is not null then next_free_reason end, '') as reason,
                   case when hold is null and until is not null then next_free_detail else '' end as detail,
                   case when hold is null then until end as until, inactive_reason,
                   (select count(*) from (
                       select from sends s where s.server_id = servers.id and {WAITING} limit 1000) w)::integer as waiting,
                   (select count(*) from sends s where s.server_id = servers.id and s.state = 'unknown'
                       and s.reason = 'cannot_look')::integer as held
            from servers order by name, email
            """.encode()
        ).fetchall()
