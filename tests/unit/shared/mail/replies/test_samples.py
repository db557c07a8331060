"""Each sample reply gives exactly the words that the person wrote, and its README line says why it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.mail.replies import Outcome, reply_in_mail, whole_text

FOLDER = Path(__file__).parents[4] / "mails" / "replies"
SAMPLES = sorted(FOLDER.glob("*.eml"))


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_gives_what_the_person_wrote(path: Path) -> None:
    expected = path.with_suffix(".expected.txt").read_text(encoding="utf-8")
    reply = reply_in_mail(path.read_bytes())
    assert words(reply.text) == words(expected)
    assert (reply.outcome is Outcome.FOUND) == bool(expected)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_knowing_the_sent_mail_takes_nothing_of_the_persons_own(path: Path) -> None:
    expected = path.with_suffix(".expected.txt").read_text(encoding="utf-8")
    assert words(reply_in_mail(path.read_bytes(), sent=FOOTER).text) == words(expected)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_blocks_hold_the_whole_text(path: Path) -> None:
    reply = reply_in_mail(path.read_bytes())
    assert words(reply.text) == words("\n".join(block.text for block in reply.blocks if block.reason is None))


def test_a_sample_says_why_it_is_kept() -> None:
    told = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [path.stem for path in SAMPLES if f"| {path.stem} | " not in told] == []
    assert len(SAMPLES) >= 80


def test_the_whole_text_of_a_mail_keeps_what_is_quoted() -> None:
    raw = (FOLDER / "gmail_web_english.eml").read_bytes()
    assert "https://shop.example/u/k3f9" in whole_text(raw)


FOOTER = "Hello Anna,\n\nour autumn sale has begun.\n\nUnsubscribe: https://shop.example/u/k3f9\nUnsubscribe\n"
