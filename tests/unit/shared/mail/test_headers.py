"""Header fields: unfolded, found by lower-case name, decoded when asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.headers import Headers, words


def test_fields_are_found_by_lower_case_name_and_unfolded() -> None:
    headers = Headers(b"SUBJECT : one\n two\nReceived: a\nReceived: b\nbroken line\n")
    assert headers.get("subject") == "one two"
    assert headers.all("received") == ["a", "b"]
    assert headers.get("received") == "a"
    assert headers.get("absent") == ""
    assert headers.all("absent") == []
    assert "received" in headers
    assert headers.names() == ["subject", "received"]
    assert len(headers) == 2


def test_eight_bit_values_are_read_as_utf8_or_latin1() -> None:
    assert Headers("A: é".encode()).get("a") == "é"
    assert Headers("A: é".encode("latin-1")).get("a") == "é"


def test_over_the_limit_the_rest_is_left() -> None:
    headers = Headers(b"A: 1\nB: 2\nC: 3", limit=2)
    assert headers.over
    assert "c" not in headers
    assert not Headers(b"A: 1\nB: 2", limit=2).over


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?B?w6k=?=", "é"),
        ("=?iso-8859-1?Q?caf=E9_au_lait?= ok", "café au lait ok"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8*de?q?a?=", "a"),
        ("=?punycode?q?a-b?=", "=?punycode?q?a-b?="),
        ("=?utf-8?B?w6k?=", "é"),  # no padding
        ("=?utf-8?B?A?=", "=?utf-8?B?A?="),
        ("=?utf-99?q?a?=", "=?utf-99?q?a?="),
    ],
)
def test_encoded_words_are_read_and_odd_ones_left(value: str, expected: str) -> None:
    assert words(value) == expected


@given(st.binary(max_size=300))
def test_any_block_is_readable(block: bytes) -> None:
    headers = Headers(block)
    for name in headers.names():
        words(headers.get(name))


@given(st.text(alphabet="=?utf-8bBqQ_ AÃ©", max_size=120))
def test_any_value_is_decodable(value: str) -> None:
    words(value)
