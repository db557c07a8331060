"""How much may leave, and when the next may: rolling windows of a delivery server and of its mailbox (A075-A078).

A window holds what ended within its length before now; what lies exactly one length back has left it. Nothing here knows a
clock: counts and times come from the ledger of sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from shared.domain.sending import Reason, SendLimits, Window

MINUTE: Final = timedelta(seconds=60)
HOUR: Final = timedelta(minutes=60)
DAY: Final = timedelta(hours=24)
MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a delivery server sets itself. None or 0: no limit.

    warm_up: (from day, mails a day), ordered; day 1 is warm_up_from. pause: between the end of one call and the next mail.
    """

    hourly: int | None = None
    daily: int | None = None
    monthly: int | None = None
    pause: timedelta = timedelta(0)
    warm_up: tuple[tuple[int, int], ...] = ()
    warm_up_from: date | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits now. None: no limit of that kind. full: the windows that let nothing more out, empty while there is room."""

    mails: int | None
    recipients: int | None
    full: tuple[Window, ...] = ()


def windows(server: ServerLimits, provider: Iterable[Window], *, today: date) -> tuple[Window, ...]:
    """All windows that a mail of this server must fit, the server's own first.

    Those of reason provider_limit are counted over the mailbox (all servers that send from it), the others over the server.
    today: the date in UTC, for the warm-up plan.
    """
    return (*server_windows(server, today=today), *provider)


def provider_windows(limits: SendLimits) -> tuple[Window, ...]:
    """What the provider lets out of one mailbox. Exchange carries the excess of a minute over, and does not refuse it: a queue there
    would only be hidden."""
    limited = (
        (MINUTE, limits.per_minute, "mails"),
        (DAY, limits.messages_per_day, "mails"),
        (DAY, limits.recipients_per_day, "recipients"),
    )
    return tuple(Window(length, most, Reason.PROVIDER_LIMIT, counts) for length, most, counts in limited if most)


def server_windows(server: ServerLimits, *, today: date) -> tuple[Window, ...]:
    """The pause, then hour, day and month as far as they are limited; the smaller of daily quota and warm-up counts."""
    pause = (Window(server.pause, 1, Reason.PAUSE),) if server.pause > timedelta(0) else ()
    daily = min(filter(None, (server.daily, warm_up_limit(server, today))), default=None)
    limited = ((HOUR, server.hourly), (DAY, daily), (MONTH, server.monthly))
    return pause + tuple(Window(length, limit, Reason.QUOTA) for length, limit in limited if limit)


def warm_up_limit(server: ServerLimits, today: date) -> int | None:
    """Mails a day by the warm-up plan; None without a plan or where it says 0. Before its first day, that day counts."""
    if not server.warm_up or server.warm_up_from is None:
        return None
    day = max(1, (today - server.warm_up_from).days + 1)
    steps = [mails for from_day, mails in server.warm_up if from_day <= day]
    return (steps[-1] if steps else server.warm_up[0][1]) or None


def room(counts: Sequence[int], of: Sequence[Window]) -> Room:
    """What still fits. counts: beside each window, what the ledger holds within it: mails or recipients, running calls too."""
    left = [(window, max(0, window.limit - count)) for window, count in zip(of, counts, strict=True)]
    return Room(
        min((free for window, free in left if window.counts == "mails"), default=None),
        min((free for window, free in left if window.counts == "recipients"), default=None),
        tuple(window for window, free in left if free == 0),
    )


def fitting(free: Room, recipients: Iterable[int]) -> int:
    """How many of the waiting mails may leave, in their order. recipients: of each. The first that does not fit ends it."""
    mails, left = 0, free.recipients
    for one in recipients:
        if (free.mails is not None and mails >= free.mails) or (left is not None and one > left):
            break
        mails += 1
        left = None if left is None else left - one
    return mails


def next_free(window: Window, ended_at: datetime) -> datetime:
    """When a full window lets something out again.

    ended_at: of the call whose leaving makes room: for mails the limit-th newest in the ledger; for recipients the newest
    one which, with all newer ones, leaves no room. A call that still runs has no end: give now, it can't be earlier.
    """
    return ended_at + window.length
