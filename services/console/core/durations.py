"""Times and counts as a person reads them."""

from __future__ import annotations

from datetime import datetime, timedelta

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def span(length: timedelta) -> str:
    """A length in its largest unit: `45 s`, `12 min`, `3 h`, `9 d`. Never negative."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def relative(at: datetime | None, now: datetime) -> str:
    """`12 min ago`, `in 3 h`, `now`; `never` for None."""
    if at is None:
        return "never"
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 mail`, `2 mails`; `plural` where an s is not enough."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def moment(at: datetime) -> str:
    """A time to the second, UTC: `2026-11-21 09:30:05Z`. The given time must be aware."""
    return f"{(at - (at.utcoffset() or timedelta())).replace(tzinfo=None):%Y-%m-%d %H:%M:%S}Z"
