"""The provider's send rate of a mailbox: how many mails may leave it in any minute, by whichever process.

A mail takes a place before it is handed over and gives it back when the provider has answered; from then on the place counts for
one window. The provider sees the mail somewhere in between, so in no window of its own does it see more mails than there are places.
Places are rows of budget_slots under a scope of their own. Time is PostgreSQL's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.storage import budgets
from shared.storage.database import Connection

WINDOW_SECONDS = 60.0
LONGEST_SEND_SECONDS = 300.0
"""A place whose holder died counts for this long, and then for one window."""


@dataclass(frozen=True, slots=True)
class Place:
    """holder: names the place that was taken; empty: none is free. free_at: then the next moment when one may be; wait: seconds."""

    holder: str
    free_at: datetime
    wait: float


def take(connection: Connection, scope: str, holder: str, per_minute: int | None) -> Place:
    """One place for one mail. None: no limit, but a refusal of the provider is kept to all the same.

    scope: the mailbox's budget scope. holder: names the process. Locks the mailbox's send row until the transaction ends.
    """
    row = connection.execute(_BLOCKED, {"scope": sends(scope), "budget": scope}).fetchone()
    assert row is not None
    if row[1] > 0:
        return Place("", row[0], float(row[1]))
    if per_minute is None:
        return Place(holder, row[0], 0.0)
    connection.execute("delete from budget_slots where scope = %s and expires_at <= clock_timestamp()", (sends(scope),))
    full = connection.execute(_FULL, {"scope": sends(scope), "limit": per_minute, "window": WINDOW_SECONDS}).fetchone()
    if full is not None:
        return Place("", full[0], max(0.001, float(full[1])))
    taken = connection.execute(_TAKE, (sends(scope), holder, WINDOW_SECONDS + LONGEST_SEND_SECONDS)).fetchone()
    assert taken is not None
    return Place(taken[0], row[0], 0.0)


def give_back(connection: Connection, scope: str, place: Place) -> None:
    """The provider has answered, or never will: the place is free again one window from now."""
    connection.execute(
        """
        update budget_slots set expires_at = clock_timestamp() + make_interval(secs => %s)
        where scope = %s and holder = %s
        """,
        (WINDOW_SECONDS, sends(scope), place.holder),
    )


def block(connection: Connection, scope: str, seconds: float) -> None:
    """The provider has refused to send more: nobody sends from this mailbox for that long. Reading goes on."""
    budgets.block(connection, sends(scope), seconds)


def sends(scope: str) -> str:
    """The scope of a mailbox's places."""
    return f"{scope} sends"


_BLOCKED = """
    with locked as (
        insert into mailbox_budgets as b (scope, available) values (%(scope)s, 0)
        on conflict (scope) do update set available = 0
        returning blocked_until
    )
    select greatest(clock_timestamp(), blocked.until),
        coalesce(extract(epoch from blocked.until - clock_timestamp())::float8, 0)
    from (
        select max(until) as until from (
            select blocked_until as until from locked
            union all select blocked_until from mailbox_budgets where scope = %(budget)s
        ) as both_rows
    ) as blocked
"""

# A mail that is under way gives its place back one window after it ends, which is not before one window from now.
_FULL = """
    select least(expires_at, clock_timestamp() + make_interval(secs => %(window)s)),
        extract(epoch from least(expires_at, clock_timestamp() + make_interval(secs => %(window)s)) - clock_timestamp())
    from (
        select expires_at, row_number() over (order by expires_at desc) as nth from budget_slots where scope = %(scope)s
    ) as held
    where nth = %(limit)s
"""

_TAKE = """
    insert into budget_slots (scope, holder, slots, expires_at)
    values (%s, %s || '-' || gen_random_uuid(), 1, clock_timestamp() + make_interval(secs => %s))
    returning holder
"""
