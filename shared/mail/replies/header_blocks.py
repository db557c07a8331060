"""The block of From, Sent, To and Subject that Outlook and others put over a quoted mail, and the lines above it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies.markers import (
    DATE,
    DECORATION,
    FORWARDED,
    FORWARDED_STARTS,
    LABELS,
    ORIGINAL,
    PLAIN_DATES,
    SENDER,
    SUBJECT,
)

MOST_LINES = 14  # of a block, continued and blank lines included
LONGEST_LABEL = 32
_EDGE = " \t*_|>\xa0\u3000\u2022-"


def label_of(line: str) -> str | None:
    """The kind of label a line begins with (`From:` in any language); None if it does not."""
    return LABELS.get(_key(line))


def _key(line: str) -> str:
    at = line.find(":", 0, LONGEST_LABEL + 8)
    wide = line.find("：", 0, LONGEST_LABEL + 8)
    if at < 0 or 0 <= wide < at:
        at = wide
    key = line[: max(0, at)].strip(_EDGE).casefold()
    return key.replace("\u3000", "") if not key.isascii() else key


def is_block(lines: Sequence[str], start: int) -> bool:
    """Whether a header block begins in this line.

    It names a sender and a date or subject; without a subject there must be an address, so that
    `From: Berlin, To: Paris, Date: 3 May` is a journey and not a header.
    """
    kinds: set[str] = set()
    address = False
    loose = 0
    for line in lines[start : start + MOST_LINES]:
        kind = label_of(line)
        if kind is not None:
            loose = 0
            kinds.add(kind)
            if line.count(":") > 1 and len(kinds) < 3:
                kinds.update(labels_inside(line[:400]))
        elif not line.strip():
            if _is_complete(kinds, address):
                break
            loose += 1
        else:
            loose += 1
            if SENDER not in kinds and loose > 1:
                return False
        if loose > 2:
            break
        address = address or (kind is not None and ("@" in line or _is_sent(kind, line)))
        if len(kinds) >= 3 and _is_complete(kinds, address):
            return True
    return _is_complete(kinds, address)


def _is_sent(kind: str, line: str) -> bool:
    """A date under a label that only mail has, such as `Sent:`: as good as an address."""
    return kind == DATE and _key(line) not in PLAIN_DATES and any(character.isdigit() for character in line)


def is_dateless(lines: Sequence[str], start: int) -> bool:
    """Whether a block has no address, and a date without a year or a time, such as `2 March, back on the 5th`.

    No client is known to write that, so it may be a person's journey.
    """
    dateless = False
    loose = 0
    for line in lines[start : start + MOST_LINES]:
        kind = label_of(line)
        if kind is None:
            loose += 1
            if loose > 2:
                break
            continue
        value = line[line.find(":") + 1 :] if ":" in line else line.partition("：")[2]
        if "@" in value or _is_sent(kind, line):
            return False
        if kind == DATE and value.strip(_EDGE):
            dateless = _YEAR_OR_TIME.search(value) is None
    return dateless


def is_unlisted(lines: Sequence[str], start: int) -> bool:
    """Whether a header block in a language nobody listed begins here: three labels, an address in brackets, a time."""
    if _UNLISTED_SENDER.match(lines[start]) is None:
        return False
    below = lines[start + 1 : start + 4]
    return sum(_LABELLED.match(line) is not None for line in below) >= 2 and any(_TIME.search(line) for line in below)


# A label of one or two words.
_LABEL = r"\s{0,8}\*?[^\W\d_][^\s\d:<>@]{1,20}(?:\s[^\s\d:<>@]{1,16})?\s?[:：]\*?"
_UNLISTED_SENDER = re.compile(_LABEL + r"\s[^<>\n]{0,80}<[^<>\s@]{1,80}@[^<>\s]{1,80}>$")
_LABELLED = re.compile(_LABEL + r"\s?\S")
_YEAR_OR_TIME = re.compile(
    r"\d{4}|\d\s?[:.h]\s?\d\d|\d[./-]\d{1,2}[./-]\d\d|\d\s?[年时時]|\d\s?[ap]\.?m", re.IGNORECASE
)
_TIME = re.compile(r"\d{4}.{0,30}?\d{1,2}[:.]\d\d|\d{1,2}[:.]\d\d.{0,30}?\d{4}")


def _is_complete(kinds: set[str], address: bool) -> bool:
    if SENDER not in kinds or len(kinds) < 2:
        return False
    if SUBJECT in kinds:
        return address or (DATE in kinds and len(kinds) >= 3)
    return address and DATE in kinds


def labels_inside(line: str) -> list[str]:
    """Kinds of the labels within a line, in order, the first one included."""
    found: list[str] = []
    at = line.find(":")
    for _ in range(24):
        if at < 0:
            break
        kind = _label_before(line, at)
        if kind is not None:
            found.append(kind[0])
        at = line.find(":", at + 1)
    return found


def starts_inside(line: str) -> int:
    """Where a header block begins that stands in one line behind the person's words; -1 if none does."""
    kinds: list[tuple[str, int]] = []
    at = line.find(":")
    for _ in range(60):
        if at < 0:
            break
        kind = _label_before(line, at)
        if kind is not None:
            kinds.append(kind)
        at = line.find(":", at + 1)
    for number, (name, where) in enumerate(kinds):
        if name == SENDER and len({other for other, _ in kinds[number : number + 6]}) >= 3 and "@" in line[where:]:
            return where
    return -1


def _label_before(line: str, at: int) -> tuple[str, int] | None:
    """The label that ends at a colon, of one to three words, and where it begins. Labels begin with a capital."""
    begin = at
    while begin > 0 and line[begin - 1] == " ":
        begin -= 1
    end = begin
    for _ in range(3):
        begin = max(
            line.rfind(" ", max(0, at - LONGEST_LABEL), begin), line.rfind("*", max(0, at - LONGEST_LABEL), begin)
        )
        word = line[begin + 1 : end]
        kind = LABELS.get(word.strip(_EDGE).casefold())
        if kind is not None and not word.strip(_EDGE)[:1].islower():
            return kind, begin + 1
        if begin < 0:
            return None
    return None


def divider(line: str) -> str | None:
    """`original` or `forwarded` if the line is such a divider; `label` if it only does when a header block follows."""
    phrase = line.strip(DECORATION + ":：").casefold()
    if not 4 <= len(phrase) <= 90:
        return None
    dashes = line[:1] in "-_=*~–—‐─━－" and line.rstrip(":： \xa0")[-1:] in "-_=*~–—‐─━－"
    if phrase in ORIGINAL:
        return "original" if dashes or line[:2] in ("--", "__") else "label"
    if phrase in FORWARDED or (dashes and phrase.startswith(FORWARDED_STARTS)):
        return "forwarded" if dashes or line[:2] == "--" else "label"
    return "label" if dashes and len(phrase.split()) <= 8 else None
