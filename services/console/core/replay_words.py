"""What a replay was asked for and what it came to, in a person's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

SKIPPED: Mapping[str, str] = {
    "on_its_way": "they were opened again meanwhile, and get the rules of now anyway",
    "unreadable": "they could not be read this time, which says nothing about the bounce",
    "unwatched": "no active bounce server looks at them now",
}
_SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Row = tuple[object, ...]


def point_in_time(text: str, now: datetime) -> datetime:
    """`30d`, `12h`, `90m`, `2w`: so long before now; else a date or time, ISO 8601, UTC if it names no zone. Raises ValueError."""
    span = re.fullmatch(r"(\d{1,5})([mhdw])", text.strip())
    if span:
        return now - timedelta(**{_SPANS[span[2]]: int(span[1])})
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time: say 30d, 12h, or a date such as 2026-11-21") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def address_lines(entries: Sequence[Any], subscribers: Sequence[Any], *, dry: bool) -> Iterator[tuple[str, list[Row]]]:
    """Title and lines: addresses added to the blacklist, freed, and subscribers who stop or begin to get mail.

    entries, subscribers: effects of the run (shared.storage.effect_runs.EffectLine).
    """
    done = [one for one in entries if one.kept is None]
    would = "would be " if dry else ""
    yield (
        f"Addresses that {would}blacklisted" if dry else "Addresses blacklisted",
        [
            _line(one)
            for one in done
            if one.after is not None and one.after.get("id") != (one.before or {}).get("id", 0)
        ],
    )
    yield (
        f"Addresses that {would}freed" if dry else "Addresses freed",
        [_line(one) for one in done if one.after is None],
    )
    moved = [one for one in subscribers if one.kept is None]
    stops = ("blacklisted", "unsubscribed")
    yield (
        f"Subscribers who {would}unsubscribed" if dry else "Subscribers unsubscribed",
        [_line(one) for one in moved if one.after["status"] == "unsubscribed"],
    )
    yield (
        f"Subscribers who {would}restored" if dry else "Subscribers restored",
        [
            (*_line(one)[:1], f"{one.customer}: {one.after['status']} again")
            for one in moved
            if one.after["status"] not in stops
        ],
    )


def _line(one: Any) -> Row:
    return one.address, one.customer or "everybody"
