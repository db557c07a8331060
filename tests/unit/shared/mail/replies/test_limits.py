"""Limits: what is cut is said, and a text whose end was not seen is never taken for a reply."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.replies import Limits, Outcome, reply_in_html, reply_in_mail, reply_in_text
from tests.hostile_replies import HOSTILE_HTML, HOSTILE_TEXTS

ANSWER = "please unsubscribe me"
QUOTE = "\n\nOn Mon, Nov 3, 2025 at 10:02 AM Boot House <news@shop.example> wrote:\n"


@pytest.mark.parametrize("make", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_hostile_text_gives_no_reply(make: Callable[[], str]) -> None:
    assert reply_in_text(make()).text == ""


@pytest.mark.parametrize("make", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_an_answer_above_a_hostile_quotation_is_found(make: Callable[[], str]) -> None:
    raw = b"Content-Type: text/plain; charset=utf-8\n\n" + f"{ANSWER}{QUOTE}{make()}".encode()
    reply = reply_in_mail(raw)
    assert (reply.text, reply.outcome, reply.truncated) == (ANSWER, Outcome.FOUND, True)


@pytest.mark.parametrize("make", HOSTILE_HTML.values(), ids=HOSTILE_HTML)
def test_an_answer_above_hostile_html_is_found_or_told_to_be_too_big(make: Callable[[], str]) -> None:
    reply = reply_in_html(f"<p>{ANSWER}</p><blockquote>{make()}</blockquote>")
    assert reply.outcome in (Outcome.FOUND, Outcome.TOO_BIG)
    assert reply.text.startswith(ANSWER) or reply.outcome is Outcome.TOO_BIG


def test_text_at_any_depth_is_found() -> None:
    assert reply_in_html(HOSTILE_HTML["nested_divs"]()).text == ANSWER


@pytest.mark.parametrize(
    ("length", "outcome"), [(999, Outcome.FOUND), (1_000, Outcome.FOUND), (1_001, Outcome.TOO_BIG)]
)
def test_a_text_may_be_as_long_as_the_limit(length: int, outcome: Outcome) -> None:
    assert reply_in_text("x" * length, limits=Limits(text=1_000)).outcome is outcome


@pytest.mark.parametrize(("lines", "outcome"), [(10, Outcome.FOUND), (11, Outcome.TOO_BIG)])
def test_a_text_may_have_as_many_lines_as_the_limit(lines: int, outcome: Outcome) -> None:
    assert reply_in_text("\n".join(["x"] * lines), limits=Limits(lines=10)).outcome is outcome


def test_a_cut_inside_the_quotation_does_no_harm() -> None:
    reply = reply_in_text(ANSWER + QUOTE + "> x\n" * 100, limits=Limits(lines=20))
    assert (reply.text, reply.truncated, reply.note) == (ANSWER, True, "text cut at 20 lines")


def test_a_cut_inside_words_below_a_quotation_gives_no_reply() -> None:
    assert reply_in_text("> Which size?\n" + "39\n" * 100, limits=Limits(lines=20)).outcome is Outcome.TOO_BIG


def test_html_that_is_cut_before_a_quotation_gives_no_reply() -> None:
    assert reply_in_html("<p>unsubscribe</p>" * 100, limits=Limits(html=1_000)).outcome is Outcome.TOO_BIG


def test_a_flowed_text_that_was_cut_gives_no_reply_although_its_lines_joined_are_shorter() -> None:
    raw = b"Content-Type: text/plain; format=flowed\n\n" + b"On \n" * 1_000
    assert reply_in_mail(raw, limits=Limits(text=2_000)).outcome is Outcome.TOO_BIG


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_reply_and_never_an_error(raw: bytes) -> None:
    reply = reply_in_mail(raw)
    assert bool(reply.text) == (reply.outcome is Outcome.FOUND)


PIECES = st.sampled_from(
    [
        *("On Mon, Nov 3, 2025 a@b.example wrote:", "x wrote:", "> quoted", "", "words of mine", "Sent from my iPhone"),
        *("From: a@b.example", "Sent: 1.1.2025", "Subject: x", "-----Original Message-----", "_____", "-- ", "\ue0f0"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_the_reply_is_made_of_lines_of_the_text_and_the_blocks_hold_all_of_it(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    reply = reply_in_text(text)
    assert "\n".join(block.text for block in reply.blocks).split() == text.split()
    assert set(reply.text.split("\n")) <= {"", *(line.strip() for line in pieces), *(line.rstrip() for line in pieces)}


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=15))
def test_asking_twice_takes_nothing_more(pieces: list[str]) -> None:
    once = reply_in_text("please stop\n\n" + "\n".join(f"> {piece}" for piece in pieces)).text
    assert once == reply_in_text(once).text == "please stop"
