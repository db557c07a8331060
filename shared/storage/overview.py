"""Where everything stands: what `status` shows. Only reads; time is PostgreSQL's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """One mailbox link.

    polling: a live lease says so (A213: shown as `cron-running`). failure: what the last test or poll was refused for.
    token_expires_at: of the token that lasts longest; token_failure: why the last refresh failed. poll_wanted: its turn
    has come and nobody took it yet. waiting_disposals: mails that are done with, and still lie in the mailbox.
    servers, active_servers: bounce servers and monitors; dry_run_servers: bounce servers only.
    waiting_servers: names of servers that are inactive until a check of the mailbox passes. delivery_servers: active ones.
    """

    mailbox_id: int
    email: str
    provider: str
    owner: str | None
    key: str
    connection: str
    failure: dict[str, Any] | None
    paused: bool
    polling: bool
    lease_holder: str | None
    requested: bool
    next_poll_at: datetime
    last_polled_at: datetime | None
    last_poll: dict[str, Any] | None
    throttled_until: datetime | None
    token_expires_at: datetime | None
    token_failure: dict[str, Any] | None
    key_failure: dict[str, Any] | None
    servers: int
    active_servers: int
    dry_run_servers: int
    listed: int
    fetched: int
    classified: int
    unfetchable: int
    waiting_disposals: int
    waiting_servers: list[str]
    delivery_servers: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over everything. The *_today ones are of the last 24 hours. held_bounces: those that wait for a person."""

    customers: int
    subscribers: int
    blacklisted_addresses: int
    bounces_today: int
    unmatched_today: int
    effects_today: dict[str, int]
    outbox_rows: int
    outbox_age: timedelta
    oldest_waiting: timedelta
    held_bounces: int
    open_holds: int


@dataclass(frozen=True, slots=True)
class MonitorTotals:
    """Monitors over everything. paused: until somebody resumes them. waiting: inactive until a check passes. effects_today: their log's rows of the last 24 hours."""

    active: int
    paused: int
    inactive: int
    waiting: int
    dry_run: int
    effects_today: dict[str, int]


def monitor_totals(connection: Connection) -> MonitorTotals:
    """Counts over the monitors of everybody."""
    with connection.cursor(row_factory=class_row(MonitorTotals)) as cursor:
        row = cursor.execute(
            """
            select count(*) filter (where status = 'active') as active, count(*) filter (where status = 'paused') as paused,
                   count(*) filter (where status = 'inactive' and inactive_reason is null) as inactive,
                   count(*) filter (where inactive_reason is not null) as waiting,
                   count(*) filter (where status = 'active' and dry_run) as dry_run,
                   (select coalesce(jsonb_object_agg(effect, rows), '{}') from (
                        select effect, count(*) as rows from monitor_log
                        where logged_at > now() - interval '24 hours' group by effect) t) as effects_today
            from monitors
            """
        ).fetchone()
    assert row is not None
    return row


def now(connection: Connection) -> datetime:
    """The one clock: PostgreSQL's, aware."""
    row = connection.execute("select now()").fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


def new_id(connection: Connection) -> UUID:
    """A random id for a message that a person's command begins."""
    row = connection.execute("select gen_random_uuid()").fetchone()
    assert row is not None
    made: UUID = row[0]
    return made


def mailboxes(connection: Connection, email: str | None = None, provider: str | None = None) -> list[MailboxLine]:
    """Every mailbox, or those of one address."""
    with connection.cursor(row_factory=class_row(MailboxLine)) as cursor:
        return cursor.execute(
            """
            select m.id as mailbox_id, m.email, m.provider, c.uid as owner, k.name as key, m.connection,
                   m.connection_failure as failure, m.paused,
                   m.leased_until > now() is true as polling,
                   case when m.leased_until > now() then m.lease_holder end as lease_holder,
                   m.poll_requested_until > now() is true as requested,
                   m.next_poll_at, m.last_polled_at, m.last_poll,
                   case when m.throttled_until > now() then m.throttled_until end as throttled_until,
                   t.expires_at as token_expires_at, t.failure as token_failure, k.failure as key_failure,
                   coalesce(s.servers, 0) as servers, coalesce(s.active, 0) as active_servers,
                   coalesce(s.dry, 0) as dry_run_servers,
                   coalesce(f.listed, 0) as listed, coalesce(f.fetched, 0) as fetched,
                   coalesce(f.classified, 0) as classified, coalesce(f.unfetchable, 0) as unfetchable,
                   coalesce(f.disposals, 0) as waiting_disposals, coalesce(s.waiting, '{}') || coalesce(d.waiting, '{}') as waiting_servers,
                   coalesce(d.active, 0) as delivery_servers
            from mailboxes m
            join api_keys k on k.id = m.api_key_id
            left join customers c on c.id = m.customer_id
            left join lateral (
                select max(expires_at) as expires_at,
                       (array_agg(failure order by failed_at desc) filter (where failure is not null))[1] as failure
                from access_tokens a
                where a.api_key_id = m.api_key_id and (a.provider = 'microsoft' or a.subject = m.email)
            ) t on true
            left join (
                select mailbox_id, count(*) as servers, count(*) filter (where status = 'active') as active,
                       count(*) filter (where status = 'active' and dry_run and bounces) as dry,
                       array_agg(name order by name) filter (where inactive_reason is not null) as waiting
                from (select mailbox_id, name, status, dry_run, inactive_reason, true as bounces from bounce_servers
                      union all
                      select mailbox_id, name, status, dry_run, inactive_reason, false from monitors) w
                group by mailbox_id
            ) s on s.mailbox_id = m.id
            left join (
                select mailbox_id, count(*) filter (where status = 'active') as active,
                       array_agg(name order by name) filter (where inactive_reason is not null) as waiting
                from delivery_servers group by mailbox_id
            ) d on d.mailbox_id = m.id
            left join (
                select mailbox_id, count(*) filter (where stage = 'listed') as listed,
                       count(*) filter (where stage = 'fetched') as fetched,
                       count(*) filter (where stage = 'classified') as classified,
                       count(*) filter (where stage = 'listed' and fetch_failures >= 3) as unfetchable,
                       count(*) filter (where disposal_due) as disposals
                from fetched_mail
                where stage = 'listed' or stage in ('fetched', 'classified') or disposal_due
                group by mailbox_id
            ) f on f.mailbox_id = m.id
            where (%(email)s::text is null or m.email = %(email)s)
              and (%(provider)s::text is null or m.provider = %(provider)s)
            order by m.provider, m.email, c.uid nulls first
            """,
            {"email": email, "provider": provider},
        ).fetchall()


def totals(connection: Connection) -> Totals:
    """Counts over all customers."""
    with connection.cursor(row_factory=class_row(Totals)) as cursor:
        row = cursor.execute(
            """
            with today as (
                select effect, count(*) as rows from bounce_log where logged_at > now() - interval '24 hours' group by effect
            )
            select (select count(*) from customers) as customers, (select count(*) from subscribers) as subscribers,
                   (select count(distinct address) from blacklist where expires_at is null or expires_at > now())
                       as blacklisted_addresses,
                   (select coalesce(sum(rows), 0) from today)::bigint as bounces_today,
                   (select count(*) from bounce_log where matched_by is null and logged_at > now() - interval '24 hours')
                       as unmatched_today,
                   (select coalesce(jsonb_object_agg(effect, rows), '{}') from today) as effects_today,
                   (select count(*) from outbox) as outbox_rows,
                   (select coalesce(now() - min(added_at), '0') from outbox) as outbox_age,
                   (select coalesce(now() - min(stage_at), '0') from fetched_mail
                    where stage in ('fetched', 'classified')) as oldest_waiting,
                   (select count(*) from bounce_log where effect = 'held') as held_bounces,
                   (select count(*) from bounce_holds where closed_at is null) as open_holds
            """
        ).fetchone()
    assert row is not None
    return row
