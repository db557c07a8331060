"""Times that an operator names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.console.core.replay_words import point_in_time
from tests.builders import NOW


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30d", NOW - timedelta(days=30)),
        (" 90m ", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_span_counts_back_from_now_and_a_date_is_utc(text: str, at: datetime) -> None:
    assert point_in_time(text, NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "30", "30 years", "-3d"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="say 30d, 12h, or a date"):
        point_in_time(text, NOW)
