"""Runs: changes of the log and of suppressions that a person made. Each effect is a row with what was there before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Run:
    """kind: replay, release, discard, take_back. dry: it only says what would change. finished_at: None while it goes on.

    figures: counts of a replay: mails, parts, without_copy, not_kept.
    """

    run_id: int
    kind: str
    dry: bool
    hold_id: int | None
    since: datetime | None
    until: datetime | None
    mailbox: str | None
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    undone_at: datetime | None
    undone_by: str
    figures: dict[str, Any]


_RUN = """
    select id, kind, dry, hold_id, since, until, mailbox, started_by, started_at, finished_at, undone_at, undone_by, figures
    from effect_runs
"""


def start(
    connection: Connection,
    kind: str,
    by: str,
    *,
    dry: bool = False,
    hold_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    mailbox: str | None = None,
) -> int:
    """A new run's id."""
    row = connection.execute(
        """
        insert into effect_runs (kind, dry, hold_id, since, until, mailbox, started_by) values (%s, %s, %s, %s, %s, %s, %s)
        returning id
        """,
        (kind, dry, hold_id, since, until, mailbox, by),
    ).fetchone()
    assert row is not None  # insert … returning gives one row
    return int(row[0])


def finish(connection: Connection, run_id: int) -> None:
    """Its effects are all there."""
    connection.execute("update effect_runs set finished_at = now() where id = %s and finished_at is null", (run_id,))


def one(connection: Connection, run_id: int, *, locked: bool = False) -> Run | None:
    """A run; locked: nobody else changes it until the transaction ends."""
    suffix = " for update" if locked else ""
    row = connection.execute(f"{_RUN} where id = %s{suffix}".encode(), (run_id,)).fetchone()
    return Run(*row) if row else None


def latest(connection: Connection, limit: int) -> list[Run]:
    """The latest runs, newest first."""
    return [Run(*row) for row in connection.execute(f"{_RUN} order by id desc limit %s".encode(), (limit,))]


def forget_dry(connection: Connection, older: timedelta) -> int:
    """Drops dry runs that ended so long ago, with what they noted: they changed nothing. Returns how many."""
    return connection.execute("delete from effect_runs where dry and finished_at < now() - %s", (older,)).rowcount


@dataclass(frozen=True, slots=True)
class LogChange:
    """A row of the bounce log that a run changes. bounce_id: None for a new row. before, after: columns and values.

    everywhere: if it blacklists, then for everybody.
    """

    key: str
    bounce_id: int | None
    customer_id: int | None
    address: str
    before: dict[str, Any] | None
    after: dict[str, Any]
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class MailChange:
    """A mail whose finding a run changes."""

    mail_id: int
    before: dict[str, Any]
    after: dict[str, Any]


def plan(connection: Connection, run_id: int, rows: Sequence[LogChange], mails: Sequence[MailChange]) -> None:
    """Notes changes of log rows and mails. What is noted already stays: a part may come again, a mail by two links."""
    connection.execute(
        """
        insert into run_effects (run_id, what, key, target_id, bounce_id, customer_id, address, everywhere, before, after)
        select %s, 'log_row', key, bounce_id, bounce_id, customer_id, address, everywhere, before, after
        from unnest(%b::text[], %s::bigint[], %s::bigint[], %b::text[], %s::bool[], %b::jsonb[], %b::jsonb[])
            as t (key, bounce_id, customer_id, address, everywhere, before, after)
        on conflict do nothing
        """,
        (
            run_id,
            [row.key for row in rows],
            [row.bounce_id for row in rows],
            [row.customer_id for row in rows],
            [row.address for row in rows],
            [row.everywhere for row in rows],
            [Jsonb(row.before) if row.before is not None else None for row in rows],
            [Jsonb(row.after) for row in rows],
        ),
    )
    connection.execute(
        """
        insert into run_effects (run_id, what, key, target_id, before, after)
        select %s, 'mail', mail_id::text, mail_id, before, after
        from unnest(%s::bigint[], %b::jsonb[], %b::jsonb[]) as t (mail_id, before, after)
        on conflict do nothing
        """,
        (
            run_id,
            [mail.mail_id for mail in mails],
            [Jsonb(mail.before) for mail in mails],
            [Jsonb(mail.after) for mail in mails],
        ),
    )


@dataclass(frozen=True, slots=True)
class Count:
    """How many effects of one sort. before, after: class or rule; of an entry or subscriber: status, or `entry` and `none`."""

    what: str
    before: str
    after: str
    number: int


def by_class(connection: Connection, run_id: int) -> list[Count]:
    """Log rows by class, from and to; `-` for a row that was not there."""
    return _counts(connection, run_id, "bounce_class")


def by_rule(connection: Connection, run_id: int) -> list[Count]:
    """Log rows by rule, from and to."""
    return _counts(connection, run_id, "rule")


def _counts(connection: Connection, run_id: int, column: str) -> list[Count]:
    rows = connection.execute(
        """
        select 'log_row', coalesce(before ->> %(column)s, '-'), coalesce(after ->> %(column)s, '-'), count(*)
        from run_effects where run_id = %(run)s and what = 'log_row' and after ? %(column)s
          and before ->> %(column)s is distinct from after ->> %(column)s
        group by 2, 3 order by 4 desc, 2, 3
        """,
        {"run": run_id, "column": column},
    )
    return [Count(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class EffectLine:
    """One effect for people. kept: why it was not applied, or not undone (shared.domain.suppression.Keep)."""

    what: str
    address: str
    customer: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    bounce_id: int | None
    applied_at: datetime | None
    undone_at: datetime | None
    kept: str | None


def effects(connection: Connection, run_id: int, *, what: Sequence[str], limit: int) -> list[EffectLine]:
    """Effects of these sorts, in the order of their addresses."""
    rows = connection.execute(
        """
        select e.what, e.address, c.uid, e.before, e.after, e.bounce_id, e.applied_at, e.undone_at, e.kept
        from run_effects e left join customers c on c.id = e.customer_id
        where e.run_id = %s and e.what = any(%s) order by e.address, e.id limit %s
        """,
        (run_id, list(what), limit),
    )
    return [EffectLine(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Totals:
    """Effects of a run by what they are. blacklisted, freed: entries; kept: left as they are, by reason."""

    rows: int
    mails: int
    blacklisted: int
    freed: int
    subscribers: int
    undone: int
    kept: dict[str, int]


def totals(connection: Connection, run_id: int) -> Totals:
    """Counts over all effects of a run."""
    row = connection.execute(
        """
        select count(*) filter (where what = 'log_row' and kept is null),
               count(*) filter (where what = 'mail' and kept is null),
               count(*) filter (where what = 'blacklist' and kept is null and after is not null
                                  and (before is null or after ->> 'id' is distinct from before ->> 'id')),
               count(*) filter (where what = 'blacklist' and kept is null and after is null),
               count(*) filter (where what = 'subscriber' and kept is null),
               count(*) filter (where undone_at is not null)
        from run_effects where run_id = %s
        """,
        (run_id,),
    ).fetchone()
    assert row is not None
    kept = connection.execute(
        "select kept, count(*) from run_effects where run_id = %s and kept is not null group by 1 order by 1", (run_id,)
    )
    return Totals(row[0], row[1], row[2], row[3], row[4], row[5], {str(why): int(number) for why, number in kept})
