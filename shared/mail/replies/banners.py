"""Banners that gateways put on top of mail from outside: `[EXTERNAL]`, "CAUTION: This email originated from outside …".

Only the first paragraphs of a mail are looked at, and only what is a banner as a whole: a person who writes about such a
banner has other words before it, asks something, or speaks of themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies.languages.banners import ADVICE, MAIL, OUTSIDE, SPEAKERS, SURE, TAGS, WARNINGS
from shared.mail.replies.markers import is_east_asian
from shared.mail.replies.signatures import is_rule

MOST_LINES = 12  # that banners may fill, blank ones left out
LONGEST = 700  # characters of one
_WRAPPED = 5  # lines over which one sentence may be broken
_EDGE = " \t*_#!|<>[](){}【】〔〕［］（）:：.-–—=~⚠️❗🛑\xa0\u3000\"'“”"
_BRACKETS = ("[", "【", "〔", "［", "(", "（", "*", "<", "⚠", "❗", "!", "#", "_", "-", "=", "|", "{")
_ADDED = re.compile(r"\s[-–—|:]\s|[:,;]\s")
_TAGGED = re.compile(r"\s*[\[【［(]([^\]】］)]{2,40})[\]】］)][:：\s-]{0,3}(.*)", re.DOTALL)
_STARTS = (*WARNINGS, *SURE)
_PROOFPOINT = "ZjQcmQRYFpfptBanner"
_FIRST = frozenset(words.lstrip(_EDGE)[:4].casefold() for words in (*TAGS, *_STARTS, _PROOFPOINT))  # a cheap first look


def banner_end(texts: Sequence[str]) -> int:
    """How many of the first lines are banners, with the rules and blank lines between them; 0 if there is none."""
    at = _next(texts, 0)
    end = 0
    while at < len(texts) and at < MOST_LINES * 2:
        after = _one(texts, at)
        if not after:
            if not is_rule(texts[at]):
                break
            at = _next(texts, at + 1)
            continue
        end = after
        at = _next(texts, after)
    if not end:
        return 0
    below = _next(texts, end)
    return below + 1 if below < len(texts) and len(texts[below].strip()) > 2 and is_rule(texts[below]) else end


def may_begin(line: str) -> bool:
    """Whether a banner or a tag may begin in this line: a cheap first look at four letters, or a rule above one."""
    plain = line[:60].lstrip(_EDGE)[:4].casefold()
    return not plain or plain in _FIRST or plain[:3] in _FIRST or plain[:2] in _FIRST


def tag_length(line: str) -> int:
    """How many characters a tag such as `[EXTERNAL]` takes in front of a person's words in the same line; 0 if none does."""
    found = _TAGGED.match(line[:200])
    if found is None or not found[2] or found[1].strip(_EDGE).casefold() not in TAGS:
        return 0
    return found.start(2)


def is_banner(paragraph: str) -> bool:
    """Whether a last paragraph is one: a gateway's own that a client left above the quoted mail."""
    return len(paragraph) <= LONGEST and _is_warning(" ".join(paragraph.split()))


def _next(texts: Sequence[str], at: int) -> int:
    while at < len(texts) and not texts[at].strip():
        at += 1
    return at


def _one(texts: Sequence[str], at: int) -> int:
    """The line after the banner that begins in this line; 0 if none does."""
    line = texts[at][: LONGEST + 1].strip()
    if not may_begin(line):
        return 0
    if line.startswith(_PROOFPOINT):
        return next((n + 1 for n in range(at, min(len(texts), at + 30)) if f"{_PROOFPOINT}End" in texts[n]), 0)
    if _is_tag(line):
        return at + 1
    low = line.casefold().lstrip(_EDGE)
    if not low.startswith(_STARTS) and not tag_length(line):
        return 0
    joined, seen = "", 0
    bare = low.rstrip(_EDGE) in WARNINGS  # "CAUTION:" in a table's cell of its own
    for end in range(at, min(len(texts), at + MOST_LINES)):
        text = texts[end][: LONGEST + 1].strip()
        if not text:
            if not bare:
                break
            continue
        joined, seen = f"{joined} {text}" if joined else text, seen + 1
        if seen > _WRAPPED or len(joined) > LONGEST:
            break
        if _is_warning(joined):
            return _whole(texts, end + 1)
        bare = bare and seen == 1
    return 0


def _whole(texts: Sequence[str], end: int) -> int:
    """Adds the lines of the same paragraph that go on with the warning: the rest of a sentence, or advice."""
    while end < len(texts) and texts[end].strip():
        line = texts[end][: LONGEST + 1].strip()
        goes_on = line[0].islower() and texts[end - 1].rstrip()[-1:] not in ".!。"
        if "?" in line or not (goes_on or (_advises(line.casefold()) and not _speaks(line))):
            break
        end += 1
    return end


def _is_tag(line: str) -> bool:
    if len(line) > 60:
        return False
    plain = line.strip(_EDGE)
    if line.startswith("[") and line.endswith("]") and "?" not in line and not _speaks(line):
        plain = _ADDED.split(plain, maxsplit=1)[0]  # "[EXTERNAL - think before you click]"
    return " ".join(plain.casefold().split()) in TAGS and (
        line.startswith(_BRACKETS) or (plain.isupper() and not is_east_asian(plain))
    )


def _is_warning(text: str) -> bool:
    """Whether a sentence or several begin as a gateway's warning, tell of a sender outside, and ask nothing."""
    if "?" in text or "？" in text or _speaks(text):
        return False
    low = text.casefold().lstrip(_EDGE)
    if low.startswith(SURE):
        return True
    found = _TAGGED.match(text[:200])
    tagged = found is not None and found[1].strip(_EDGE).casefold() in TAGS
    if not (tagged or low.startswith(WARNINGS)) or not any(words in low for words in OUTSIDE):
        return False
    if not any(words in low for words in MAIL):
        return False
    # The tag itself says "external": what follows it has to say so, too.
    if tagged and found is not None:
        low = found[2].casefold() + text[200:].casefold()
        return any(words in low for words in OUTSIDE) and (_advises(low) or low.startswith(WARNINGS))
    return _advises(low) or any(low.startswith(word) and _is_set_off(low, word) for word in WARNINGS)


def _is_set_off(low: str, word: str) -> bool:
    """Whether a warning's first word has a colon or the like behind it, or the line speaks of the mail itself."""
    return " " in word or low[len(word) : len(word) + 3].strip(" ").startswith(
        (":", "!", "：", "！", "-", "–", "—", "*", "】")
    )


def _advises(low: str) -> bool:
    return any(words in low for words in ADVICE)


def _speaks(text: str) -> bool:
    return not SPEAKERS.isdisjoint(word.strip(".,:;!()\"'") for word in text.casefold().split())
