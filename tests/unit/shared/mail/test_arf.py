"""Feedback reports: the fields that decide, and recipients that a provider took out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.arf import is_jmrp, parse_feedback_report, plain_address
from shared.mail.headers import Headers


def test_type_and_recipient_are_read() -> None:
    report = parse_feedback_report(
        b"Feedback-Type: Abuse\nUser-Agent: FBL/1\n"
        b"Original-Rcpt-To: <Rita@example.net>\nOriginal-Mail-From: <n@example.com>\n"
    )
    assert (report.feedback_type, report.recipient) == ("abuse", "rita@example.net")
    assert (report.source, report.original_mail_from) == ("FBL/1", "n@example.com")


def test_a_report_without_type_is_an_abuse_report() -> None:
    assert parse_feedback_report(b"User-Agent: FBL/1\n").feedback_type == "abuse"


def test_a_blank_line_inside_does_not_end_the_fields() -> None:
    assert parse_feedback_report(b"\nVersion: 1\n\nFeedback-Type: fraud\n").feedback_type == "fraud"


@pytest.mark.parametrize(
    "value",
    [
        "redacted@example.net",
        "[redacted]@example.net",
        "[redacted]",
        "x",
        "",
        "undisclosed-recipients:;",
        "r***@example.net",
    ],
)
def test_a_redacted_recipient_is_empty(value: str) -> None:
    assert plain_address(value) == ""


def test_jmrp_is_known_by_sender_and_header_together() -> None:
    sender, mark = b"From: <staff@hotmail.com>\n", b"X-HmXmrOriginalRecipient: a@b.example\n"
    assert is_jmrp(Headers(sender), Headers(mark))
    assert is_jmrp(Headers(sender + mark), None)
    assert not is_jmrp(Headers(sender), Headers(b""))
    assert not is_jmrp(Headers(b"From: someone@example.net\n"), Headers(mark))


@given(st.binary(max_size=200))
def test_any_bytes_are_readable(block: bytes) -> None:
    parse_feedback_report(block)
