"""A help desk's frame: "Please type your reply above this line", then its comments, the newest first, between rulers.

Where a mail begins with that line nobody answered above it: the mail is the help desk's own, and its newest comment is what
somebody wrote. It is taken only if a name and a time stand above it, as the frame of our own help desk may hold our words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.mail.replies import attributions, header_blocks
from shared.mail.replies.languages.cards import SMALL_IN_NAMES
from shared.mail.replies.markers import STARTS, is_east_asian
from shared.mail.replies.signatures import is_rule

_MOST_ABOVE = 10  # filled lines of a frame above its first comment
_LONGEST_HEAD = 120
_LONGEST_NAME = 60
_SHORTEST_RULER = 10
_TIME = re.compile(
    r"(?<!\d)\d{1,2}(?:[:.]|\s?h\s?)\d{2}(?!\d)|(?<!\d)\d{1,2}\s?[ap]\.?m\b|\d{1,2}[時时시点點]", re.IGNORECASE
)
_NUMBERS = re.compile(r"\d+")
_IN_BRACKETS = re.compile(r"\s?[(\[][^()\[\]]{0,60}[)\]]")
_FOOTERS = (
    "this email is a service from",
    "this message was sent by",
    "delivered by zendesk",
    "powered by freshdesk",
    "powered by zendesk",
)
_SAYING = frozenset(("replied", "commented", "wrote", "responded", "answered", "added", "schrieb", "antwortete"))


class Comment(NamedTuple):
    """Lines of a comment: `head` is the first that tells who wrote it and when, the words go from `start` to before `end`."""

    head: int
    start: int
    end: int


def newest_comment(lines: Sequence[str], mark: int) -> Comment | None:
    """The first comment of the frame that begins in the line `mark`; None if none is attributed to a name and a time."""
    seen = 0
    at = mark + 1
    while at < len(lines) and seen <= _MOST_ABOVE:
        line = lines[at].strip()
        if line and not is_rule(line):
            seen += 1
            below = _below_head(lines, at)
            if below:
                return Comment(at, below, _end(lines, below))
            if _introduces_mail(line) or (attributions.may_end(line) and len(line) <= _LONGEST_HEAD):
                return None
        at += 1
    return None


def _below_head(lines: Sequence[str], at: int) -> int:
    """The line below a comment's head: "Yusuf (Harbour), Nov 3, 2025, 11:58 AM", in one line or in two; 0 if it is none."""
    line = lines[at].strip()
    if at and lines[at - 1].strip() and not is_rule(lines[at - 1]):
        return 0
    if len(line) > _LONGEST_HEAD or "@" in line or _introduces_mail(line):
        return 0
    digit = _NUMBERS.search(line)
    if digit is None:
        if not _is_author(line):
            return 0
        at = next((n for n in range(at + 1, min(at + 3, len(lines))) if lines[n].strip()), at)
        line = lines[at].strip()
        return at + 1 if len(line) <= _LONGEST_NAME and _is_time(line) and not _introduces_mail(line) else 0
    return at + 1 if _is_author(line[: digit.start()]) and _is_time(line[digit.start() :]) else 0


def _introduces_mail(line: str) -> bool:
    """Whether a line is of a header block, or an attribution: what they introduce is a mail, be it ours."""
    return header_blocks.label_of(line) is not None or line.casefold().startswith(STARTS)


def _is_time(text: str) -> bool:
    return _TIME.search(text) is not None and len(_NUMBERS.findall(text)) >= 3


def _is_author(text: str) -> bool:
    """Whether a name begins the text: a few words with capitals, be it with a company in brackets or a verb behind."""
    plain = re.split(r"[,|–—·:]|\s-|\s(?:on|am|le|el|il|op|den)\s", _IN_BRACKETS.sub("", text), maxsplit=1)[0].strip(
        " *_"
    )
    words = plain.split()
    if words and words[-1] in _SAYING:
        words.pop()
    if not 1 <= len(words) <= 6 or len(plain) > _LONGEST_NAME:
        return False
    return is_east_asian(plain) or all(word[0].isupper() or word in SMALL_IN_NAMES for word in words)


def _end(lines: Sequence[str], start: int) -> int:
    """Where a comment ends: above a ruler, above the next comment's head, or above what the help desk puts below."""
    for at in range(start, len(lines)):
        line = lines[at].strip()
        if not line:
            continue
        if is_rule(line) and len(line) >= _SHORTEST_RULER:
            return at
        if line.casefold().startswith(_FOOTERS) or (at > start and _below_head(lines, at)):
            return at
    return len(lines)
