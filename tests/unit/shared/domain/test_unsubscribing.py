"""A list's List-Unsubscribe: what is taken, what is refused with reason and fix, and what becomes of it in one mail."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from shared.domain.unsubscribing import (
    LONGEST_TARGET,
    LONGEST_TEMPLATE,
    ListUnsubscribing,
    NoTarget,
    checked_mailto,
    checked_url,
)

URL = "https://acme.example/u/{list}/{subscriber}?c={campaign}"


def targets(url: str | None, mailto: str | None = None, list_uid: str = "news") -> tuple[str, ...]:
    return ListUnsubscribing(list_uid, url, mailto).targets(subscriber="u-1", campaign="november")


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://acme.example",
        "https://acme.example:8443/u",
        "https://xn--bcher-kva.example/u%7Bx%7D",
        "https://[2001:db8::1]/u",
        "https://acme.example/" + "x" * (LONGEST_TEMPLATE - len("https://acme.example/")),
    ],
)
def test_an_https_url_with_the_placeholders_that_there_are_is_taken_as_it_is(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    ("check", "text", "says"),
    [
        (checked_url, "http://acme.example/u", "no https URL"),
        (checked_url, "HTTPS://acme.example/u", "no https URL"),
        (checked_url, "mailto:leave@acme.example", "no https URL"),
        (checked_url, "", "no https URL"),
        (checked_url, "https:///u", "names no host"),
        (checked_url, "https://?u", "names no host"),
        (checked_url, "https://acme.example:port/u", "names no host"),
        (checked_url, "https://[acme/u", "names no host"),
        (checked_url, "https://{list}.acme.example/u", "placeholders after the host only"),
        (checked_url, "https://anna:secret@acme.example/u", "leave it out"),
        (checked_url, "https://acme.example/u#{subscriber}", "fragment"),
        (checked_url, "https://acme.example/u\nBcc: x@example.com", "a line break"),
        (checked_url, "https://acme.example/u\n", "a line break"),
        (checked_url, "https://acme.example/ü", "percent-encode"),
        (checked_url, "https://acme.example/u>,<https://x.example", "percent-encode"),
        (
            checked_url,
            "https://acme.example/{email}",
            "unknown placeholder; there are {subscriber}, {list}, {campaign}",
        ),
        (checked_url, "https://acme.example/{{subscriber}}", "unknown placeholder"),
        (checked_url, "https://acme.example/{Subscriber}", "unknown placeholder"),
        (checked_url, "https://acme.example/{subscriber", "unknown placeholder"),
        (checked_url, "https://acme.example/" + "x" * LONGEST_TEMPLATE, "shorten it"),
        (checked_mailto, "https://acme.example/u", "no mailto URL"),
        (checked_mailto, "mailto:leave", "no mailto URL"),
        (checked_mailto, "mailto:a@acme.example,b@acme.example", "percent-encode"),
        (checked_mailto, "mailto:a@acme.example%2Cb@acme.example", "no mailto URL of one address"),
        (checked_mailto, "mailto:leave@{list}.example", "no mailto URL"),
        (checked_mailto, "mailto:leave@acme.example?bcc=x@example.com", "other fields than subject and body"),
        (checked_mailto, "mailto:leave@acme.example?subject=a&to=x", "other fields than subject and body"),
        (checked_mailto, "mailto:leave@acme.example?subject=leave me", "percent-encode"),
        (checked_mailto, "mailto:leave@acme.example\r\nX: y", "a line break"),
        (checked_mailto, "mailto:leave-{mail}@acme.example", "unknown placeholder"),
    ],
)
def test_anything_else_is_refused_with_the_fix(check: Callable[[str], str], text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        check(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mailto:leave@acme.example", "mailto:leave@acme.example"),
        ("leave@acme.example", "mailto:leave@acme.example"),
        ("leave+{subscriber}@acme.example?subject=leave%20{list}&body=x:y", "mailto:leave+{subscriber}@acme.example?subject=leave%20{list}&body=x:y"),
    ],
)  # fmt: skip
def test_an_address_or_a_mailto_url_is_kept_as_a_mailto_url(text: str, kept: str) -> None:
    assert checked_mailto(text) == kept
    assert checked_mailto(kept) == kept


def test_the_url_stands_before_the_mailto_and_both_are_filled_in() -> None:
    found = targets(URL, "mailto:leave+{subscriber}@acme.example")
    assert found == ("https://acme.example/u/news/u-1?c=november", "mailto:leave+u-1@acme.example")
    assert targets(None, "mailto:leave@acme.example") == ("mailto:leave@acme.example",)
    assert targets(None) == ()


def test_a_value_can_neither_end_the_target_nor_bring_a_placeholder() -> None:
    found = targets("https://acme.example/{list}?x", list_uid="a/../b?c&d#>,<\r\nX: {subscriber} ü")
    assert found == ("https://acme.example/a%2F..%2Fb%3Fc%26d%23%3E%2C%3C%0D%0AX%3A%20%7Bsubscriber%7D%20%C3%BC?x",)


@pytest.mark.parametrize("lacks", ["subscriber", "campaign"])
def test_what_a_mail_does_not_have_is_named(lacks: str) -> None:
    values = {"subscriber": "u-1", "campaign": "november", lacks: None}
    with pytest.raises(NoTarget, match="give list_unsubscribe") as fault:
        ListUnsubscribing("news", URL, None).targets(**values)
    assert fault.value.lacks == lacks
    assert ListUnsubscribing("news", "https://acme.example/{list}", None).targets(subscriber=None, campaign=None)


@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)])
def test_a_target_that_would_not_fit_into_a_line_is_refused(over: int, fits: bool) -> None:
    list_uid = "x" * (LONGEST_TARGET - len("https://acme.example/") + over)
    if fits:
        assert len(targets("https://acme.example/{list}", list_uid=list_uid)[0]) == LONGEST_TARGET
    else:
        with pytest.raises(NoTarget, match="more than 900"):
            targets("https://acme.example/{list}", list_uid=list_uid)
