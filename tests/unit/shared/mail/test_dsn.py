"""Delivery-status parts: as RFC 3464 writes them, and as real servers do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.dsn import address_of, parse_delivery_status

PLAIN = """Reporting-MTA: dns; mx.example.org
X-Original-Message-ID: <m@example.com>

Original-Recipient: rfc822;rita@example.net
Final-Recipient: rfc822; Rita@Inner.Example.net
Action: failed
Status: 5.1.1 (bad destination mailbox)
Remote-MTA: dns; mx.Inner.example.net
Diagnostic-Code: smtp; 550 5.1.1
  User unknown

Final-Recipient: rfc822; tom@example.net
Action: delayed
Status: 4.4.1
"""


def test_fields_are_grouped_by_recipient() -> None:
    status = parse_delivery_status(PLAIN)
    assert status.message["x-original-message-id"] == "<m@example.com>"
    first, second = status.recipients
    assert (first.original, first.final) == ("rita@example.net", "rita@inner.example.net")
    assert (first.action, first.status) == ("failed", "5.1.1")
    assert first.diagnostic == "550 5.1.1 User unknown"
    assert first.remote_mta == "mx.inner.example.net"
    assert (second.original, second.final, second.action) == ("", "tom@example.net", "delayed")


@pytest.mark.parametrize(
    "odd",
    [
        PLAIN.replace("Action: ", "ACTION : "),
        PLAIN.replace("\n\nFinal", "\n\n\n\nFinal"),  # doubled blank lines
        PLAIN.replace("failed\n", "failed\n\n"),  # a blank line inside a group
        PLAIN.replace("\n\nFinal", "\nFinal"),  # no blank line between groups
        PLAIN.replace("\n\nOriginal", "\nOriginal"),
        PLAIN.replace("  User unknown", "550 User unknown").replace("550 5.1.1\n", "\n"),  # a fold without indent
        PLAIN.replace("failed", "failure (permanent)"),
        PLAIN.replace("failed", "Error;"),
        PLAIN.replace("rfc822;rita@example.net", "rfc/822;<rita@example.net>"),
        PLAIN.replace("rfc822;rita@example.net", "<rita@example.net>"),
        PLAIN.replace("rfc822;rita@example.net", "rita@example.net (Rita)"),
    ],
)
def test_odd_spellings_are_read_as_meant(odd: str) -> None:
    status = parse_delivery_status(odd)
    assert [one.original or one.final for one in status.recipients] == ["rita@example.net", "tom@example.net"]
    assert [one.action for one in status.recipients] == ["failed", "delayed"]
    assert "User unknown" in status.recipients[0].diagnostic


def test_fields_that_stand_before_the_recipient_belong_to_it() -> None:
    (only,) = parse_delivery_status(
        "Reporting-MTA: dns; a\n\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\n"
    ).recipients
    assert (only.final, only.status) == ("a@b.example", "5.1.1")


def test_recipients_are_capped() -> None:
    text = "".join(f"Final-Recipient: rfc822; u{n}@example.net\nAction: failed\n\n" for n in range(30))
    assert len(parse_delivery_status(text, limit=20).recipients) == 20


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; a@b.example", "a@b.example"),
        ("RFC822;A@B.example", "a@b.example"),
        ("rfc822; <a@b.example>", "a@b.example"),
        ("<SMTP:a@b.example>", "a@b.example"),
        ('rfc822; "a..b"@c.example', '"a..b"@c.example'),
        ("utf-8; ä@b.example", "ä@b.example"),
        ("system;<>", ""),
        ("x400; /C=DE/ADMD=X/", ""),
        ("rfc822; undisclosed", ""),
        ("", ""),
    ],
)
def test_an_address_is_taken_out_of_its_typed_field(value: str, address: str) -> None:
    assert address_of(value) == address


@given(st.text(max_size=300))
def test_any_text_is_readable(text: str) -> None:
    parse_delivery_status(text)
    address_of(text)


@given(
    st.lists(
        st.sampled_from(
            ["Final-Recipient: rfc822; a@b", "Action: failed", "Status: 5.1.1", "", " fold", "x", "Diagnostic-Code: ;"]
        ),
        max_size=20,
    )
)
def test_any_arrangement_of_fields_is_readable(lines: list[str]) -> None:
    parse_delivery_status("\n".join(lines))
