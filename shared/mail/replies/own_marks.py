"""Lines behind `>` that are the person's own: a list, an arrow. Only where the quotation is seen elsewhere.

Quoted text that gets through is worse than a lost line of a list, as a footer would unsubscribe somebody. So such lines are
the person's only if the mail they answer is quoted further down, below an attribution, and has none of these words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies.languages.cards import LEAVING, LEAVING_EAST, LEAVING_WORDS

MOST_LINES = 6  # of a list of the person's
LEAST_QUOTED = 3  # lines of the quotation below
MOST_QUOTED = 400  # lines of it that are compared
_LONGEST = 200
_SHINGLE = 3  # words
_WORD = re.compile(r"[^\W_]+")


def are_own(lines: Sequence[str], quoted: Sequence[str]) -> bool:
    """Whether marked lines are no part of the mail answered. quoted: the lines of its quotation, marks included."""
    if len(lines) > MOST_LINES or len(quoted) < LEAST_QUOTED or any(len(line) > _LONGEST for line in lines):
        return False
    text = "\n".join(lines).casefold()
    if "://" in text or "www." in text or "@" in text or any(word in text for word in LEAVING_EAST):
        return False
    words = _WORD.findall(text)
    if not words or not LEAVING_WORDS.isdisjoint(words) or any(word.startswith(LEAVING) for word in words):
        return False
    theirs = f" {' '.join(_WORD.findall(' '.join(line[:2_000] for line in quoted[:MOST_QUOTED]).casefold()))} "
    return not any(
        f" {' '.join(each)} " in theirs for line in lines for each in _shingles(_WORD.findall(line.casefold())) if each
    )


def _shingles(words: list[str]) -> list[list[str]]:
    return [words[at : at + _SHINGLE] for at in range(max(1, len(words) - _SHINGLE + 1))]
