"""A block that opens with the signer's name again is a card, whatever it says; the person's own words below a name stay."""

from __future__ import annotations

import pytest

from shared.mail.replies import reply_in_text

OWN = "Two pairs, please.\n\nKind regards,\nMiriam"
CARD = "Miriam Adeyemi\nPartner\nAdeyemi Lowe"
NAMES = (
    ("Miriam", "Miriam Adeyemi"),
    ("Miriam", "MIRIAM ADEYEMI"),
    ("miriam", "Miriam Adeyemi FRSA"),
    ("Miriam", "Miriam Adeyemi, Ph.D."),
    ("- Miriam", "Dr. Miriam Adeyemi, M.A."),
    ("Adeyemi", "Miriam Adeyemi"),
    ("Miriam Adeyemi", "Miriam Adeyemi RIBA"),
    ("小明", "王小明"),
)
BELOW = (
    "9 Cornhill",
    "E-mail Marketing Manager",
    "Charity of the Year",
    "NOTICE: Mail to and from the council may be read by anybody who asks for it.",
    "The contents are confidential and privileged; if they were not meant for you, please delete them.",
    "The contents are confidential and may be legally privileged; if they were not\nmeant for you, please delete them.",
    "Vertraulich: Sind Sie nicht der Empfänger, vernichten Sie diese Nachricht, die irrtümlich zu Ihnen kam.",
)
NOTICE = (
    "Millrace Ltd, registered in England no. 0. This mail is confidential and may be privileged; if you are not the "
    "intended recipient please delete it and let us know."
)
ASKING = (
    "please unsubscribe me",
    "Unsubscribe",
    "Take me off",
    "PS the blue ones",
    "P.S. The depot has closed.",
    "P.D.: el azul",
    "NB: the blue ones",
    "No more mails",
    "NO MORE MAILS",
    "Stop",
    "Keine Mails mehr",
    "Can you ring on Friday?",
    "Yes",
    "ok, thanks",
    "the blue ones",
    "We moved to Leeds in May and the old shop is closed.",
    "Send the catalogue to the Leeds office instead.",
    "And send the catalogue to the Leeds office instead.",
    "The parcel of last week has still not come to us.",
    "Please delete this, it is confidential and was sent to us in error by your office.",
    "I got confidential words of yours in error, delete it and remove the address from your list at once.",
    "Delete anna@reader.example from your distribution, it was added in error by a colleague.",
    "We want our data gone from your distribution, it was added in error by a colleague.",
    "Bring the boots to the front desk, the depot is confidential\nThe contents are confidential and privileged, not for you.",
    "Schicken Sie den Katalog in Zukunft nach Kempten.",
    "No quiero recibir correos",
    "もう送らないでください",
)


@pytest.mark.parametrize(("typed", "again"), NAMES)
def test_the_signers_name_again_begins_a_card(typed: str, again: str) -> None:
    assert reply_in_text(f"Two pairs.\n\n{typed}\n\n{again}\nPartner\nAdeyemi Lowe").text == f"Two pairs.\n\n{typed}"


@pytest.mark.parametrize("below", BELOW)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_it_is_a_card_whatever_its_lines_say(below: str, between: str) -> None:
    assert reply_in_text(f"{OWN}\n\n{CARD}{between}{below}").text == OWN


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize(
    "between", ["\n\n", "\n\nThe contents are confidential and privileged, meant for one reader.\n\n"]
)
def test_the_persons_words_below_it_stay_and_the_card_with_them(asking: str, between: str) -> None:
    assert reply_in_text(f"{OWN}\n\n{CARD}{between}{asking}").text.endswith(f"{CARD}{between}{asking}")


@pytest.mark.parametrize("asking", ASKING[:14])
def test_so_do_words_without_a_blank_line_above(asking: str) -> None:
    assert asking in reply_in_text(f"{OWN}\n\n{CARD}\n{asking}").text
    assert asking in reply_in_text(f"{OWN}\n\n{CARD.splitlines()[0]}\n{asking}").text


@pytest.mark.parametrize(
    "text",
    [
        f"Write to her from now on:\nMiriam\n\n{CARD}",
        f"Miriam,\n\n{CARD}",
        "They want it too\n\nJoan\n\nJoan Birch\nBuyer\n\nPaul Reed\nBuyer",
        "Two pairs.\n\nMiriam\n\nMiriam Adeyemi told me that the shop is closed.",
        "Two pairs.\n\nMiriam\n\nMiriam Adeyemi",
        "Two pairs.\n\nPaul\n\nMiriam Adeyemi\nPartner",
        "Regards\nMiriam Adeyemi\nThe second parcel never came to our door.",
        "Regards\nMiriam Adeyemi\nPaul Reed\nJoan Birch",
        "Regards\nMiriam Adeyemi\nPartner",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert reply_in_text(text).text == text


@pytest.mark.parametrize(
    "card",
    [
        "Tariq Haddad\nHead of Sales\nMillrace Software",
        "Tariq Haddad\nSales, Millrace Software\n+1 617 555 0177\nGrab a slot with me: https://meet.millrace.example/tariq",
        "Tariq Haddad\nmillrace.example\nhttps://millrace.example",
        f"Tariq Haddad\n+1 617 555 0177\n\n{NOTICE}",
    ],
)
def test_a_name_in_full_right_below_the_closing_formula_goes_with_its_card(card: str) -> None:
    assert reply_in_text(f"Ten suits me.\n\nBest,\n{card}").text == "Ten suits me.\n\nBest,"


@pytest.mark.parametrize(
    "words", ["Meet me on Friday at https://millrace.example", "Remove me: https://millrace.example/u"]
)
def test_a_sentence_with_a_link_is_no_label(words: str) -> None:
    text = f"Ten suits me.\n\nBest,\nTariq Haddad\nSales\n+1 617 555 0177\n{words}"
    assert reply_in_text(text).text == text


def test_a_name_and_a_number_that_answer_a_quoted_question_stay() -> None:
    text = "Hello,\n\nJoan\n> Whom may we ask?\n\nJoan Birch\nHead Buyer\n01539 555 021\n\n> Thank you\n"
    assert "Joan Birch\nHead Buyer" in reply_in_text(text).text
