"""What hard bounces have in common: the words of a diagnostic without whom and where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.actions.core.diagnostic_patterns import KeyKind, diagnostic_key, domain_key
from shared.domain.bounces import RecipientFinding
from tests.builders import a_recipient


def said(diagnostic: str, address: str = "anna@example.net") -> str:
    """The pattern of a diagnostic about this recipient."""
    return diagnostic_key(a_recipient(address, diagnostic=diagnostic)).name


@pytest.mark.parametrize(
    ("diagnostic", "pattern"),
    [
        ("550 5.1.1 <anna@example.net>: Recipient address rejected", "550 5.1.1 <address> recipient address rejected"),
        ("550-5.1.1 gone d9443c01a73si1234.7 - gsmtp", "550-5.1.1 gone * - gsmtp"),
        ("554 mx1.example.net refused [192.0.2.1] at 2001:db8::1", "554 * refused * at *"),
        ("550 #5.1.0 Address rejected.", "550 #5.1.0 address rejected."),
        ("550 Unknown user: anna", "550 unknown user: *"),  # whoever it is about
        ("550 'ANNA' is not here", "550 * is not here"),
        ("550   no\r\n  such\tuser", "550 no such user"),
        ("Mailbox Anna\x00 unknown", "mailbox * unknown"),
    ],
)
def test_codes_and_words_stay_and_what_varies_goes(diagnostic: str, pattern: str) -> None:
    assert said(diagnostic) == pattern


def test_two_recipients_on_two_hosts_share_a_pattern_and_its_number() -> None:
    keys = {
        diagnostic_key(a_recipient(f"{name}@example.net", diagnostic=f"550 5.1.1 {name} unknown at mx{n}.example.net"))
        for n, name in enumerate(("anna", "bert"))
    }
    assert len({key.number for key in keys}) == len(keys) == 1


def test_another_code_is_another_pattern() -> None:
    assert said("550 5.1.1 no such user") != said("550 5.1.10 no such user")


def test_a_report_without_a_diagnostic_is_known_by_rule_and_status() -> None:
    assert diagnostic_key(a_recipient(diagnostic=None)).name == "rule dsn.user-unknown 5.1.1"


def test_a_long_diagnostic_is_cut_before_its_end_can_matter() -> None:
    assert said("550 " + "word " * 100 + "one") == said("550 " + "word " * 100 + "two")
    assert len(said("550 " + "x" * 5_000)) <= 160


@pytest.mark.parametrize(("address", "name"), [("a@Example.NET", "example.net"), ("", None), ("postmaster", None)])
def test_a_domain_is_that_of_the_recipient(address: str, name: str | None) -> None:
    key = domain_key(address)
    assert (key.name if key else None) == name
    assert key is None or key.kind is KeyKind.DOMAIN


def test_the_same_words_as_diagnostic_and_as_domain_are_two_keys() -> None:
    finding: RecipientFinding = replace(a_recipient(), diagnostic="example")
    domain = domain_key("a@example")
    assert domain is not None
    assert diagnostic_key(finding).number != domain.number
