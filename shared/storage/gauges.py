"""Where the installation stands, in numbers for /metrics: one query for all of them. Only reads; time is PostgreSQL's.

Whatever would be a series per mailbox or per key is cut off: the hundred that most need looking at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.storage.database import Connection
from shared.storage.send_servers import HOLD, PARTS
from shared.telemetry import Family, Reading

FAMILIES: Final[Mapping[str, Family]] = {
    "fetch_lag_seconds": Family(
        "Age of the oldest report that was listed and is not served, since it arrived", ("provider",)
    ),
    "mailbox_fetch_lag_seconds": Family(
        "The same for the hundred mailboxes that wait longest", ("provider", "mailbox")
    ),
    "stage_mails": Family("Mails that stand in a stage; tidy: served, and still in the mailbox", ("stage",)),
    "stage_age_seconds": Family("How long the oldest of them has stood there", ("stage",)),
    "unfetchable_mails": Family("Listed mails that could not be fetched three times or more"),
    "mailboxes": Family("Mailboxes by their connection; paused ones apart", ("provider", "connection")),
    "mailbox_not_connected": Family(
        "1 for a mailbox that a person must look at, a hundred at most", ("provider", "mailbox")
    ),
    "poll_overdue_seconds": Family("How long the mailbox that is most overdue has waited for its poll"),
    "mailboxes_throttled": Family("Mailboxes that wait because the provider said so", ("provider",)),
    "leases": Family("Poll leases: live, or expired without being given back", ("state",)),
    "tokens": Family(
        "Access tokens used in the last day: fresh, expired, or failing to be refreshed", ("provider", "state")
    ),
    "token_expiry_seconds": Family("Until the first token in use ends; negative: it has ended", ("provider",)),
    "keys_refused": Family("API keys that the provider refuses", ("provider",)),
    "secret_expiry_days": Family(
        "Until the key's secret ends, the hundred that end first", ("provider", "owner", "key")
    ),
    "budget_units": Family(
        "Least allowance that a mailbox in use had left at its last call, in provider units", ("provider",)
    ),
    "budgets_blocked": Family("Mailboxes whose allowance is blocked by a refusal of the provider", ("provider",)),
    "outbox_rows": Family("Messages that are committed and not published"),
    "outbox_age_seconds": Family("Age of the oldest of them"),
    "dead_letters": Family("Dead letters that wait for a person", ("queue",)),
    "unmatched_reports": Family("Reports of the last 30 days that are tied to no sent mail"),
    "held_bounces": Family("Hard bounces that the blast guard holds, and that wait for a person"),
    "open_holds": Family("Diagnostic patterns and domains for which blacklisting is held"),
    "sends_waiting": Family("Sends that are stored and not settled, by why they wait", ("state", "reason")),
    "send_due_age_seconds": Family("How long the send that is due for longest has waited for its turn"),
    "send_still_seconds": Family(
        "How long the delivery server that waits longest could have sent what is due, and nobody took anything of it"
    ),
    "send_unknown_age_seconds": Family("Since the first call of the oldest send of which nobody knows whether it left"),
    "requests_rejected": Family(
        "Send requests of the last hour that were rejected, the hundred that are most", ("integration", "reason")
    ),
    "quota_used_ratio": Family(
        "How much of its own hourly or daily quota a server has used, the hundred that have least left",
        ("server", "window"),
    ),
    "service_instances": Family("Instances that beat within the last minute", ("service",)),
    "heartbeat_age_seconds": Family("Since the last beat of the service's liveliest instance", ("service",)),
}

# Stages that wait for somebody, with the condition that finds each by its partial index.
_QUERY = f"""
with watched as (
    select m.* from mailboxes m
    where not m.paused and exists (select 1 from watchers w where w.mailbox_id = m.id and w.status = 'active')
),
waiting as materialized (
    select mailbox_id, stage, stage_at, coalesce(received_at, listed_at) as arrived_at, fetch_failures
    from fetched_mail where stage = 'listed'
    union all
    select mailbox_id, stage, stage_at, coalesce(received_at, listed_at), 0
    from fetched_mail where stage in ('fetched', 'classified')
    union all
    select mailbox_id, 'tidy', coalesce(served_at, stage_at), null, 0 from fetched_mail where disposal_due
),
lag as (
    select m.provider, m.email, greatest(0, extract(epoch from now() - min(w.arrived_at))) as seconds
    from waiting w join watched m on m.id = w.mailbox_id
    where w.arrived_at is not null and w.fetch_failures < 3 group by m.provider, m.email
),
used_tokens as (
    select provider, expires_at, failed_at is not null and retry_at is not null as failing
    from access_tokens where used_at > now() - interval '1 day'
),
waiting_sends as (
    select state, reason, count(*) as many from sends where state in ('accepted', 'deferred') group by 1, 2
    union all select state, reason, count(*) from sends where state in ('claimed', 'sending') group by 1, 2
    union all select state, reason, count(*) from sends where state = 'unknown' group by 1, 2
    union all select unnest(array['accepted', 'claimed', 'sending']), '', 0
    union all select 'unknown', unnest(array['no_answer', 'cannot_look']), 0
    union all select 'deferred', unnest(array['quota', 'key_refused', 'not_connected', 'permission_missing']), 0
),
still as (
    select extract(epoch from now() - greatest(d.served_at, d.next_free_at, f.due_at)) as seconds
    from {PARTS} cross join lateral (
        select s.due_at from sends s where s.server_id = d.id and s.state in ('accepted', 'deferred')
        order by s.due_at limit 1) f
    where f.due_at <= now() and d.next_free_at <= now() and {HOLD} is null
),
-- Whoever was not served lately uses nothing up; a day holds no more than what a provider lets out in it.
quotas as (
    select d.id, d.uid, q.span, q.length, q.quota from delivery_servers d cross join lateral (values
        ('hour', interval '1 hour', d.hourly_quota), ('day', interval '1 day', d.daily_quota)) q (span, length, quota)
    where q.quota is not null and d.served_at > now() - q.length order by d.served_at desc limit 200
),
providers as (select unnest(array['microsoft', 'google']) as provider),
stages as (select unnest(array['listed', 'fetched', 'classified', 'tidy']) as stage)

select 'fetch_lag_seconds', array[p.provider], coalesce(max(l.seconds), 0)::float8
from providers p left join lag l using (provider) group by p.provider
union all
(select 'mailbox_fetch_lag_seconds', array[provider, email], seconds::float8 from lag order by seconds desc limit 100)
union all
select 'stage_mails', array[s.stage], count(w.stage)::float8 from stages s left join waiting w using (stage) group by s.stage
union all
select 'stage_age_seconds', array[s.stage], coalesce(extract(epoch from now() - min(w.stage_at)), 0)::float8
from stages s left join waiting w on w.stage = s.stage and w.fetch_failures < 3 group by s.stage
union all
select 'unfetchable_mails', '{{}}', count(*)::float8 from waiting where fetch_failures >= 3
union all
select 'mailboxes', array[p.provider, c.connection], count(m.id)::float8
from providers p cross join unnest(array['connected', 'not connected', 'unknown', 'paused']) as c (connection)
left join mailboxes m on m.provider = p.provider
    and case when m.paused then 'paused' else m.connection end = c.connection
group by p.provider, c.connection
union all
(select distinct 'mailbox_not_connected', array[provider, email], 1::float8 from watched
 where connection = 'not connected' order by 2 limit 100)
union all
select 'poll_overdue_seconds', '{{}}',
       coalesce(greatest(0, extract(epoch from now() - min(m.next_poll_at))), 0)::float8
from watched m join api_keys k on k.id = m.api_key_id
where coalesce(m.leased_until, '-infinity') < now() and coalesce(k.retry_at, '-infinity') < now()
union all
select 'mailboxes_throttled', array[p.provider], count(m.id)::float8
from providers p left join watched m on m.provider = p.provider and m.throttled_until > now() group by p.provider
union all
select 'leases', array[s.state], count(m.id)::float8
from unnest(array['live', 'expired']) as s (state)
left join mailboxes m on m.lease_holder is not null and (m.leased_until > now()) = (s.state = 'live') group by s.state
union all
select 'tokens', array[p.provider, s.state], count(t.provider)::float8
from providers p cross join unnest(array['fresh', 'expired', 'failing']) as s (state)
left join used_tokens t on t.provider = p.provider
    and case when t.failing then 'failing' when t.expires_at > now() then 'fresh' else 'expired' end = s.state
group by p.provider, s.state
union all
select 'token_expiry_seconds', array[provider], extract(epoch from min(expires_at) - now())::float8
from used_tokens where expires_at is not null and not failing group by provider
union all
select 'keys_refused', array[p.provider], count(k.id)::float8
from providers p left join api_keys k on k.provider = p.provider and k.failed_at is not null group by p.provider
union all
(select 'secret_expiry_days', array[k.provider, coalesce(c.uid, 'system'), k.name],
        (k.secret_expires_on - current_date)::float8
 from api_keys k left join customers c on c.id = k.customer_id
 where k.secret_expires_on is not null order by k.secret_expires_on limit 100)
union all
select 'budget_units', array[split_part(scope, '/', 1)], min(available)::float8
from mailbox_budgets where refilled_at > now() - interval '5 minutes' group by 2
union all
select 'budgets_blocked', array[p.provider], count(b.scope)::float8
from providers p left join mailbox_budgets b on split_part(b.scope, '/', 1) = p.provider and b.blocked_until > now()
group by p.provider
union all
select 'outbox_rows', '{{}}', count(*)::float8 from outbox
union all
select 'outbox_age_seconds', '{{}}', coalesce(extract(epoch from now() - min(added_at)), 0)::float8 from outbox
union all
select 'dead_letters', array[q.queue], count(d.id)::float8
from (select unnest(%(queues)s::text[]) as queue union select queue from dead_letters where replayed_at is null) q
left join dead_letters d on d.queue = q.queue and d.replayed_at is null group by q.queue
union all
select 'unmatched_reports', '{{}}', count(*)::float8
from bounce_log where matched_by is null and logged_at > now() - interval '30 days'
union all
select 'held_bounces', '{{}}', count(*)::float8 from bounce_log where effect = 'held'
union all
select 'open_holds', '{{}}', count(*)::float8 from bounce_holds where closed_at is null
union all
select 'sends_waiting', array[state, reason], sum(many)::float8 from waiting_sends group by state, reason
union all
select 'send_due_age_seconds', '{{}}', coalesce(greatest(0, extract(epoch from now() - min(due_at))), 0)::float8
from sends where state in ('accepted', 'deferred')
union all
select 'send_still_seconds', '{{}}', coalesce(greatest(0, max(seconds)), 0)::float8 from still
union all
select 'send_unknown_age_seconds', '{{}}',
       coalesce(greatest(0, extract(epoch from now() - min(coalesce(first_call_at, state_at)))), 0)::float8
from sends where state = 'unknown'
union all
(select 'requests_rejected', array[integration, reason], count(*)::float8
 from rejected_requests where rejected_at > now() - interval '1 hour' group by 2 order by 3 desc limit 100)
union all
(select 'quota_used_ratio', array[q.uid, q.span], round((
        select count(*) from (
            select from send_ledger l where l.server_id = q.id and l.ended_at > now() - q.length limit q.quota) u
    ) / q.quota::numeric, 4)::float8 as ratio
 from quotas q order by ratio desc limit 100)
union all
select 'service_instances', array[service], count(*) filter (where beat_at > now() - interval '1 minute')::float8
from heartbeats group by service
union all
select 'heartbeat_age_seconds', array[service], extract(epoch from now() - max(beat_at))::float8
from heartbeats group by service
"""


def read(connection: Connection, queues: list[str]) -> list[Reading]:
    """Every gauge of FAMILIES that has a value. queues: work queues that are shown without dead letters too.

    Gives up after three seconds: a scrape that is late is of no use, and must not burden a database in trouble.
    """
    connection.execute("set local statement_timeout = '3s'")
    connection.execute("set local jit = off")  # compiling this query takes longer than running it
    rows = connection.execute(_QUERY.encode(), {"queues": queues}).fetchall()
    return [Reading(str(name), tuple(labels), float(value)) for name, labels, value in rows]
