"""A person's decisions about holds, each as a run that can be undone. Saying the same twice changes nothing the second time."""

from __future__ import annotations

from datetime import timedelta

from shared.storage import effect_runs, holds, run_applying, run_suppressions
from shared.storage.database import Connection


def release(connection: Connection, hold_id: int, by: str, passes: timedelta) -> int | None:
    """What is held has its effect now, and the key is not held again for `passes`. Returns the run, None if nothing was held."""
    holds.one(connection, hold_id, locked=True)
    holds.close(connection, hold_id, "released", by, passes)
    return _held_becomes(connection, hold_id, "release", "blacklisted", by)


def discard(connection: Connection, hold_id: int, by: str) -> int | None:
    """What is held stays in the log, without effect. Returns the run, None if nothing was held."""
    holds.one(connection, hold_id, locked=True)
    holds.close(connection, hold_id, "discarded", by, None)
    return _held_becomes(connection, hold_id, "discard", "logged", by)


def take_back(connection: Connection, hold_id: int, by: str, *, dry: bool) -> int | None:
    """What was applied before the hold tripped stays in the log, without effect. Returns the run, None if there is nothing."""
    holds.one(connection, hold_id, locked=True)
    run_id = effect_runs.start(connection, "take_back", by, dry=dry, hold_id=hold_id)
    found = connection.execute(
        f"""
        insert into run_effects (run_id, what, key, target_id, bounce_id, customer_id, address, before, after)
        select %(run)s, 'log_row', b.id::text, b.id, b.id, b.customer_id, b.recipient,
               jsonb_build_object('effect', b.effect, 'effect_at', b.effect_at), '{{"effect": "logged"}}'
        from bounce_log b {holds.APPLIED}
        """.encode(),
        {"run": run_id, "hold": hold_id},
    ).rowcount
    return _carried_out(connection, run_id, found, dry=dry)


def _held_becomes(connection: Connection, hold_id: int, kind: str, effect: str, by: str) -> int | None:
    run_id = effect_runs.start(connection, kind, by, hold_id=hold_id)
    found = connection.execute(
        """
        insert into run_effects (run_id, what, key, target_id, bounce_id, customer_id, address, everywhere, before, after)
        select %s, 'log_row', b.id::text, b.id, b.id, b.customer_id, b.recipient, x.everywhere,
               jsonb_build_object('effect', 'held', 'effect_at', null), jsonb_build_object('effect', %s::text)
        from held_bounces x join bounce_log b on b.id = x.bounce_id
        where x.hold_id = %s and b.effect = 'held'
        """,
        (run_id, effect, hold_id),
    ).rowcount
    return _carried_out(connection, run_id, found, dry=False)


def _carried_out(connection: Connection, run_id: int, rows: int, *, dry: bool) -> int | None:
    if not rows:
        connection.execute("delete from effect_runs where id = %s", (run_id,))
        return None
    if dry:
        run_suppressions.plan(connection, run_id)
    else:
        run_applying.apply(connection, run_id)
    effect_runs.finish(connection, run_id)
    return run_id
