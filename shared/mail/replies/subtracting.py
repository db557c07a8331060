"""Takes the lines of the mail that we sent out of what is left of a reply.

A quotation that no sign gives away is still a copy of what we sent: several lines, in its order. So a line goes if it is
(nearly) in the sent mail and its neighbour is what stands next to it there. A line that stands alone stays: "Unsubscribe"
is what our footer says, and "please unsubscribe me" may be what our footer asks people to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.folding import fold
from shared.mail.replies.markers import is_east_asian

LONGEST_SENT = 200_000  # characters of the sent mail
MOST_WORDS = 30_000  # of the sent mail
LONGEST_LINE = 2_000  # characters of a line that are compared
MOST_LINES = 1_000  # of the reply that are compared, from the end
SHINGLE = 3  # words
NEARLY = 0.8  # share of a line's shingles that the sent mail must have
SHORT = 4  # words of a line that anyone might write
APART = 12  # words between two lines that still stand next to each other: links, a line left out
CLOSE = 4  # the same, if one of the lines is a short one
CHAIN = 3  # short lines in a row that are no chance

_WORD = re.compile(r"[^\W_]+")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


class SentText:
    """A mail's words, prepared for looking up lines."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, list[int]] = {}
        self._shingles: dict[tuple[str, ...], list[int]] = {}
        words: list[str] = []
        for line in text[:LONGEST_SENT].splitlines():
            own = _words(line)
            if own:
                self._lines.setdefault(" ".join(own), []).append(len(words))
            words += own
            if len(words) > MOST_WORDS:
                break
        for at in range(len(words) - SHINGLE + 1):
            places = self._shingles.setdefault(tuple(words[at : at + SHINGLE]), [])
            if len(places) < 8:
                places.append(at)

    def places_of(self, words: list[str]) -> list[int]:
        """At which of its words a line with (nearly) these words begins; empty if it has none."""
        places = self._lines.get(" ".join(words))
        if places:
            return places[:8]
        if len(words) < SHINGLE:
            return []
        shingles = [tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)]
        known = [self._shingles[each] for each in shingles if each in self._shingles]
        return known[0] if known and len(known) >= NEARLY * len(shingles) else []


@dataclass(slots=True)
class _Line:
    """One of the person's lines so far. places: where the sent mail has it. sure: too much to be chance."""

    at: int
    words: list[str]
    places: list[int]
    linked: bool

    @property
    def sure(self) -> bool:
        text = "".join(self.words)
        return self.linked or len(self.words) > SHORT or len(text) >= (8 if is_east_asian(text) else 24)

    def precedes(self, other: _Line) -> bool:
        """Whether the sent mail has both, one after the other."""
        end = len(self.words)
        apart = APART if self.sure and other.sure else CLOSE
        return any(0 <= after - place - end <= apart for place in self.places for after in other.places)


def lines_of_sent(texts: Sequence[str], own: Sequence[int], cut: Sequence[int], sent: SentText) -> list[int]:
    """Which of the person's lines are the sent mail's.

    own: numbers of lines that are not cut yet, blank ones left out. cut: numbers of those that are.
    """
    lines = [_line(texts[at], at, sent) for at in own[-MOST_LINES:]]
    found: list[int] = []
    for chain in _chains(lines):
        at_top = chain[0].at == own[0] and (not cut or own[0] < cut[0])
        if len(chain) > 1 and at_top and not chain[0].sure:
            chain = chain[1:]  # the first words of a mail are the person's
        if (
            any(line.linked for line in chain)
            or (len(chain) > 1 and any(line.sure for line in chain))
            or len(chain) >= CHAIN
        ):
            found += [line.at for line in chain]
        elif chain[0].sure and _is_left_over(chain[0], texts, cut):
            found.append(chain[0].at)
    return found


def _line(text: str, at: int, sent: SentText) -> _Line:
    text = text[:LONGEST_LINE]
    words = _words(text)
    return _Line(at, words, sent.places_of(words) if words else [], _LINK.search(text) is not None)


def _chains(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines that the sent mail has, those that follow each other there together."""
    chains: list[list[_Line]] = []
    before: _Line | None = None
    for line in lines:
        if line.places:
            if before is not None and before.places and before.precedes(line):
                chains[-1].append(line)
            else:
                chains.append([line])
        before = line
    return chains


def _is_left_over(line: _Line, texts: Sequence[str], cut: Sequence[int]) -> bool:
    """Whether a client forgot to mark the line: right below a quotation, which does not have it already."""
    if line.at - 1 not in cut or not texts[line.at - 1].strip():
        return False
    return not SentText("\n".join(texts[at].lstrip("> ") for at in cut)).places_of(line.words)


def _words(line: str) -> list[str]:
    """A line's words as they are compared; links are left out, for they differ from one copy to the next."""
    return _WORD.findall(fold(_LINK.sub(" ", line), ignore_case=True))
