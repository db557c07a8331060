"""Reading and changing header fields of raw mail."""

from __future__ import annotations

from services.simulator.core.header_fields import field, fields, with_field, without_fields

RAW = b"A: 1\r\nMessage-ID:\r\n <long@example.com>\r\nX-One: a\r\n\tb\r\nb: 2\r\n\r\nMessage-ID: <body@example.com>\r\n"


def test_a_folded_field_is_read_whole_and_the_body_is_left_alone() -> None:
    assert field(RAW, "message-id") == "<long@example.com>"
    assert fields(RAW) == [("A", "1"), ("Message-ID", "<long@example.com>"), ("X-One", "a b"), ("b", "2")]


def test_fields_are_taken_out_with_their_continuation_lines() -> None:
    kept = without_fields(RAW, {"message-id"}, prefix="x-")
    assert kept == b"A: 1\r\nb: 2\r\n\r\nMessage-ID: <body@example.com>\r\n"


def test_a_last_field_is_taken_out_and_the_empty_line_stays() -> None:
    assert without_fields(b"A: 1\nB: 2\n\nbody", {"b"}) == b"A: 1\n\nbody"


def test_a_field_is_added_in_the_mails_own_line_ends() -> None:
    assert with_field(b"A: 1\n\nx", "B", "2") == b"B: 2\nA: 1\n\nx"
    assert with_field(RAW, "B", "2").startswith(b"B: 2\r\nA: 1")


def test_mail_without_a_header_is_survived() -> None:
    assert field(b"", "Subject") == ""
    assert field(b"no header here", "Subject") == ""
