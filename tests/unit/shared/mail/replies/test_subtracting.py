"""With the sent mail at hand: its lines go, the person's stay."""

from __future__ import annotations

import pytest

from shared.mail.replies import Outcome, Reason, reply_in_text

SENT = """Hello Anna,

our autumn sale has begun: 30 % off all boots, in every shop and online.

Unsubscribe: https://shop.example/u/abc
Boot House Ltd, 12 Mill Lane, Leeds
"""
# A client without any mark: the sent mail simply follows, its links made its own.
COPY = SENT.replace("shop.example/u/abc", "safelinks.example/?u=shop.example")


def text_of(answer: str, copy: str = COPY, sent: str = SENT) -> str:
    return reply_in_text(f"{answer}\n\n{copy}", sent=sent).text


@pytest.mark.parametrize(
    "answer", ["Is there a shop in York?", "Unsubscribe", "Hello Anna,", "unsubscribe me\nnow", "Thanks", "退订"]
)
def test_a_copy_that_no_mark_gives_away_is_taken_out(answer: str) -> None:
    assert text_of(answer) == answer


def test_without_the_sent_mail_such_a_copy_can_not_be_told_from_the_answer() -> None:
    assert "Mill Lane" in text_of("Is there a shop in York?", sent="")


def test_lines_that_were_broken_anew_are_known() -> None:
    broken = COPY.replace("off all boots, in", "off all\nboots, in")
    assert text_of("Too expensive for me.", broken) == "Too expensive for me."


def test_the_persons_own_lines_between_those_of_the_sent_mail_stay() -> None:
    copy = COPY.replace("\nUnsubscribe:", "\nDo you mean the red ones too?\n\nUnsubscribe:")
    assert text_of("See below.", copy) == "See below.\n\n\n\nDo you mean the red ones too?"


@pytest.mark.parametrize("answer", ["Unsubscribe", "unsubscribe", "Boot House", "30 % off all boots"])
def test_a_short_answer_stays_although_the_sent_mail_has_the_same_words(answer: str) -> None:
    assert reply_in_text(answer, sent=SENT).text == answer


INVITING = SENT + "\nTo leave, answer with: please unsubscribe me from all lists\n"


@pytest.mark.parametrize(
    "mail",
    [
        "please unsubscribe me from all lists",
        "Hello,\n\nplease unsubscribe me from all lists\n\nAnna",
        "please unsubscribe me from all lists\n\n" + COPY,
        "Hello,\n\nplease unsubscribe me from all lists\n\n" + COPY,
        "> our autumn sale has begun: 30 % off all boots, in every shop and online.\n\nplease unsubscribe me from all lists",
        "> To leave, answer with: please unsubscribe me from all lists\nplease unsubscribe me from all lists",
    ],
)
def test_words_that_we_asked_for_are_the_persons_when_they_write_them(mail: str) -> None:
    assert "please unsubscribe me from all lists" in reply_in_text(mail, sent=INVITING).text


def test_a_line_that_a_client_left_unmarked_below_the_quotation_goes() -> None:
    mail = "No.\n\n> our autumn sale has begun: 30 % off\nall boots, in every shop and online.\n"
    assert reply_in_text(mail, sent=SENT).text == "No."


def test_the_blocks_say_which_lines_were_the_sent_mails() -> None:
    reply = reply_in_text(f"Thanks\n\n{COPY}", sent=SENT)
    assert {block.reason for block in reply.blocks} == {None, Reason.SENT_MAIL}


def test_nothing_but_the_sent_mail_is_no_reply() -> None:
    reply = reply_in_text(COPY.partition("\n")[2], sent=SENT)
    assert (reply.text, reply.outcome) == ("", Outcome.EMPTY)
