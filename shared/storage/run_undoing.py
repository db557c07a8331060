"""Takes a run back, effect by effect. What something changed later, stays as it is, and the effect says why."""

from __future__ import annotations

from shared.domain.suppression import Keep
from shared.storage import run_suppressions
from shared.storage.database import Connection
from shared.storage.run_applying import COLUMNS

_MINE = "e.run_id = %(run)s and e.applied_at is not null and e.undone_at is null"


def undo(connection: Connection, run_id: int, by: str) -> None:
    """Takes back what can be taken back. May be called again: what was kept is tried again."""
    connection.execute(
        "update run_effects set kept = null where run_id = %s and applied_at is not null and undone_at is null",
        (run_id,),
    )
    _undo_rows(connection, run_id)
    run_suppressions.lock(connection, run_id)
    _undo_entries(connection, run_id)
    _undo_subscribers(connection, run_id)
    _undo_mails(connection, run_id)
    connection.execute(
        "update run_effects set kept = %s where run_id = %s and applied_at is not null and undone_at is null and kept is null",
        (Keep.CHANGED.value, run_id),
    )
    connection.execute(
        "update effect_runs set undone_at = coalesce(undone_at, now()), undone_by = %s where id = %s", (by, run_id)
    )


def _undo_rows(connection: Connection, run_id: int) -> None:
    """A row that the run changed is as it was before; one that it added is gone."""
    connection.execute(
        """
        select 1 from bounce_log where id in (select target_id from run_effects where run_id = %s and what = 'log_row')
        order by provider, mailbox, provider_mail_id, reported for update
        """,
        (run_id,),
    )
    connection.execute(
        f"""
        with changed as (
            update bounce_log b set ({COLUMNS}) = (
                select {COLUMNS} from jsonb_populate_record(b, e.before))
            from run_effects e
            where {_MINE} and e.what = 'log_row' and e.before is not null and e.target_id = b.id and to_jsonb(b) @> e.after
            returning e.id
        )
        update run_effects e set undone_at = now() from changed where changed.id = e.id
        """.encode(),
        {"run": run_id},
    )
    connection.execute(
        f"""
        with gone as (
            delete from bounce_log b using run_effects e
            where {_MINE} and e.what = 'log_row' and e.before is null and e.target_id = b.id and to_jsonb(b) @> e.after
            returning e.id
        )
        update run_effects e set undone_at = now() from gone where gone.id = e.id
        """.encode(),
        {"run": run_id},
    )


def _undo_entries(connection: Connection, run_id: int) -> None:
    _keep_entries(connection, run_id)
    open_ones = f"{_MINE} and e.what = 'blacklist' and e.kept is null"
    # Added by the run: gone again.
    connection.execute(
        f"""
        with gone as (
            delete from blacklist x using run_effects e
            where {open_ones} and e.after is not null and (e.before is null or e.before ->> 'id' <> e.after ->> 'id')
              and x.id = e.target_id and x.bounce_id is not distinct from (e.after ->> 'bounce_id')::bigint
              and x.source = e.after ->> 'source'
            returning e.id
        )
        update run_effects e set undone_at = now() from gone where gone.id = e.id
        """.encode(),
        {"run": run_id},
    )
    # Given another cause by the run.
    connection.execute(
        f"""
        with moved as (
            update blacklist x set bounce_id = (e.before ->> 'bounce_id')::bigint from run_effects e
            where {open_ones} and e.before ->> 'id' = e.after ->> 'id' and x.id = e.target_id
              and x.bounce_id = (e.after ->> 'bounce_id')::bigint
            returning e.id
        )
        update run_effects e set undone_at = now() from moved where moved.id = e.id
        """.encode(),
        {"run": run_id},
    )
    # Freed by the run, or expired and replaced: there again as it was, with its id.
    connection.execute(
        f"""
        with back as (
            insert into blacklist overriding system value
            select r.* from run_effects e cross join lateral jsonb_populate_record(null::blacklist, e.before) r
            where e.run_id = %(run)s and e.applied_at is not null and e.kept is null and e.what = 'blacklist'
              and e.before is not null
              and ((e.after is null and e.undone_at is null)
                   or (e.after is not null and e.before ->> 'id' <> e.after ->> 'id' and e.undone_at = now()))
            on conflict (customer_id, address) do nothing
            returning id
        )
        update run_effects e set undone_at = now() from back b
        where {open_ones} and e.key = 'entry ' || b.id::text
        """.encode(),
        {"run": run_id},
    )


def _keep_entries(connection: Connection, run_id: int) -> None:
    """Marks what has to stay, with the reason. An entry that another bounce holds now has that bounce as its cause."""
    connection.execute(
        f"""
        update run_effects e set kept = case
            when e.after is null and exists (
                select 1 from blacklist x where x.address = e.address
                  and x.customer_id is not distinct from (e.before ->> 'customer_id')::bigint) then %(there_again)s
            when (e.after is null or e.before ->> 'id' = e.after ->> 'id') and not exists (
                select 1 from bounce_log b
                where b.id = (e.before ->> 'bounce_id')::bigint and b.effect = 'blacklisted') then %(cause_changed)s
            when e.after is not null and exists (
                select 1 from blacklist x where x.id = e.target_id and x.operator_at is not null) then %(operator)s
            when e.after is not null and e.before ->> 'id' is distinct from e.after ->> 'id' and exists (
                select 1 from bounce_log b
                where b.recipient = e.address and b.effect = 'blacklisted'
                  and (e.customer_id is null or b.customer_id = e.customer_id)) then %(other_bounce)s
            end
        where {_MINE} and e.what = 'blacklist'
        """.encode(),
        {
            "run": run_id,
            "there_again": Keep.THERE_AGAIN.value,
            "cause_changed": Keep.CAUSE_CHANGED.value,
            "operator": Keep.OPERATOR.value,
            "other_bounce": Keep.OTHER_BOUNCE.value,
        },
    )
    connection.execute(
        f"""
        update blacklist x set bounce_id = (
            select min(b.id) from bounce_log b
            where b.recipient = x.address and b.effect = 'blacklisted' and (x.customer_id is null or b.customer_id = x.customer_id))
        from run_effects e
        where {_MINE} and e.what = 'blacklist' and e.kept = %(other_bounce)s and x.id = e.target_id
        """.encode(),
        {"run": run_id, "other_bounce": Keep.OTHER_BOUNCE.value},
    )


def _undo_subscribers(connection: Connection, run_id: int) -> None:
    """Only where the run's own change is the last, and where nothing else stands against it.

    Who was stopped by the run is restored unless an entry covers the address; who was restored is stopped again only if the
    bounce behind it counts again.
    """
    connection.execute(
        f"""
        with mine as (
            select e.id, e.target_id, e.bounce_id, e.before ->> 'status' as before, e.after ->> 'status' as after
            from run_effects e join subscribers s on s.id = e.target_id and s.status = e.after ->> 'status'
            where {_MINE} and e.what = 'subscriber'
              and (e.after ->> 'change_id')::bigint = (
                  select max(h.id) from subscriber_changes h where h.subscriber_id = s.id)
              and case
                  when e.before ->> 'status' in ('blacklisted', 'unsubscribed') then exists (
                      select 1 from bounce_log b where b.id = e.bounce_id and b.effect in ('blacklisted', 'unsubscribed'))
                  else not exists (
                      select 1 from blacklist x
                      where x.address = s.email and (x.customer_id is null or x.customer_id = s.customer_id)
                        and (x.expires_at is null or x.expires_at > now()))
                  end
        ),
        changed as (
            update subscribers s set status = m.before, changed_at = now() from mine m where s.id = m.target_id returning m.*
        ),
        noted as (
            insert into subscriber_changes (subscriber_id, before, after, cause, bounce_id)
            select target_id, after, before, 'undo', case when before in ('blacklisted', 'unsubscribed') then bounce_id end
            from changed order by target_id
        )
        update run_effects e set undone_at = now() from changed c where c.id = e.id
        """.encode(),
        {"run": run_id},
    )


def _undo_mails(connection: Connection, run_id: int) -> None:
    connection.execute(
        f"""
        with changed as (
            update fetched_mail f
            set (kind, bounce_class, tier, rule, rule_set, finding) = (
                select kind, bounce_class, tier, rule, rule_set, finding from jsonb_populate_record(f, e.before))
            from run_effects e
            where {_MINE} and e.what = 'mail' and e.target_id = f.id and f.stage = 'served' and f.finding = e.after -> 'finding'
            returning e.id
        )
        update run_effects e set undone_at = now() from changed where changed.id = e.id
        """.encode(),
        {"run": run_id},
    )
