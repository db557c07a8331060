"""Times as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.console.core.durations import counted, moment, relative, span

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
    ],
)
def test_a_length_is_told_in_its_largest_unit(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, "never"),
        (NOW, "now"),
        (NOW + timedelta(minutes=12), "in 12 min"),
        (NOW - timedelta(hours=3), "3 h ago"),
    ],
)
def test_a_time_is_told_as_seen_from_now(at: datetime | None, text: str) -> None:
    assert relative(at, NOW) == text


def test_a_moment_is_in_utc_whatever_zone_it_came_in() -> None:
    assert moment(datetime(2026, 11, 21, 14, 5, 6, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-21 12:05:06Z"


def test_one_is_singular() -> None:
    assert [counted(1, "mail"), counted(2, "mail"), counted(0, "address", "addresses")] == [
        "1 mail",
        "2 mails",
        "0 addresses",
    ]
