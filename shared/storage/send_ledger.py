"""The ledger of sends: a row for each call that may have sent something. Rolling windows are counted from it, and from nothing else.

A row's time is when its call ended; `infinity` while it runs or is still to come. The provider saw the call no later, so whoever
counts "ended within the last hour" counts everything that the provider may count. Write under the locks of send_servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.domain.sending import Reason, Window
from shared.storage.database import Connection
from shared.storage.send_servers import Server

# Limits of the provider hold for a mailbox, whoever sends from it; all others for a server.
_OF_MAILBOX: Final = Reason.PROVIDER_LIMIT
# What becomes free within this time of the first is waited for, so that a claim takes several.
_GATHER: Final = timedelta(seconds=0.5)
_SOON: Final = timedelta(seconds=0.25)

_WHOSE: Final = {
    True: "l.provider = %(provider)s and l.mailbox = %(mailbox)s",
    False: "l.server_id = %(server)s",
}
_WEIGHT: Final = {"mails": "1", "recipients": "l.recipients"}


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a window is used up, in what it counts."""

    window: Window
    used: int

    @property
    def room(self) -> int:
        return max(0, self.window.limit - self.used)


def used(connection: Connection, server: Server, windows: Sequence[Window]) -> list[Used]:
    """What each window holds now, calls under way included."""
    if not windows:
        return []
    counts = ", ".join(
        f"""(
            select coalesce(sum({_WEIGHT[window.counts]}), 0) from send_ledger l
            where {_WHOSE[window.why is _OF_MAILBOX]} and l.ended_at > clock_timestamp() - %(length{n})s
        )"""
        for n, window in enumerate(windows)
    )
    lengths = {f"length{n}": window.length for n, window in enumerate(windows)}
    row = connection.execute(f"select {counts}".encode(), {**_names(server), **lengths}).fetchone()
    assert row is not None
    return [Used(window, int(count)) for window, count in zip(windows, row, strict=True)]


def free_at(connection: Connection, server: Server, window: Window, amount: int) -> datetime:
    """When `amount` more fit into a window that is too full for them now: when enough of what is in it has left it.

    What leaves it within half a second of that is waited for too, so that a claim takes several. While it depends on calls
    under way: a quarter of a second from now.
    """
    row = connection.execute(
        f"""
        with inside as (
            select l.ended_at, sum({_WEIGHT[window.counts]}) over (order by l.ended_at, l.id) as gone
            from send_ledger l
            where {_WHOSE[window.why is _OF_MAILBOX]} and l.ended_at > clock_timestamp() - %(length)s
        ),
        enough as (
            select min(ended_at) as at from inside
            where gone >= (select max(gone) from inside) + %(amount)s - %(limit)s
        )
        select case when at = 'infinity' then clock_timestamp() + %(soon)s
                    else (select max(ended_at) from inside where ended_at <= at + %(gather)s) + %(length)s end
        from enough
        """.encode(),
        {
            **_names(server),
            "length": window.length,
            "limit": window.limit,
            "amount": min(amount, window.limit),
            "soon": _SOON,
            "gather": _GATHER,
        },
    ).fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def enter(connection: Connection, server: Server, sends: Sequence[tuple[int, int]]) -> None:
    """A place in every window for each (send, recipients), from now until `ended` or `forget` says otherwise."""
    connection.execute(
        """
        insert into send_ledger (send_id, server_id, provider, mailbox, recipients)
        select t.send, %s, %s, %s, t.recipients from unnest(%s::bigint[], %s::integer[]) as t (send, recipients)
        """,
        (
            server.server_id,
            server.provider,
            server.mailbox,
            [send_id for send_id, _ in sends],
            [recipients for _, recipients in sends],
        ),
    )


def ended(connection: Connection, calls: Sequence[tuple[int, float]]) -> None:
    """The calls of these sends have ended, each so many seconds ago."""
    if not calls:
        return
    connection.execute(
        """
        update send_ledger l set ended_at = clock_timestamp() - make_interval(secs => t.ago)
        from unnest(%s::bigint[], %s::float8[]) as t (send, ago)
        where l.send_id = t.send and l.ended_at = 'infinity'
        """,
        ([send_id for send_id, _ in calls], [ago for _, ago in calls]),
    )


def forget(connection: Connection, send_ids: Sequence[int]) -> None:
    """These were not called after all: they take no place in any window."""
    if not send_ids:
        return
    connection.execute("delete from send_ledger where send_id = any(%s) and ended_at = 'infinity'", (list(send_ids),))


def forget_before(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Drops what no window counts any more, at most `limit` rows; returns how many."""
    return connection.execute(
        """
        delete from send_ledger where id in (
            select id from send_ledger where ended_at < now() - %s limit %s)
        """,
        (older_than, limit),
    ).rowcount


def _names(server: Server) -> dict[str, object]:
    return {"server": server.server_id, "provider": server.provider, "mailbox": server.mailbox}
