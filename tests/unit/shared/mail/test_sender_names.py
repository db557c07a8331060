"""A mailbox's own name, read from what left it."""

from __future__ import annotations

import pytest

from shared.mail.sender_names import name_in_from, own_name

BOX = "shop@acme.example"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Acme Shop <shop@acme.example>", "Acme Shop"),
        ('"Shop, the" <Shop@ACME.example>', "Shop, the"),
        ("=?utf-8?q?Caf=C3=A9_=22Z=22?= <shop@acme.example>", 'Café "Z"'),
        ("=?utf-8?b?QQpC?= <shop@acme.example>", "A B"),
        ("shop@acme.example", None),
        ("<shop@acme.example>", None),
        ('"shop@acme.example" <shop@acme.example>', None),
        ("Somebody Else <other@acme.example>", None),
        ("", None),
    ],
)
def test_the_name_before_the_mailboxes_own_address(value: str, name: str | None) -> None:
    assert name_in_from(value, BOX) == name


def test_a_name_is_one_line_of_bounded_length() -> None:
    assert own_name("A\r\nBcc: x\x00\u202e", BOX, BOX) == "A Bcc: x"
    assert own_name("x" * 500, BOX, BOX) == "x" * 200
