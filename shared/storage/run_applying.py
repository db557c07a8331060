"""Carries out what a run noted, each effect only where things still are as they were when it was noted.

Effects are found again by their keys, which have an index: the planner takes a fresh run for a few rows, and would compare
each with each.
"""

from __future__ import annotations

from shared.domain.suppression import Keep
from shared.storage import run_suppressions
from shared.storage.bounce_log import CHANGEABLE
from shared.storage.database import Connection

# As a list of columns.
COLUMNS = ", ".join(CHANGEABLE)


def apply(connection: Connection, run_id: int) -> None:
    """Applies log rows and mails, then plans and applies what follows for entries and subscribers."""
    _lock_rows(connection, run_id)
    _change_rows(connection, run_id)
    _add_rows(connection, run_id)
    _left(connection, run_id, "log_row")
    run_suppressions.lock(connection, run_id)
    run_suppressions.plan(connection, run_id)
    _change_entries(connection, run_id)
    _change_subscribers(connection, run_id)
    _change_mails(connection, run_id)
    for what in ("blacklist", "subscriber", "mail"):
        _left(connection, run_id, what)


def _lock_rows(connection: Connection, run_id: int) -> None:
    connection.execute(
        """
        select 1 from bounce_log where id in (
            select target_id from run_effects where run_id = %s and what = 'log_row')
        order by provider, mailbox, provider_mail_id, reported for update
        """,
        (run_id,),
    )


def _change_rows(connection: Connection, run_id: int) -> None:
    connection.execute(
        f"""
        with changed as (
            update bounce_log b set ({COLUMNS}) = (
                select {COLUMNS} from jsonb_populate_record(
                    b, e.after || jsonb_build_object('effect_at', case
                        when e.after ->> 'effect' = b.effect then b.effect_at
                        when e.after ->> 'effect' in ('blacklisted', 'unsubscribed') then now() end)))
            from run_effects e
            where e.run_id = %s and e.what = 'log_row' and e.target_id = b.id and e.applied_at is null and e.kept is null
              and to_jsonb(b) @> (e.before - 'effect_at')
            returning e.id
        )
        update run_effects e set applied_at = now() from changed where changed.id = e.id
        """.encode(),
        (run_id,),
    )


def _add_rows(connection: Connection, run_id: int) -> None:
    connection.execute(
        """
        with added as (
            insert into bounce_log (
                mail_id, provider, mailbox, provider_mail_id, reported, recipient, bounce_class, tier, rule, rule_set, reason,
                action, status, reply, diagnostic, remote_mta, reference_values, sent_mail_id, customer_id, campaign_id,
                subscriber_id, matched_by, unmatched_reason, effect, guard_key, effect_at)
            select r.mail_id, r.provider, r.mailbox, r.provider_mail_id, r.reported, r.recipient, r.bounce_class, r.tier, r.rule,
                   r.rule_set, r.reason, r.action, r.status, r.reply, r.diagnostic, r.remote_mta,
                   coalesce(r.reference_values, '{}'), r.sent_mail_id, r.customer_id, r.campaign_id, r.subscriber_id,
                   r.matched_by, r.unmatched_reason, r.effect, r.guard_key,
                   case when r.effect in ('blacklisted', 'unsubscribed') then now() end
            from run_effects e cross join lateral jsonb_populate_record(null::bounce_log, e.after) r
            where e.run_id = %(run)s and e.what = 'log_row' and e.before is null and e.applied_at is null and e.kept is null
            order by r.provider, r.mailbox, r.provider_mail_id, r.reported
            on conflict do nothing
            returning id, provider, mailbox, provider_mail_id, reported
        )
        update run_effects e set applied_at = now(), target_id = a.id, bounce_id = a.id
        from added a
        where e.run_id = %(run)s and e.what = 'log_row' and e.before is null
          and e.key = concat_ws(E'\\x1f', a.provider, a.mailbox, a.provider_mail_id, a.reported)
        """,
        {"run": run_id},
    )


def _change_entries(connection: Connection, run_id: int) -> None:
    mine = "e.run_id = %(run)s and e.what = 'blacklist' and e.applied_at is null and e.kept is null"
    connection.execute(
        f"""
        with gone as (
            delete from blacklist x using run_effects e
            where {mine} and e.before is not null and (e.after is null or e.target_id is null)
              and x.id = (e.before ->> 'id')::bigint
            returning e.id, e.after
        )
        update run_effects e set applied_at = now() from gone where gone.id = e.id and gone.after is null
        """.encode(),
        {"run": run_id},
    )
    connection.execute(
        f"""
        with moved as (
            update blacklist x set bounce_id = (e.after ->> 'bounce_id')::bigint from run_effects e
            where {mine} and x.id = e.target_id and e.after is not null returning e.id
        )
        update run_effects e set applied_at = now() from moved where moved.id = e.id
        """.encode(),
        {"run": run_id},
    )
    connection.execute(
        f"""
        with added as (
            insert into blacklist as x (customer_id, address, source, reason, bounce_id)
            select (e.after ->> 'customer_id')::bigint, e.address, e.after ->> 'source', e.after ->> 'reason', e.bounce_id
            from run_effects e where {mine} and e.target_id is null and e.after is not null
            order by 1 nulls first, 2
            on conflict (customer_id, address) do nothing
            returning x.id, x.customer_id, x.address, to_jsonb(x) as entry
        )
        update run_effects e set applied_at = now(), target_id = a.id, after = a.entry from added a
        where {mine} and e.key = 'new ' || coalesce(a.customer_id::text, '*') || ' ' || a.address
        """.encode(),
        {"run": run_id},
    )


def _change_subscribers(connection: Connection, run_id: int) -> None:
    """A change that stops mail has the bounce's cause, as in the actions service; one that restores has the run's kind."""
    connection.execute(
        """
        with mine as (
            select e.id, e.target_id, e.bounce_id, e.before ->> 'status' as before, e.after ->> 'status' as after, r.kind
            from run_effects e join effect_runs r on r.id = e.run_id
            where e.run_id = %(run)s and e.what = 'subscriber' and e.applied_at is null and e.kept is null
        ),
        changed as (
            update subscribers s set status = m.after, changed_at = now() from mine m
            where s.id = m.target_id and s.status = m.before returning m.*
        ),
        noted as (
            insert into subscriber_changes (subscriber_id, before, after, cause, bounce_id)
            select target_id, before, after,
                   case after when 'blacklisted' then 'hard_bounce' when 'unsubscribed' then 'complaint' else kind end,
                   case when after in ('blacklisted', 'unsubscribed') then bounce_id end
            from changed order by target_id returning id, subscriber_id
        )
        update run_effects e set applied_at = now(), after = e.after || jsonb_build_object('change_id', n.id)
        from noted n
        where e.run_id = %(run)s and e.what = 'subscriber' and e.key = n.subscriber_id::text
        """,
        {"run": run_id},
    )


def _change_mails(connection: Connection, run_id: int) -> None:
    connection.execute(
        """
        with changed as (
            update fetched_mail f
            set (kind, bounce_class, tier, rule, rule_set, finding) = (
                select kind, bounce_class, tier, rule, rule_set, finding from jsonb_populate_record(f, e.after))
            from run_effects e
            where e.run_id = %s and e.what = 'mail' and e.target_id = f.id and e.applied_at is null and e.kept is null
              and f.stage = 'served' and f.finding = e.before -> 'finding'
            returning e.id
        )
        update run_effects e set applied_at = now() from changed where changed.id = e.id
        """,
        (run_id,),
    )


def _left(connection: Connection, run_id: int, what: str) -> None:
    """What could not be applied was changed by something else meanwhile."""
    connection.execute(
        "update run_effects set kept = %s where run_id = %s and what = %s and applied_at is null and kept is null",
        (Keep.CHANGED.value, run_id, what),
    )
