"""Texts made to cost time: each is near what one kind of scanning is worst at. For tests and the benchmark."""

from __future__ import annotations

from collections.abc import Callable

MILLION = 1_000_000


def _text(unit: str) -> Callable[[], str]:
    return lambda: unit * (MILLION // len(unit))


# The first five are those of the product's promise; the rest attack what this code does.
HOSTILE_TEXTS: dict[str, Callable[[], str]] = {
    "on_on_on": _text("On "),
    "spaces": _text(" "),
    "greater_than": _text(">"),
    "greater_than_lines": _text(">\n"),
    "colon_lines": _text("a:\n"),
    "colons": _text("a: b@c.example> : "),
    "almost_attributions": _text("On 3 Nov 2025 x@y.example wrot:\n"),
    "verbs_in_one_line": _text("wrote: "),
    "header_lines": _text("To: a: b: c:\n"),
    "senders": _text("From: a@b.example\n"),
    "dashes": _text("--\n"),
    "dividers": _text("-- x --\n"),
    "device_lines": _text("sent from my a b c d\n"),
    "sign_offs": _text("regards\n"),
    "quote_and_answer": _text("-- \nfoo\n> q\n"),
    "line_feeds": _text("\n"),
    "invisible": _text("\u200b"),
    "cards": _text("Anna Weber\n\n+44 113 496 0000 a\n"),
    "signed_again": lambda: (
        "a.\n\nAnna Weber\n\n" * 20 + ("Anna Weber\n\n" + "confidential word " * 33 + "\n\n") * 1_500
    ),
    "signed_off": lambda: "a.\n" + ("regards\nAnna Weber\n" + "+44 113 496 0000 Privileged " * 20 + "\n") * 1_500,
    "comment_heads": lambda: "##- reply above this line -##\nA, 1 May 2026, 1:11\n" + "\nA (b) (c) (d\n" * 71_000,
    "named_answers": lambda: "From: a@b.example\nTo: Anna\nSubject: c\n\n" + "[Anna\n" * 160_000,
    "own_lists": _text("list:\n> 2 boots\nand\n"),
    "named_marks": _text("AB> a\n\n"),
    "other_names": lambda: "".join(f"{chr(65 + at % 26)}{chr(97 + at // 26 % 26)}b> x:\n" for at in range(100_000)),
    "journeys": _text("From: a\nTo: b\nDate: 3 May\nSubject: c\n\n"),
    "dates_without_colon": _text("On 3 Nov 2025 at 10:02 a@b.example\n> q\n"),
    "east_asian": _text("写道："),
}

HOSTILE_HTML: dict[str, Callable[[], str]] = {
    "nested_divs": lambda: "<div>" * 100_000 + "please unsubscribe me",
    "five_megabytes": lambda: "<p>hello world</p>" * 290_000,
    "nested_blockquotes": lambda: "<blockquote>" * 50_000 + "x",
    "nested_quote_containers": lambda: "<div class=gmail_quote><blockquote>x" * 20_000,
    "flat_quotes": lambda: "<blockquote>x</blockquote>" * 23_000,
    "borders": lambda: '<div style="border-top:solid">x' * 19_000,
    "less_than": lambda: "<" * MILLION,
    "open_comments": lambda: "<!--" * 150_000,
    "attributes": lambda: "<div " + " ".join(f"a{number}=b" for number in range(60_000)) + ">x",
    "crossed_tags": lambda: "<b><i><u>" * 20_000 + "</b></i></u>" * 20_000,
    "nested_tables": lambda: "<table><tr><td>" * 30_000,
    "signatures": lambda: "<i id=Signature>x" * 55_000,
    "signature_words": lambda: "x" * 300_000 + "gmail_signature " * 18_000,
    "stray_ends": lambda: "<b></p>" * 80_000,
}
