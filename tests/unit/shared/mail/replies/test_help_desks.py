"""Of a help desk's frame that begins the mail the newest comment is somebody's words; the rest is the frame's."""

from __future__ import annotations

import pytest

from shared.mail.replies import Reason, reply_in_html, reply_in_text

RULER = "----------------------------------------------"
OLDER = f"{RULER}\n\nBoot House, Nov 3, 2025, 10:02 AM\n\nHello Anna\n\nUnsubscribe here"
MARKS = (
    "##- Please type your reply above this line -##",
    "-- Write above this line --",
    "## Bitte antworten Sie oberhalb dieser Zeile ##",
    "--- Reply above this line ---",
)
HEADS = (
    "Yusuf (Harbour Cycles), Nov 3, 2025, 11:58 AM GMT",
    "Yusuf Demir - Nov 3, 2025, 11:58",
    "Yusuf Demir | 03.11.2025 11:58",
    "Yusuf replied on Nov 3 2025 at 11:58 am:",
    "Yusuf Demir\nNov 3, 2025, 11:58 AM",
    "Yusuf Demir (Harbour Cycles)\n\n3 novembre 2025 11 h 58",
    "王小明 2025年11月3日 11時58",
)
NO_HEADS = (
    "Your request (5120) has been updated at 11:58 on 3 Nov 2025.",
    "Hello Anna,",
    "Yusuf Demir",
    "On Mon, Nov 3, 2025 at 10:02 AM Boot House <news@shop.example> wrote:",
    "From: Boot House\nSent: Nov 3, 2025, 11:58 AM",
)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("head", HEADS)
def test_the_newest_comment_is_what_somebody_wrote(mark: str, head: str) -> None:
    text = f"{mark}\n\nYour request (5120) has been updated.\n\n{RULER}\n\n{head}\n\nNot for us.\n\nYusuf\n\n{OLDER}"
    assert reply_in_text(text).text == "Not for us.\n\nYusuf"


@pytest.mark.parametrize("head", NO_HEADS)
def test_without_a_name_and_a_time_nothing_is_taken(head: str) -> None:
    assert reply_in_text(f"{MARKS[0]}\n\n{head}\n\nUnsubscribe me.\n\n{RULER}\n\nUnsubscribe here").text == ""


@pytest.mark.parametrize("above", ["Close it.", "Unsubscribe me\n\nAnna", "> quoted\n\nClose it."])
def test_with_words_above_the_line_no_comment_is_taken(above: str) -> None:
    reply = reply_in_text(f"{above}\n\n{MARKS[0]}\n\n{HEADS[0]}\n\nShall I unsubscribe you?\n\n{OLDER}")
    assert "Shall" not in reply.text
    assert reply.text.endswith(above.splitlines()[-1])


def test_below_an_attribution_no_comment_is_taken() -> None:
    said = "On Mon, Nov 3, 2025 at 10:02 AM Boot House <news@shop.example> wrote:"
    assert reply_in_text(f"{said}\n\n{MARKS[0]}\n\n{HEADS[0]}\n\nUnsubscribe you?\n\n{OLDER}").text == ""
    assert reply_in_text(f"> {MARKS[0]}\n>\n> {HEADS[0]}\n>\n> Unsubscribe you?\n").text == ""


def test_what_the_comment_quotes_is_cut() -> None:
    quoted = "On Mon, Nov 3, 2025 at 10:02 AM Boot House <news@shop.example> wrote:\n> Unsubscribe here"
    assert reply_in_text(f"{MARKS[0]}\n\n{HEADS[0]}\n\nNot for us.\n\n{quoted}\n\n{OLDER}").text == "Not for us."


def test_the_frames_own_last_line_is_no_comment() -> None:
    text = (
        f"{MARKS[0]}\n\n{HEADS[0]}\n\nNot for us.\n\nThis email is a service from Harbour Cycles. Delivered by Zendesk"
    )
    assert reply_in_text(text).text == "Not for us."


def test_each_of_the_frames_lines_says_why_it_is_cut() -> None:
    reply = reply_in_text(f"{MARKS[0]}\n\nUpdated.\n\n{HEADS[0]}\n\nNot for us.\n\n{OLDER}")
    reasons = [block.reason for block in reply.blocks]
    assert reasons[:3] == [Reason.REPLY_MARK, Reason.ATTRIBUTION, None]
    assert reasons[-1] is Reason.QUOTED_TAIL


def test_a_frame_in_html_is_read_the_same() -> None:
    source = (
        f"<div>{MARKS[0]}</div><p>Updated.</p><hr><p><b>Yusuf</b> (Harbour Cycles)</p><p>Nov 3, 2025, 11:58 AM</p>"
        "<p>Not for us.</p><hr><p><b>Boot House</b></p><p>Nov 3, 2025, 10:02 AM</p><p>Unsubscribe here</p>"
    )
    assert reply_in_html(source).text == "Not for us."
