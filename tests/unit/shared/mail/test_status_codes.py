"""Codes in text: words of their own, not parts of addresses and numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.status_codes import enhanced_status, is_temporary, is_vague, reply_code, specific_status


@pytest.mark.parametrize(
    ("text", "status", "reply"),
    [
        ("550 5.1.1 user unknown", "5.1.1", "550"),
        ("smtp;550-5.7.26 no", "5.7.26", "550"),
        ("(#5.7.1)", "5.7.1", None),
        ("host 4.1.1.5 said nothing", None, None),
        ("15.1.1 and 5.1.1234", None, None),
        ("error=550", None, "550"),
        ("[192.0.2.5]: 421 later", None, "421"),
        ("250 2.1.5 ok", "2.1.5", None),
        ("port 5500", None, None),
        ("", None, None),
    ],
)
def test_codes_are_found(text: str, status: str | None, reply: str | None) -> None:
    assert enhanced_status(text) == status
    assert reply_code(text) == reply


def test_a_code_that_says_more_is_preferred() -> None:
    assert specific_status("550 5.0.0 then 5.1.1") == "5.1.1"
    assert specific_status("550 5.0.0") == "5.0.0"
    assert specific_status("none") is None


@pytest.mark.parametrize(
    ("status", "vague"),
    [(None, True), ("5.0.0", True), ("4.0.0", True), ("5.0.350", True), ("5.1.0", False), ("5.1.1", False)],
)
def test_vague_codes_say_nothing_but_their_class(status: str | None, vague: bool) -> None:
    assert is_vague(status) is vague


@pytest.mark.parametrize(
    ("status", "reply", "temporary"),
    [
        ("4.2.2", None, True),
        ("5.2.2", None, False),
        ("4.4.7", "554", False),
        ("5.7.1", "450", True),
        (None, None, False),
    ],
)
def test_the_reply_code_has_the_say(status: str | None, reply: str | None, temporary: bool) -> None:
    assert is_temporary(status, reply) is temporary


@given(st.text(alphabet="0123456789. -5", max_size=100))
def test_any_text_is_readable(text: str) -> None:
    specific_status(text)
    reply_code(text)
