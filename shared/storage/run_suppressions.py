"""What follows for the blacklist and for subscribers when a run changes rows of the bounce log: noted as effects of the run.

The same for a dry run and for one that is applied. Whoever applies it calls `lock` first, in the order in which the actions
service takes its locks: log rows, entries, subscribers.
"""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.suppression import Entry, Fate, fate
from shared.storage.database import Connection

# Log rows of the run that no longer blacklist or unsubscribe, and those that do so from now on.
_LOST = """
    lost as (
        select e.bounce_id, e.address, e.customer_id, e.before ->> 'effect' as effect
        from run_effects e
        where e.run_id = %(run)s and e.what = 'log_row' and e.kept is null and e.bounce_id is not null
          and e.before ->> 'effect' in ('blacklisted', 'unsubscribed')
          and e.after ->> 'effect' is distinct from e.before ->> 'effect'
    )
"""
_GAINED = """
    gained as (
        select e.id, e.key, e.bounce_id, e.address, e.customer_id, e.everywhere, e.after ->> 'effect' as effect,
               coalesce(e.after ->> 'diagnostic', b.diagnostic, e.after ->> 'reason', b.reason, '') as reason,
               (select s.list_id from sent_mail s
                where s.id = coalesce((e.after ->> 'sent_mail_id')::bigint, b.sent_mail_id)) as list_id
        from run_effects e left join bounce_log b on b.id = e.bounce_id
        where e.run_id = %(run)s and e.what = 'log_row' and e.kept is null and e.customer_id is not null
          and e.after ->> 'effect' in ('blacklisted', 'unsubscribed')
          and e.after ->> 'effect' is distinct from e.before ->> 'effect'
    )
"""


_CONCERNED = "select address from run_effects where run_id = %(run)s and what = 'log_row' and address <> ''"
# In the order in which the actions service takes them, so that nobody waits in a circle.
_LOCK_ENTRIES = (
    f"select 1 from blacklist where address in ({_CONCERNED}) order by customer_id nulls first, address for update"
)
_LOCK_SUBSCRIBERS = f"select 1 from subscribers where email in ({_CONCERNED}) order by id for update"


def lock(connection: Connection, run_id: int) -> None:
    """Nobody else changes the entries and subscribers that the run may concern, until the transaction ends."""
    for query in (_LOCK_ENTRIES, _LOCK_SUBSCRIBERS):
        connection.execute(query.encode(), {"run": run_id})


def plan(connection: Connection, run_id: int) -> None:
    """Notes what becomes of entries, then of subscribers."""
    _plan_freed(connection, run_id)
    _plan_added(connection, run_id)
    _plan_stopped(connection, run_id)
    _plan_restored(connection, run_id)


def _plan_freed(connection: Connection, run_id: int) -> None:
    """Entries whose bounce blacklists no more: freed, given another cause, or kept."""
    rows = connection.execute(
        f"""
        with {_LOST}, {_GAINED}
        select to_jsonb(x), x.source, x.operator_at is not null, l.bounce_id,
               coalesce(
                   (select min(h.id) from bounce_log h
                    where h.recipient = x.address and h.effect = 'blacklisted'
                      and (x.customer_id is null or h.customer_id = x.customer_id)
                      and h.id not in (select bounce_id from lost)),
                   (select min(coalesce(g.bounce_id, 0)) from gained g
                    where g.address = x.address and g.effect = 'blacklisted'
                      and (x.customer_id is null or g.customer_id = x.customer_id)))
        from lost l join blacklist x on x.address = l.address and x.bounce_id = l.bounce_id
        where l.effect = 'blacklisted' order by x.id
        """.encode(),
        {"run": run_id},
    ).fetchall()
    decided = [(entry, bounce_id, fate(Entry(source, by, other))) for entry, source, by, bounce_id, other in rows]
    connection.execute(
        """
        insert into run_effects (run_id, what, key, target_id, bounce_id, customer_id, address, before, after, kept)
        select %s, 'blacklist', 'entry ' || (before ->> 'id'), (before ->> 'id')::bigint, bounce_id,
               (before ->> 'customer_id')::bigint, before ->> 'address', before, after, kept
        from unnest(%b::jsonb[], %b::jsonb[], %s::bigint[], %b::text[]) as t (before, after, bounce_id, kept)
        on conflict do nothing
        """,
        (
            run_id,
            [Jsonb(entry) for entry, _, _ in decided],
            [_after(entry, what) for entry, _, what in decided],
            [bounce_id for _, bounce_id, _ in decided],
            [what.keep for _, _, what in decided],
        ),
    )


def _after(entry: dict[str, Any], what: Fate) -> Jsonb | None:
    if what.free:
        return None
    return Jsonb({**entry, "bounce_id": what.cause} if what.cause is not None else entry)


def _plan_added(connection: Connection, run_id: int) -> None:
    """Entries for bounces that blacklist from now on. One that is there and counts, stays as it is."""
    connection.execute(
        f"""
        with {_GAINED},
        wanted as (
            select distinct on (case when everywhere then null else customer_id end, address)
                   case when everywhere then null else customer_id end as customer_id, address, reason, bounce_id
            from gained where effect = 'blacklisted'
            order by case when everywhere then null else customer_id end, address, bounce_id
        )
        insert into run_effects (run_id, what, key, bounce_id, customer_id, address, before, after)
        select %(run)s, 'blacklist', 'new ' || coalesce(w.customer_id::text, '*') || ' ' || w.address, w.bounce_id,
               w.customer_id, w.address, to_jsonb(x),
               jsonb_build_object('customer_id', w.customer_id, 'address', w.address, 'source', 'hard_bounce',
                                  'reason', left(w.reason, 500), 'bounce_id', w.bounce_id)
        from wanted w
        left join blacklist x on x.address = w.address and x.customer_id is not distinct from w.customer_id
        where x.id is null or x.expires_at <= now()
        on conflict do nothing
        """.encode(),
        {"run": run_id},
    )


def _plan_stopped(connection: Connection, run_id: int) -> None:
    """Subscribers who get no mail from now on."""
    connection.execute(
        f"""
        with {_GAINED}
        insert into run_effects (run_id, what, key, target_id, bounce_id, customer_id, address, before, after)
        select distinct on (s.id) %(run)s, 'subscriber', s.id::text, s.id, g.bounce_id, s.customer_id, s.email,
               jsonb_build_object('status', s.status), jsonb_build_object('status', g.effect)
        from gained g join subscribers s on s.email = g.address and s.customer_id = g.customer_id
        where s.status <> 'blacklisted' and s.status <> g.effect
          and (g.effect = 'blacklisted' or g.list_id is null or g.list_id = s.list_id)
        order by s.id, g.effect, g.bounce_id
        on conflict do nothing
        """.encode(),
        {"run": run_id},
    )


def _plan_restored(connection: Connection, run_id: int) -> None:
    """Subscribers whose last change came from a bounce that holds them no more, and whom no entry covers any more."""
    connection.execute(
        f"""
        with {_LOST}, {_GAINED},
        freed as (
            select target_id from run_effects
            where run_id = %(run)s and what = 'blacklist' and before is not null and after is null and kept is null
        ),
        found as (
            select distinct s.id, s.email, s.customer_id, s.status, c.before, c.bounce_id
            from lost l join subscribers s on s.email = l.address and s.customer_id = l.customer_id
            join lateral (
                select h.after, h.before, h.bounce_id from subscriber_changes h where h.subscriber_id = s.id
                order by h.id desc limit 1
            ) c on c.after = s.status and c.bounce_id is not null
            where c.bounce_id in (select bounce_id from lost)
               or exists (select 1 from bounce_log b where b.id = c.bounce_id and b.recipient = s.email
                            and b.effect not in ('blacklisted', 'unsubscribed'))
        )
        insert into run_effects (run_id, what, key, target_id, bounce_id, customer_id, address, before, after)
        select %(run)s, 'subscriber', f.id::text, f.id, f.bounce_id, f.customer_id, f.email,
               jsonb_build_object('status', f.status), jsonb_build_object('status', f.before)
        from found f
        where f.status <> f.before
          and not exists (
              select 1 from blacklist x
              where x.address = f.email and (x.customer_id is null or x.customer_id = f.customer_id)
                and (x.expires_at is null or x.expires_at > now()) and x.id not in (select target_id from freed))
          and not exists (select 1 from gained g where g.address = f.email and g.customer_id = f.customer_id)
        on conflict do nothing
        """.encode(),
        {"run": run_id},
    )
