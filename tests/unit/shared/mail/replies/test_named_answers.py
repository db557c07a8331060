"""Answers behind a name in brackets inside a quoted mail: the recipient's are kept, anybody else's are quoted."""

from __future__ import annotations

import pytest

from shared.mail.replies import reply_in_html, reply_in_text


def head(to: str) -> str:
    return f"From: Boot House <news@shop.example>\nSent: Monday, November 3, 2025 10:02 AM\nTo: {to}\nSubject: Sale\n\nA pair?\n"


RECIPIENTS = (
    "Anna Weber <anna@reader.example>",
    "'Anna Weber'",
    "Weber, Anna <anna@reader.example>",
    "Weber, Anna",
    "anna.weber@reader.example",
    "Bert Maier <bert@reader.example>, Anna Weber <anna@reader.example>",
    "Maier, Bert; Weber, Anna",
)


@pytest.mark.parametrize("to", RECIPIENTS)
@pytest.mark.parametrize("name", ["Anna", "Anna Weber", "ANNA WEBER", "Weber"])
def test_a_recipients_answer_is_kept(to: str, name: str) -> None:
    answer = f"[{name}] yes, please unsubscribe me"
    assert reply_in_text(f"See below.\n\n{head(to)}{answer}\nUnsubscribe here").text == f"See below.\n\n{answer}"


@pytest.mark.parametrize(
    "line", ["[Boot House] Unsubscribe", "[Sale] Unsubscribe", "[Anna]", "[Anna Maier] no", "[cid:1] x", "[A] no"]
)
def test_other_brackets_are_quoted(line: str) -> None:
    assert reply_in_text(f"See below.\n\n{head(RECIPIENTS[0])}{line}\nUnsubscribe here").text == "See below."


def test_an_older_mails_answers_are_quoted() -> None:
    older = head(RECIPIENTS[0]) + "[Anna] yes"
    assert reply_in_text(f"See below.\n\n{head(RECIPIENTS[0])}\n{older}").text == "See below."


def test_a_card_above_the_quotation_still_goes() -> None:
    signed = "Regards\nAnna Weber\nWeber Ltd\n+44 113 496 0000"
    assert reply_in_text(f"See below.\n\n{signed}\n\n{head(RECIPIENTS[0])}[Anna] yes").text == (
        "See below.\n\nRegards\n\n[Anna] yes"
    )


def test_it_is_the_same_in_outlooks_html() -> None:
    labels = head(RECIPIENTS[0]).replace("<", "&lt;").replace("\n", "<br>")
    source = f'<p>See below.</p><div style="border:none;border-top:solid #E1E1E1 1.0pt">{labels}</div><p>[Anna] yes, please</p><p>End</p>'
    assert reply_in_html(source).text.split("\n\n")[0] == "See below."
    assert reply_in_html(source).text.endswith("\n[Anna] yes, please")
