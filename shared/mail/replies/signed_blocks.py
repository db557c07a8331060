"""Signatures known by the sender's own name: the block below a person's words that begins with who the mail is from.

Nothing tells a job title or a motto from a person's words as well as the name above it. So the name alone begins the block,
whatever its lines look like, and the block ends before whatever may be said to the reader: in doubt a line stays, and only the
block above it goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies.contact_cards import is_company, is_formula, is_name, is_sign_off, is_typed
from shared.mail.replies.languages.cards import NOT_NAMES, TALKING
from shared.mail.replies.long_cards import TAIL, is_marked, is_prose, refuses, speaks, speaks_of_leaving
from shared.mail.replies.markers import is_east_asian
from shared.mail.replies.signatures import is_rule
from shared.mail.replies.signed_cards import repeats_typed

MOST_LINES = 20
_LONGEST_NAME = 80
_LEAST = 2  # marks of a card
_RUNNING_ON = 3  # where the name stands right below the words
_BELOW_RULE = 8  # lines
_ABBREVIATED = re.compile(r"(?:\b[A-Z][\w.]{0,3}|\.\w)\.$")  # M.A., Inc.
_JOB = 7  # letters of a job in one word
_NUMBER = re.compile(r"\+?[\d\s()./-]{7,30}")
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
_CUT = re.compile(r"[,(|•·/<\[]|\s[-–—]\s")
_SEPARATED = re.compile(r"\s[|•·–—/-]\s|\s{3,}|, ")
_EDGES = ".,:;()'\"*_!-–"
_QUOTES = ('""', "''", "“”", "„“", "„”", "«»", "‘’", "»«")


def signer_words(display_name: str) -> frozenset[str]:
    """The words of a From field's display name that are names; empty if there are not two, or a title and one."""
    name = display_name.strip(" '\"")
    if "@" in name:
        return frozenset()
    words = _names(name.replace(",", " "))
    titled = len(words) == 1 and len(name.split()) >= 2  # "Dr. Palafox"
    return words if len(words) >= 2 or titled or is_east_asian(name) else frozenset()


def block(lines: Sequence[str], apart: Sequence[bool], signer: frozenset[str]) -> range:
    """Which of a person's last lines are their signature; empty if none is.

    lines, apart: as for `contact_cards.card_start`. signer: from `signer_words`.
    """
    first = max(1, len(lines) - TAIL) if signer else len(lines)
    for at in range(first, len(lines)):
        low = lines[at].casefold()
        if not any(word in low for word in signer) or not _names_signer(
            lines[at], signer, below=_is_closing(lines[at - 1])
        ):
            continue
        start = _start(lines, apart, at)
        if start < 0:
            continue
        end = _end(lines, apart, at + 1)
        marks = _marks(lines[start:at]) + _marks(lines[at + 1 : end]) + _is_signed(lines, at)
        if end > at + 1 and marks >= (_LEAST if apart[at] or start < at or _is_signed(lines, at) else _RUNNING_ON):
            typed = start == at and end > at + 1 and _is_typed_here(lines, apart, at)
            return range(at + 1 if typed else start, end)
    return _below_rule(lines)


def _names(text: str) -> frozenset[str]:
    words = (word.strip(".'’-").casefold() for word in _WORD.findall(text))
    return frozenset(word for word in words if len(word) > 1 and word not in NOT_NAMES)


def _names_signer(line: str, signer: frozenset[str], below: bool) -> bool:
    """Whether a line says who the mail is from, and no more than a card does. below: a sign-off, where one name is enough."""
    ends = line.rstrip()[-6:]
    if len(line) > _LONGEST_NAME * 2 or (ends[-1:] in ".!?:;。！？" and not _ABBREVIATED.search(ends)):
        return False
    head = _CUT.split(line.strip(" *_\t"), maxsplit=1)[0]
    if len(head) > _LONGEST_NAME:
        return False
    words = _names(head)
    both = words & signer
    least = 1 if below and is_name(line) else min(2, len(signer))
    return len(both) >= least and len(words) <= len(both) + 2


def _is_closing(line: str) -> bool:
    return is_sign_off(line) or is_formula(line)


def _start(lines: Sequence[str], apart: Sequence[bool], at: int) -> int:
    """Where the block begins whose name stands at `at`; -1 if it is no block of its own."""
    above = lines[at - 1].rstrip()
    if above[-1] in ":：" or (at == 1 and above[-1] in ",，、"):
        return -1  # announced: the block is what they want to say
    # A job or an office above the name: "The office / Town of Larkspur".
    for up in (at - 1, at - 2):
        first = lines[up + 1]
        if up >= 1 and is_sign_off(lines[up]) and len(first.split()) > 1 and not is_name(first) and not speaks(first):
            return up + 1
    return at


def _is_signed(lines: Sequence[str], at: int) -> bool:
    """Whether a sign-off or the same name, typed alone, stands above."""
    return any(_is_closing(lines[up]) for up in range(max(1, at - 2), at)) or repeats_typed(lines[at], lines[at - 1])


def _is_typed_here(lines: Sequence[str], apart: Sequence[bool], at: int) -> bool:
    """Whether the name was typed under a sign-off, and the card stands apart below it."""
    return _is_closing(lines[at - 1]) and is_typed(at, lines, apart)


def _end(lines: Sequence[str], apart: Sequence[bool], at: int) -> int:
    """The line after the block: its end, or the first of what may be said to the reader."""
    end = min(len(lines), at + MOST_LINES)
    for each in range(at, end):
        if _is_own(lines[each], alone=apart[each]) and not _is_motto(lines[each]):
            return each
    # A paragraph of words at the very end, which nothing marks: a motto, or something that they forgot to say.
    last = end - 1
    while last > at and not apart[last]:
        last -= 1
    if (
        last > at
        and end == len(lines)
        and all(is_prose(line) and not is_marked(line) and not _is_motto(line) for line in lines[last:end])
    ):
        return last
    return end


def _is_own(line: str, alone: bool) -> bool:
    """Whether a line may be said to the reader. alone: it begins a paragraph; inside a card hours and numbers are the card's."""
    if speaks_of_leaving(line) or "?" in line:
        return True
    if _is_place(line):
        return False
    if not alone and is_marked(line):
        return (
            "://" not in line
            and speaks(line)
            and not TALKING.isdisjoint(word.strip(_EDGES) for word in line.casefold().split())
        )
    return speaks(line) or (refuses(line) and not is_marked(line) and not _mark(line))


def _is_place(line: str) -> bool:
    """Whether a line is parts with capitals and nothing else: "Plaza Hidalgo 18, Pátzcuaro, Mich." has no word to the reader."""
    words = [word for word in line.split() if word[0].isalpha()]
    return (
        len(words) >= 3
        and not line.isupper()
        and all(word[0].isupper() for word in words)
        and _SEPARATED.search(line) is not None
    )


def _is_motto(line: str) -> bool:
    """A line in quotation marks, unless it is about leaving a list."""
    plain = line.strip(" *_")
    return len(plain) > 2 and plain[0] + plain[-1] in _QUOTES and not speaks_of_leaving(plain)


def _marks(lines: Sequence[str]) -> int:
    return sum(_mark(line) for line in lines)


def _is_sure(line: str) -> bool:
    return is_marked(line) or is_company(line) or _NUMBER.fullmatch(line.strip()) is not None


def _mark(line: str) -> int:
    """2 for what only a card has, 1 for what looks like a job, an office, a place or a motto."""
    if _is_sure(line):
        return 2
    if _is_motto(line):
        return 1
    words = [word for word in line.split() if word[0].isalpha()]
    large = sum(word[0].isupper() for word in words)
    if large * 3 < len(words) * 2 and (is_prose(line) or large * 2 < len(words)):
        return 0
    if large >= 3 and _SEPARATED.search(line) is not None:
        return 2
    return 1 if large >= 2 or (large == 1 and len(words[0]) >= _JOB and not is_sign_off(line)) else 0


def _below_rule(lines: Sequence[str]) -> range:
    """A rule of dashes with a company or a shop below it, which goes too. What is announced, and a list of things, stays."""
    for at in range(max(1, len(lines) - _BELOW_RULE - 1), len(lines) - 2):
        if not is_rule(lines[at]) or len(lines[at].strip()) < 3 or lines[at - 1].rstrip()[-1] in ":：":
            continue
        below = lines[at + 1 :]
        if any(speaks(line) or is_rule(line) for line in below) or not _mark(below[0]) or _marks(below) < 3:
            continue
        if any(_is_sure(line) for line in below):
            return range(at, len(lines))
    return range(0)
