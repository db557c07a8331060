"""The blast guard's tables: hard bounces by key and minute, and the holds that were tripped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.storage.database import Connection

_KEPT = timedelta(days=8)  # a week, and the time that is compared with it


@dataclass(frozen=True, slots=True)
class Hits:
    """Hard bounces with one key in one minute."""

    key: int
    minute: datetime
    hits: int


@dataclass(frozen=True, slots=True)
class KeyState:
    """before: hard bounces with the key within the time asked for, without those just counted. hold_id: of its open hold.

    passes: it was released lately.
    """

    before: int
    hold_id: int | None
    passes: bool


def count(connection: Connection, hits: Sequence[Hits], within: timedelta) -> list[KeyState]:
    """Counts these, and says how each stands, in their order. One statement; it waits for nobody, whoever else counts."""
    rows = connection.execute(
        """
        with asked as (
            select * from unnest(%(keys)s::bigint[], %(minutes)s::timestamptz[], %(hits)s::int[])
                with ordinality as t (key, minute, hits, n)
        ),
        counted as (
            insert into hard_bounce_counts as c (key, minute, writer, hits)
            select key, minute, pg_backend_pid(), hits from asked order by key, minute
            on conflict (key, minute, writer) do update set hits = c.hits + excluded.hits
        )
        select coalesce((select sum(c.hits) from hard_bounce_counts c
                         where c.key = a.key and c.minute > a.minute - %(within)s and c.minute <= a.minute), 0)::bigint,
               (select h.id from bounce_holds h where h.key = a.key and h.closed_at is null),
               exists (select 1 from bounce_holds h where h.key = a.key and h.passes_until > now())
        from asked a order by a.n
        """,
        {
            "keys": [one.key for one in hits],
            "minutes": [one.minute for one in hits],
            "hits": [one.hits for one in hits],
            "within": within,
        },
    )
    return [KeyState(*row) for row in rows]


def week_before(connection: Connection, keys: Sequence[tuple[int, datetime]]) -> dict[int, int]:
    """Hard bounces with each of these keys in the seven days before a time."""
    rows = connection.execute(
        """
        select t.key, coalesce(sum(c.hits), 0)::bigint
        from unnest(%s::bigint[], %s::timestamptz[]) as t (key, at)
        left join hard_bounce_counts c on c.key = t.key and c.minute > t.at - interval '7 days' and c.minute <= t.at
        group by t.key
        """,
        ([key for key, _ in keys], [at for _, at in keys]),
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class NewHold:
    """A key that tripped. kind: diagnostic or domain; name: it in words."""

    key: int
    kind: str
    name: str
    counted_from: datetime
    hits: int
    usual: float


def trip(connection: Connection, new: NewHold) -> tuple[int, bool]:
    """Opens a hold; returns its id, and whether it is new: another process may just have opened one for the key."""
    row = connection.execute(
        """
        insert into bounce_holds (key, kind, name, counted_from, hits, usual) values (%s, %s, %s, %s, %s, %s)
        on conflict (key) where closed_at is null do nothing returning id
        """,
        (new.key, new.kind, new.name, new.counted_from, new.hits, new.usual),
    ).fetchone()
    if row is not None:
        return int(row[0]), True
    row = connection.execute(
        "select id from bounce_holds where key = %s order by closed_at nulls first, id desc limit 1", (new.key,)
    ).fetchone()
    assert row is not None  # a conflict is with a row that is there
    return int(row[0]), False


def hold(connection: Connection, bounces: Sequence[tuple[int, int, bool]]) -> None:
    """Rows of the log that are held instead of blacklisting: (bounce id, hold id, would blacklist for everybody)."""
    given = ([row[0] for row in bounces], [row[1] for row in bounces], [row[2] for row in bounces])
    connection.execute("update bounce_log set effect = 'held', effect_at = null where id = any(%s)", (given[0],))
    connection.execute(
        """
        insert into held_bounces (bounce_id, hold_id, everywhere)
        select * from unnest(%s::bigint[], %s::bigint[], %s::bool[]) on conflict (bounce_id) do update
        set hold_id = excluded.hold_id, everywhere = excluded.everywhere, held_at = now()
        """,
        given,
    )


def forget_counts(connection: Connection) -> int:
    """Drops counts that no week reaches any more; returns how many rows."""
    return connection.execute("delete from hard_bounce_counts where minute < now() - %s", (_KEPT,)).rowcount


def close_quiet(connection: Connection, quiet: timedelta) -> list[int]:
    """Closes holds whose key made no hard bounce for that long; what they hold stays held. Returns their ids."""
    rows = connection.execute(
        """
        update bounce_holds h set closed_at = now(), closed = 'quiet'
        where closed_at is null and tripped_at < now() - %(quiet)s
          and not exists (select 1 from hard_bounce_counts c where c.key = h.key and c.minute > now() - %(quiet)s)
        returning id
        """,
        {"quiet": quiet},
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as people see it. held: bounces that wait. applied: those of the key that had been applied before it tripped."""

    hold_id: int
    kind: str
    name: str
    tripped_at: datetime
    counted_from: datetime
    hits: int
    usual: float
    closed_at: datetime | None
    closed: str | None
    closed_by: str
    passes_until: datetime | None
    held: int


_HOLDS = """
    select h.id, h.kind, h.name, h.tripped_at, h.counted_from, h.hits, h.usual, h.closed_at, h.closed, h.closed_by,
           h.passes_until,
           (select count(*) from held_bounces x join bounce_log b on b.id = x.bounce_id
            where x.hold_id = h.id and b.effect = 'held')
    from bounce_holds h
"""


def holds(connection: Connection, *, every: bool, limit: int) -> list[Hold]:
    """Holds that are open or still hold something, or all of them; the latest first."""
    rows = connection.execute(
        f"""
        select * from ({_HOLDS}) as t (id, kind, name, tripped_at, counted_from, hits, usual, closed_at, closed, closed_by,
                                       passes_until, held)
        where %s or closed_at is null or held > 0 order by id desc limit %s
        """.encode(),
        (every, limit),
    )
    return [Hold(*row) for row in rows]


def one(connection: Connection, hold_id: int, *, locked: bool = False) -> Hold | None:
    """One hold; locked: nobody else changes it until the transaction ends."""
    if locked:
        connection.execute("select 1 from bounce_holds where id = %s for update", (hold_id,))
    row = connection.execute(f"{_HOLDS} where h.id = %s".encode(), (hold_id,)).fetchone()
    return Hold(*row) if row else None


@dataclass(frozen=True, slots=True)
class GuardedBounce:
    """A row of the log that a hold concerns."""

    bounce_id: int
    recipient: str
    customer: str | None
    diagnostic: str | None
    rule: str
    logged_at: datetime


_ROWS = """
    select b.id, b.recipient, c.uid, b.diagnostic, b.rule, b.logged_at
    from bounce_log b left join customers c on c.id = b.customer_id
"""


def held(connection: Connection, hold_id: int, limit: int) -> list[GuardedBounce]:
    """What a hold holds, in the order of the log."""
    rows = connection.execute(
        f"""{_ROWS} join held_bounces x on x.bounce_id = b.id
        where x.hold_id = %s and b.effect = 'held' order by b.id limit %s""".encode(),
        (hold_id, limit),
    )
    return [GuardedBounce(*row) for row in rows]


# The rows of a hold's key that had their effect before it tripped, or by a process that did not know of it yet. Rows that it
# held and that were released are not among them: that is undone as a run.
APPLIED = """
    join bounce_holds h on h.id = %(hold)s
    join fetched_mail f on f.id = b.mail_id
    where b.effect = 'blacklisted' and coalesce(f.received_at, f.listed_at) >= h.counted_from
      and b.logged_at >= h.tripped_at - interval '7 days' and b.logged_at <= coalesce(h.closed_at, now())
      and case h.kind when 'diagnostic' then b.guard_key = h.key
                      else lower(split_part(b.recipient, '@', 2)) = h.name end
      and not exists (select 1 from held_bounces x where x.bounce_id = b.id)
"""


def applied(connection: Connection, hold_id: int, limit: int) -> list[GuardedBounce]:
    """What was blacklisted for the hold's key before it tripped, and by processes that did not know of it yet."""
    rows = connection.execute(
        f"{_ROWS} {APPLIED} order by b.id limit %(limit)s".encode(), {"hold": hold_id, "limit": limit}
    )
    return [GuardedBounce(*row) for row in rows]


def close(connection: Connection, hold_id: int, how: str, by: str, passes: timedelta | None) -> None:
    """A person's decision. passes: how long the key is not held again. One that is closed already stays as it was closed."""
    connection.execute(
        """
        update bounce_holds set closed_at = coalesce(closed_at, now()), closed = coalesce(closed, %s),
            closed_by = case when closed is null then %s else closed_by end,
            passes_until = coalesce(now() + %s, passes_until)
        where id = %s
        """,
        (how, by, passes, hold_id),
    )
