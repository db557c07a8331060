"""Addresses: what can be sent to through the providers' APIs, and what is told where it can't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.core.addresses import BadAddress, wire_address


@pytest.mark.parametrize(
    ("given_address", "sent"),
    [
        ("anna@example.net", "anna@example.net"),
        (" Anna.B+tag@Example.NET ", "Anna.B+tag@example.net"),  # the local part is its owner's business
        ("!#$%&'*+/=?^_`{|}~-@example.net", "!#$%&'*+/=?^_`{|}~-@example.net"),
        ("a@müller.example", "a@xn--mller-kva.example"),
        ("a@MÜLLER.example", "a@xn--mller-kva.example"),
        ("a@xn--mller-kva.example", "a@xn--mller-kva.example"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a" * 64 + "@example.net", "a" * 64 + "@example.net"),
        ("a@" + "b" * 63 + ".example", "a@" + "b" * 63 + ".example"),
        ("a@1.2.3.example", "a@1.2.3.example"),
    ],
)
def test_an_address_goes_out_with_its_domain_in_idna(given_address: str, sent: str) -> None:
    assert wire_address(given_address) == sent


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("anna", "local@domain"),
        ("anna@", "local@domain"),
        ("@example.net", "local@domain"),
        ("Anna <anna@example.net>", "bare address"),
        ("a b@example.net", "bare address"),
        ("a@b@example.net", "bare address"),
        ("a,b@example.net", "bare address"),
        ("a\r\nBcc:x@example.net", "bare address"),
        ("a\u2028@example.net", "outside ASCII"),
        ('"a b"@example.net', "quoted"),
        (".a@example.net", "dot"),
        ("a.@example.net", "dot"),
        ("a..b@example.net", "dot"),
        ("müller@example.net", "outside ASCII"),
        ("a" * 65 + "@example.net", "64 characters"),
        ("a@[192.0.2.1]", "IP address"),
        ("a@192.0.2.1", "full domain name"),
        ("a@localhost", "full domain name"),
        ("a@example..net", "full domain name"),
        ("a@-example.net", "full domain name"),
        ("a@exa_mple.net", "full domain name"),
        ("a@example.net\n.x", "full domain name"),
        ("a@xn--a.net", "full domain name"),
        ("a@" + "b" * 64 + ".example", "full domain name"),
        ("a@" + "ü" * 250 + ".example", "longer than 253"),
        ("a@\u2028.example", "international"),
        ("a@" + ".".join(["b" * 61] * 4) + ".example", "longer than 253"),
        ("a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example.example", "longer than 254"),
    ],
)
def test_what_can_not_be_sent_to_is_refused_with_the_reason(address: str, says: str) -> None:
    with pytest.raises(BadAddress, match=says):
        wire_address(address)


@given(
    st.text(max_size=80).map(lambda text: text + "@example.net") | st.text(max_size=80).map(lambda text: "a@" + text)
)
def test_whatever_passes_is_one_ascii_word_with_one_at_sign(text: str) -> None:
    try:
        sent = wire_address(text)
    except BadAddress:
        return
    assert sent.isascii()
    assert sent.count("@") == 1
    assert not set(sent) & set(' \t\r\n\0<>()[],;:\\"')
