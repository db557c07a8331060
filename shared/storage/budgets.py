"""The allowance of one (credential, mailbox), shared by every process: units from a bucket, and slots for requests at once.

One row per scope is locked for the length of one short transaction. Time is PostgreSQL's.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Granted:
    """units: spent, never given back. slots: held until they expire or are asked for again. retry_in: seconds."""

    units: float
    slots: int
    retry_in: float


SLOT_SECONDS = 10.0
WISH_SECONDS = 5.0

_TAKE = """
    insert into mailbox_budgets as b (scope, available) values (%(scope)s, 0)
    on conflict (scope) do update
    set available = least(%(burst)s, b.available + %(rate)s * greatest(0,
            extract(epoch from clock_timestamp() - b.refilled_at)::float8)),
        refilled_at = clock_timestamp()
    returning available, coalesce(extract(epoch from blocked_until - clock_timestamp())::float8, 0)
"""


def reserve(
    connection: Connection,
    scope: str,
    holder: str,
    *,
    rate: float,
    burst: float,
    slot_limit: int,
    units: float,
    slots: int,
    kept: float = 0.0,
    first: bool = False,
) -> Granted:
    """Up to `units`, and `slots` requests at once for `holder` from now on (0 gives them back).

    rate: units a second; burst: the most that lies ready. A new scope starts empty: nobody knows what was spent before.
    kept: units that are left lying, for those who come first. first: slots that are missing are wished for, and the others get
    as many fewer when they ask again.
    Grants what there is, whole or in part; retry_in says when the rest is worth asking for.
    """
    row = connection.execute(_TAKE, {"scope": scope, "rate": rate, "burst": max(burst, units + kept)}).fetchone()
    assert row is not None
    available, blocked = float(row[0]), float(row[1])
    held = _slots(connection, scope, holder, slots, slot_limit, first=first)
    if blocked > 0:
        return Granted(0.0, held, blocked)
    granted = min(units, max(0.0, available - kept))
    if granted > 0:
        connection.execute("update mailbox_budgets set available = available - %s where scope = %s", (granted, scope))
    missing = max(0.0, units + kept - available) / rate if units > granted else 0.0
    return Granted(granted, held, missing if held or not slots else max(missing, 0.2))


def _slots(connection: Connection, scope: str, holder: str, wanted: int, limit: int, *, first: bool) -> int:
    """How many of the wanted slots the holder has from now on: what the others leave."""
    if wanted == 0:
        connection.execute(
            "delete from budget_slots where scope = any(%s) and holder = %s", ([scope, _wishes(scope)], holder)
        )
        return 0
    row = connection.execute(
        """
        select coalesce(sum(slots), 0) from budget_slots
        where scope = any(%s) and holder <> %s and expires_at > clock_timestamp()
        """,
        ([scope] if first else [scope, _wishes(scope)], holder),
    ).fetchone()
    mine = max(0, min(wanted, limit - (int(row[0]) if row else 0)))
    if mine:
        _hold(connection, scope, holder, mine, SLOT_SECONDS)
    if first and mine < wanted:
        _hold(connection, _wishes(scope), holder, wanted - mine, WISH_SECONDS)
    elif first:
        connection.execute("delete from budget_slots where scope = %s and holder = %s", (_wishes(scope), holder))
    return mine


def _hold(connection: Connection, scope: str, holder: str, slots: int, seconds: float) -> None:
    connection.execute(
        """
        insert into budget_slots (scope, holder, slots, expires_at)
        values (%s, %s, %s, clock_timestamp() + make_interval(secs => %s))
        on conflict (scope, holder) do update set slots = excluded.slots, expires_at = excluded.expires_at
        """,
        (scope, holder, slots, seconds),
    )


def _wishes(scope: str) -> str:
    return f"{scope} wished"


def block(connection: Connection, scope: str, seconds: float) -> None:
    """The provider refused: nobody spends here for that long, and what lay ready is gone."""
    connection.execute(
        """
        insert into mailbox_budgets as b (scope, available, blocked_until)
        values (%s, 0, clock_timestamp() + make_interval(secs => %s))
        on conflict (scope) do update
        set available = 0, refilled_at = clock_timestamp(),
            blocked_until = greatest(b.blocked_until, excluded.blocked_until)
        """,
        (scope, seconds),
    )


def forget_slots(connection: Connection) -> int:
    """Drops slots whose holder died."""
    return connection.execute("delete from budget_slots where expires_at < clock_timestamp()").rowcount
