"""Every id by which a report names the mail, in order of trust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.bounces import Reference
from shared.domain.bounces import ReferenceSource as Source
from shared.mail.headers import Headers
from shared.mail.message_ids import all_ids, find, normalise, returned_headers
from shared.mail.mime import Caps, parse


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<a@b.example>", "a@b.example"),
        ("  < a@b.example >  ", "a@b.example"),
        ("(x) <A@b.example> y", "A@b.example"),
        ("a@b.example", "a@b.example"),
        ("no id here", ""),
        ("", ""),
        ("a@" + "b" * 400, ""),
    ],
)
def test_a_message_id_loses_its_brackets_and_nothing_else(value: str, expected: str) -> None:
    assert normalise(value) == expected


def test_references_hold_several() -> None:
    assert all_ids("<a@x> <b@x>\t<c@x>") == ["a@x", "b@x", "c@x"]
    assert all_ids("a@x b@x") == ["a@x", "b@x"]


def test_ids_come_in_order_of_trust_and_once() -> None:
    found = find(
        outer=Headers(b"In-Reply-To: <m@x>\nReferences: <t@x> <m@x>\n"),
        returned=[Headers(b"Message-ID: <m@x>\nX-ApiConnect-Reference: token\n")],
        reports=[{"x-original-message-id": "<o@x>"}],
        body="",
    )
    assert found == (
        Reference(Source.REFERENCE_HEADER, "token"),
        Reference(Source.RETURNED_MESSAGE_ID, "m@x"),
        Reference(Source.X_ORIGINAL_MESSAGE_ID, "o@x"),
        Reference(Source.IN_REPLY_TO, "m@x"),
        Reference(Source.REFERENCES, "t@x"),
        Reference(Source.REFERENCES, "m@x"),
    )


def test_a_returned_mail_quoted_in_the_text_gives_its_ids() -> None:
    body = "failed\n\n> Message-ID: <m@x>\nx-apiconnect-reference: token\nX-Original-Message-ID: <not-this@x>\n"
    assert find(Headers(b""), [], [], body) == (
        Reference(Source.REFERENCE_HEADER, "token"),
        Reference(Source.BODY_MESSAGE_ID, "m@x"),
    )


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"7bit", b"Message-ID: <m@x>\n\nbody"),
        (b"base64", b"TWVzc2FnZS1JRDogPG1AeD4KCmJvZHk="),
        (b"base64", b"TWVzc2FnZS1JRDogPG1AeD4NCg0KYm9keQ=="),  # CRLF inside
        (b"quoted-printable", b"Message-ID: <m=40x>\n\nbody"),
        (b"7bit", b"\nMessage-ID: <m@x>"),
    ],
)
def test_the_returned_header_is_read_in_any_transfer_encoding(encoding: bytes, body: bytes) -> None:
    part = parse(b"Content-Type: message/rfc822\nContent-Transfer-Encoding: " + encoding + b"\n\n" + body, Caps()).root
    assert returned_headers(part).get("message-id") == "<m@x>"


def test_ids_without_end_are_capped() -> None:
    assert len(find(Headers(b"References: " + b"".join(b"<%d@x> " % n for n in range(5_000))), [], [], "")) == 50


@given(st.text(alphabet="<>@ax: \nMessage-ID", max_size=200))
def test_any_text_is_searchable(text: str) -> None:
    find(Headers(b""), [], [], text)
    all_ids(text)
    normalise(text)
