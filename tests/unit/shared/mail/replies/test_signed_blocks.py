"""The name that a mail is from opens a signature; whatever may be said to the reader stays."""

from __future__ import annotations

import pytest

from shared.mail.replies import reply_in_mail
from shared.mail.replies.signed_blocks import signer_words

WORDS = "Two places for weaving."
NAMES = (
    ("Noor Haddad", "Noor Haddad"),
    ("Haddad, Noor", "Noor HADDAD"),
    ("Noor Haddad", "Dr. Noor Haddad, M.A."),
    ("Noor Haddad (Atelier)", "Noor Haddad | Ceramicist"),
    ("Atelier Haddad", "Atelier Haddad"),
    ("Łucja Żak", "Łucja Żak"),
)
ASKED = (
    "please unsubscribe me",
    "Unsubscribe",
    "Remove anna@reader.example",
    "No more mails",
    "Keine Mails mehr",
    "Not for us",
    "Shall we come on Friday?",
    "Please call me tomorrow",
    "Please call me on +31 20 000 0055",
    "Rufen Sie mich an: 0170 5550123",
    "P.S. The kiln is cold.",
    "I moved to Ghent",
)


def _reply(body: str, name: str = "Noor Haddad") -> str:
    return reply_in_mail(
        f"From: {name} <noor@atelier.example>\nSubject: Re: Workshops\nContent-Type: text/plain; charset=utf-8\n\n{body}".encode()
    ).text


@pytest.mark.parametrize(("sender", "written"), NAMES)
def test_the_senders_name_opens_a_card_without_a_number(sender: str, written: str) -> None:
    assert _reply(f"{WORDS}\n\n{written}\nCeramicist\nKilns and Glazes, Ghent\n", sender) == WORDS


def test_somebody_elses_name_does_not() -> None:
    body = f"{WORDS}\n\nIda Brandt\nCeramicist\nKilns and Glazes, Ghent"

    assert _reply(body) == body


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("form", ["{name}\n{asked}\n{card}", "{name}\n{card}\n{asked}", "{name}\n{card}\n\n{asked}"])
def test_what_is_said_below_the_name_stays(form: str, asked: str) -> None:
    body = form.format(name="Noor Haddad", asked=asked, card="Kilns and Glazes, Ghent\nT +31 20 000 0044")

    assert asked in _reply(f"{WORDS}\n\n{body}\n").split("\n")


def test_a_card_above_an_afterthought_goes() -> None:
    body = f"{WORDS}\n\nRegards,\nNoor Haddad\nKilns and Glazes, Ghent\n\nThe clay of last year was better."

    assert _reply(body) == f"{WORDS}\n\nRegards,\n\nThe clay of last year was better."


@pytest.mark.parametrize(
    "body",
    [
        "Please send it to:\n\nNoor Haddad\nKilns and Glazes, Ghent",
        f"{WORDS}\n\nRegards,\nNoor Haddad",
        f"{WORDS}\n\nNoor Haddad",
        "Noor Haddad\nKilns and Glazes, Ghent",
        f"{WORDS}\n\nNoor Haddad\nsounds good to all of them",
    ],
)
def test_a_name_without_a_card_stays_and_so_does_what_is_announced(body: str) -> None:
    assert _reply(body) == body


def test_a_name_typed_under_the_sign_off_stays() -> None:
    assert _reply(f"{WORDS}\n\nRegards,\nNoor Haddad\n\nCeramicist\nKilns and Glazes, Ghent") == (
        f"{WORDS}\n\nRegards,\nNoor Haddad"
    )


def test_a_shop_below_a_rule_goes_and_a_request_there_stays() -> None:
    shop = "Kilns and Glazes\nHaven 8, Ghent\nTue-Sat 10-16"

    assert _reply(f"{WORDS}\n\n----\n{shop}", "kiln") == WORDS
    assert "Take me off" in _reply(f"{WORDS}\n\n----\n{shop}\nTake me off", "kiln")


@pytest.mark.parametrize(
    "body",
    [
        f"{WORDS}\n\n----\nBlue Boots, Size 38\nRed Boots, Size 40\nGreen Hat, Large",
        "Send it here:\n----\nKilns and Glazes\nHaven 8, Ghent\nTue-Sat 10-16",
    ],
)
def test_a_list_below_a_rule_stays_and_so_does_what_is_announced(body: str) -> None:
    assert _reply(body, "kiln") == body


@pytest.mark.parametrize("name", ["", "Noor", "noor@atelier.example", '"noor@atelier.example"', "Dr."])
def test_a_sender_without_a_name_in_full_is_no_signer(name: str) -> None:
    assert signer_words(name) == frozenset()
