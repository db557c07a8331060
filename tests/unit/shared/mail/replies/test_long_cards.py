"""Contact cards with sentences in them go; whatever speaks to the reader below a name stays."""

from __future__ import annotations

import pytest

from shared.mail.replies import reply_in_text

OWN = "Two pairs, please.\n\nKind regards,"
CARD = "Ruth Calloway\nBuyer\nCalloway Outdoor Ltd\n01539 555 019"
MORE = (
    "The fells begin at our door.",
    "Registered in England, company no. 00000000, VAT no. 000",
    "Follow us: @callowayoutdoor",
    "Open Mon to Fri, 9 to 17",
    "Book a call with me: https://calloway.example/ruth",
    "Rate our service: good / bad",
    "Please consider the environment before printing this e-mail.",
    "Sitz: Kempten, Amtsgericht Kempten HRB 00000, Geschäftsführer: Jörg Halder",
    "Halder SARL au capital de 8 000 €",
    "P. IVA 00000000000",
    "Meet with me: https://calloway.example/meet",
)
ASKING = (
    "please unsubscribe me",
    "And no more mails.",
    "No quiero recibir correos",
    "Não quero receber",
    "Ingen flere mails",
    "Keine Mails mehr",
    "Больше не пишите мне",
    "もう送らないでください",
    "이메일 그만 보내세요",
    "请退订",
    "Enough of these e-mails",
    "Could somebody ring Kendal?",
    "PS The door is open Mon to Fri",
    "she is the one to ring",
    "We had to send the last two parcels back unopened.",
    "Wir sind im Mai nach Kempten umgezogen, Halle drei.",
    "Send the catalogue to the Leeds office instead of ours.",
    "Envoyez le catalogue au bureau de Lyon, rue des Pins.",
    "The parcel from Monday has still not come to the shop.",
    "Yes",
    "ok thanks",
)


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_a_cards_sentence_goes_with_the_card(more: str, between: str) -> None:
    if between == "\n\n" and more == MORE[0]:
        more = f"{more} Come and see!"
    assert reply_in_text(f"{OWN}\n\n{CARD}{between}{more}").text == OWN


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("above", ["", "\nThe fells begin at our door.", "\n\nRegistered in England, VAT no. 000"])
def test_words_for_the_reader_below_a_card_stay(asking: str, above: str) -> None:
    assert asking in reply_in_text(f"{OWN}\n{CARD}{above}\n\n{asking}").text


def test_a_first_name_that_was_typed_stays_above_the_cards_own() -> None:
    assert reply_in_text(f"Two pairs.\n\nRuth\n\n{CARD}").text == "Two pairs.\n\nRuth"


def test_a_companys_notice_alone_goes() -> None:
    notice = "Calloway Law LLP is a limited liability partnership regulated by the Law Society of Kendal (no. 000000)."
    assert reply_in_text(f"Collect on the 12th.\n\n{notice}").text == "Collect on the 12th."
    assert notice in reply_in_text(f"This is our firm:\n\n{notice}").text
