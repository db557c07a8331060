"""What the HTML marks as a signature is found in the plain text; words in it that say something stay."""

from __future__ import annotations

import pytest

from shared.mail.replies import Limits, MailTexts, Outcome, reply_in_texts

OWN = "Two pairs, please.\n\nHenrike"


def reply(plain: str, html: str) -> str:
    return reply_in_texts(MailTexts(plain, html, shown=True), limits=Limits()).text


def signed(*lines: str, mark: str = 'id="Signature"') -> tuple[str, str]:
    inside = "".join(f"<p>{line}</p>" for line in lines)
    return f"{OWN}\n\n" + "\n".join(lines), f"<style>#Signature {{}}</style><div>{OWN}</div><div {mark}>{inside}</div>"


@pytest.mark.parametrize("mark", ['id="Signature"', "id=x_Signature", 'class="gmail_signature"'])
def test_a_marked_signature_goes(mark: str) -> None:
    assert reply(*signed("Canal Workshop", "Chairs and tables", mark=mark)) == OWN


def test_line_breaks_and_link_targets_may_differ() -> None:
    html = f'<p>{OWN}</p><div id="Signature"><p>Canal Workshop<br>Chairs <a href="https://canal.example">and tables</a></p></div>'
    assert reply(f"{OWN}\n\nCanal\nWorkshop\n\nChairs and\ntables<https://canal.example>", html) == OWN


@pytest.mark.parametrize(
    "lines",
    [
        ("Please take me off",),
        ("Canal Workshop", "Unsubscribe"),
        ("Canal Workshop", "PS the blue ones"),
        ("Henrike Moll",),
        ("Kind regards", "Henrike Moll"),
        ("Kind regards",),
    ],
)
def test_words_and_names_in_it_stay(lines: tuple[str, ...]) -> None:
    plain, html = signed(*lines)
    assert reply(plain, html) == plain


def test_a_signature_that_is_the_whole_text_stays() -> None:
    assert (
        reply("Canal Workshop\nChairs", '<div id="Signature"><p>Canal Workshop</p><p>Chairs</p></div>')
        == "Canal Workshop\nChairs"
    )


def test_a_container_that_is_not_in_the_plain_text_takes_nothing() -> None:
    assert reply(OWN, signed("Two pairs", "or more")[1]) == OWN
    assert reply(OWN, '<div id="Signature">Two pairs, please.') == OWN


def test_a_container_left_open_or_vast_takes_nothing() -> None:
    vast = MailTexts(OWN, '<div id="Signature">' + "<p>Two pairs</p>" * 10_000, shown=True)
    assert reply_in_texts(vast).text == OWN
    assert reply_in_texts(vast).outcome is Outcome.FOUND
