"""The two query languages where a listing test would not show the detail."""

from __future__ import annotations

import pytest

from services.simulator.core.mailboxes import StoredMail
from services.simulator.core.odata import BadQuery, is_inefficient, parse_filter, parse_orderby

MAIL = StoredMail(1, b"Subject: It's (here)\r\nFrom: a@b.example\r\n\r\n", 1_790_000_000.0, {"inbox"})


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("subject eq 'it''s (here)'", True),
        ("subject ne 'x' and (isRead eq true or isRead eq false)", True),
        ("isRead eq true or isRead eq false and isDraft eq true", False),
        ("startswith(subject,'It')", True),
        ("receivedDateTime ge 2026-09-21", True),
        ("receivedDateTime lt 2026-09-21T14:13:20Z", False),
        ("receivedDateTime le 2026-09-21T16:13:20+02:00", True),
    ],
)
def test_a_filter_reads_as_odata_does(text: str, fits: bool) -> None:
    assert parse_filter(text).test(MAIL) is fits


@pytest.mark.parametrize("text", ["isRead", "isRead eq", "nothing eq 1", "(isRead eq true", "isRead eq true isDraft"])
def test_a_filter_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_filter(text)


@pytest.mark.parametrize(
    ("wanted", "order", "refused"),
    [
        ("receivedDateTime ge 2026-01-01 and subject eq 'x'", "receivedDateTime desc,subject", False),
        ("receivedDateTime ge 2026-01-01 and subject eq 'x'", "subject,receivedDateTime", True),
        ("receivedDateTime ge 2026-01-01", "receivedDateTime,subject", True),
    ],
)
def test_order_and_filter_name_properties_in_the_same_order(wanted: str, order: str, refused: bool) -> None:
    assert is_inefficient(parse_filter(wanted), parse_orderby(order)) is refused
