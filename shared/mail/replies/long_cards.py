"""Contact cards that hold sentences: slogans, opening hours, what law wants a company to say, calls to visit or to book.

A card of this kind begins with a name, in full or typed under a sign-off, and has something to reach the person by or the
mark of a company. Whatever speaks to the reader stays, and the card with it: a question, a request, a postscript, words of
leaving a list, more than a few sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies import contact_cards
from shared.mail.replies.contact_cards import LONGEST_ANSWER, LONGEST_LINE, is_name, is_sign_off, may_reach, repeats
from shared.mail.replies.languages.card_words import (
    ASKING_TO,
    CALLS,
    DAYS,
    LINKED_CALLS,
    LINKING,
    NOWADAYS,
    PRINTING,
    READER,
    READER_EAST,
    REFUSING,
    REFUSING_EAST,
    REGISTER,
    SOCIAL,
    WE,
)
from shared.mail.replies.languages.cards import (
    ANSWERS,
    COMPANY_FORMS,
    LEAVING,
    LEAVING_EAST,
    LEAVING_WORDS,
    NOT_LEAVING,
)
from shared.mail.replies.markers import is_east_asian
from shared.mail.replies.signatures import is_disclaimer

TAIL = 30  # of the person's last lines that are looked at
LONGEST = 600  # characters of a line
_MOST_UNMARKED = 2  # sentences in a card that nothing marks as part of it
_LEAST_NOTICE = 12  # words
_NAMED = 12  # words among which a company's notice names it
_LONGEST_FORMULA = 60  # characters of a closing line
_NEAR = 6  # lines of a card in which its first mark stands


def _any(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r")(?!\w)")


_REGISTER = _any([word for word in REGISTER if not is_east_asian(word)])
_REGISTER_EAST = tuple(word for word in REGISTER if is_east_asian(word))
_SOCIAL = _any([word for word in SOCIAL if not is_east_asian(word)])
_SITE = re.compile(r"(?<![\w@])(?:[a-z0-9-]{1,40}\.){1,3}[a-z]{2,12}(?:/\S|\s*$)|(?<!\w)@\w{3,30}", re.IGNORECASE)
# "PS", "P.S.", "PPS", "NB:"; no psychologist.
_POSTSCRIPT = re.compile(r"p\.?\s?(?:p\.?\s?)?s(?!\w)|p\.?\s?d(?:\.\s|\.?:)|n\.?b(?:\.|:)|追伸|附言|추신")
# "Meet with me: https://…": a label of a few words and a link.
_LABELLED_LINK = re.compile(
    r"(?:[^\s:]{1,20}[ \xa0]){0,6}(?:[^\s:]{1,20}\s?[:|<(\[–-]|me|us|here)\s?[<(\[]?(?:https?://|www\.)\S+"
)
_ENDS = re.compile(r"[.!。！](?:\s|$)")


def may_hold_one(lines: Sequence[str]) -> bool:
    """Whether one of the last lines has something to reach somebody by, or stands below a sign-off: a cheap first look."""
    for line in lines[-contact_cards.MOST_LINES :]:
        if len(line) <= LONGEST_LINE and may_reach(line):
            return True
    return len(lines) > 3 and any(
        len(line) < _LONGEST_FORMULA and (line[-1:] == "," or is_sign_off(line)) for line in lines[1:-2]
    )


def card_start(lines: Sequence[str], apart: Sequence[bool]) -> int:
    """From which line on the end of a person's text is such a card; len(lines) if none is.

    lines, apart: as for `contact_cards.card_start`.
    """
    for at in range(len(lines) - 3, -1, -1):
        if is_sign_off(lines[at]) or (at > 1 and apart[at] and contact_cards.is_formula(lines[at])):
            return _below_sign_off(lines, apart, at + 1)
    for at in range(1, len(lines) - 1):
        if not apart[at] or _announces(lines[at - 1], first=at == 1) or not is_name(lines[at]) or speaks(lines[at]):
            continue
        # Several people with their numbers are what the person wants to say.
        if may_reach(lines[at - 1]) or any(apart[n] and _is_person(lines[n]) for n in range(at + 1, len(lines))):
            return len(lines)
        least = 2 if repeats(lines[at], lines[at - 1]) else 3
        if len(lines) - at >= least and _is_rest(lines[at + 1 :], apart[at + 1 :], reached=True):
            return at
    return len(lines)


def _announces(line: str, first: bool) -> bool:
    """Whether a line says that what follows is the message itself: it ends in a colon, or is a greeting and nothing else."""
    return line.rstrip()[-1] in (":：,，、" if first else ":：")


def _is_person(line: str) -> bool:
    return is_name(line) and not is_marked(line)


def _below_sign_off(lines: Sequence[str], apart: Sequence[bool], name: int) -> int:
    """Below "Best regards,": a name that was typed there stays, one in full with the card right below it goes."""
    first = lines[name]
    if speaks(first):
        return len(lines)
    if is_name(first) and _is_rest(lines[name + 1 :], apart[name + 1 :]):
        typed = contact_cards.is_typed(name, lines, apart)
        return name + 1 if typed else name
    if len(first.split()) == 1 and first[0].isupper() and len(first) < 20 and not is_marked(first):
        rest = lines[name + 1 :]
        if speaks(rest[0]):
            return len(lines)
        if contact_cards.is_heading(rest[0]) or is_marked(rest[0]) or apart[name + 1]:
            start = 1 if is_name(rest[0]) else 0
            if len(rest) > 1 and _is_rest(rest[start:], apart[name + 1 + start :], reached=not is_name(rest[0])):
                return name + 1
    return len(lines)


def _is_rest(lines: Sequence[str], apart: Sequence[bool], reached: bool = False) -> bool:
    """Whether all below a name is a card's. reached: it needs a number, address or link, not only a company's mark."""
    if not lines or any(len(line) > LONGEST or speaks(line) for line in lines):
        return False
    marked = [is_marked(line) for line in lines]
    # Right below the name stands a job; if it is as long as a sentence, there has to be more of a card below.
    if is_prose(lines[0]) and not marked[0] and (lines[0].rstrip()[-1] in ".!。！" or sum(marked) < 2):
        return False
    if True not in marked[:_NEAR] or (len(lines) < 2 and not reached):
        return False
    if reached and not any(may_reach(line) for line in lines):
        return False
    begun = marked.index(True)
    if any(_may_be_own(lines[at], alone=apart[at] and at > begun) for at, mark in enumerate(marked) if not mark):
        return False
    unmarked = sum(is_prose(line) for line, mark in zip(lines, marked, strict=True) if not mark)
    return unmarked <= _MOST_UNMARKED and unmarked * 2 <= len(lines)


def _may_be_own(line: str, alone: bool) -> bool:
    """Whether a line that nothing marks as a card's may be the person's. alone: it begins a paragraph below the card's first mark."""
    if refuses(line):
        return True
    # What people add below is short, or goes on in small letters; an advertisement is a sentence.
    if alone and (is_east_asian(line) or not is_prose(line) or len(line.split()) < 6 or not line.strip()[0].isupper()):
        return True
    return is_prose(line) and reads_as_own(line)


def refuses(line: str) -> bool:
    """Whether a line has a word of a refusal or of what is refused."""
    low = line.casefold()
    return not REFUSING.isdisjoint(_words(low)) or any(part in low for part in REFUSING_EAST)


def reads_as_own(line: str) -> bool:
    """Whether a sentence reads as a person's and not as an advertisement: it says we, asks for something, or speaks of a day."""
    words = _words(line.casefold())
    if words[0] in ASKING_TO or (len(words) > 1 and words[0] in LINKING and words[1] in ASKING_TO):
        return True
    return (
        not WE.isdisjoint(words)
        or not NOWADAYS.isdisjoint(words)
        or sum(word in DAYS for word in words if len(word) > 4) == 1
    )


def _words(low: str) -> list[str]:
    return [word.strip(".,:;()'\"*_!-–") for word in low.split()]


def is_company_notice(lines: Sequence[str]) -> bool:
    """Whether a last paragraph is what law wants a company to say: a sentence with its form and two more marks of it."""
    words = [word.strip(".,;()") for line in lines for word in line[:LONGEST].casefold().split()]
    if len(words) < _LEAST_NOTICE or COMPANY_FORMS.isdisjoint(words[:_NAMED]):
        return False
    text = " ".join(lines)
    if len(text) > LONGEST or not is_prose(text) or any(speaks(line) for line in lines):
        return False
    return len(set(_REGISTER.findall(text.casefold()))) >= 2


def speaks(line: str) -> bool:
    """Whether a line speaks to the reader: asks, begs, adds a postscript, or is about leaving a list."""
    plain = line.strip()
    low = plain.casefold()
    if is_postscript(low):
        return True
    if speaks_of_leaving(low):
        return True
    words = _words(low)
    if len(plain) < LONGEST_ANSWER and ANSWERS.issuperset(words):
        return True
    if _is_call(low) or is_disclaimer(plain):
        return False
    if "?" in plain or "？" in plain or "list" in words:
        return True
    if not LEAVING_WORDS.isdisjoint(words):
        return not _is_notice_line(low)
    if is_east_asian(plain):
        return len(plain) > 60 or any(part in plain for part in READER_EAST)
    if not READER.isdisjoint(words):
        return True
    return "I" in plain.split() and not _has_days(words)  # "I work Monday to Thursday" is a card's


def speaks_of_leaving(line: str) -> bool:
    """Whether a line has a word that people ask with to be taken off a list."""
    low = line.casefold()
    return any(word.startswith(LEAVING) and word not in NOT_LEAVING for word in _words(low)) or any(
        part in low for part in LEAVING_EAST
    )


def is_postscript(low: str) -> bool:
    """Whether a line in lower case begins as a postscript."""
    return low[:1] in "pn追附추" and _POSTSCRIPT.match(low) is not None


def _is_notice_line(low: str) -> bool:
    return len(set(_REGISTER.findall(low))) >= 2


def _is_call(low: str) -> bool:
    begin = low.lstrip(" *_-–•|>")
    if begin.startswith(CALLS) or any(words in low for words in PRINTING):
        return True
    return begin.startswith(LINKED_CALLS) and _LABELLED_LINK.fullmatch(begin) is not None


def is_marked(line: str) -> bool:
    """Whether something shows that the line is a card's: a way to reach, a company, a register, hours, a call."""
    if may_reach(line) or _SITE.search(line) is not None:
        return True
    low = line.casefold()
    words = low.replace("·", " ").replace("|", " ").split()
    if any(word.strip(",;()") in COMPANY_FORMS for word in words) and not _is_all_small(line):
        return True
    if _REGISTER.search(low) is not None or _SOCIAL.search(low) is not None or _is_call(low):
        return True
    if is_east_asian(line):
        return any(word in low for word in _REGISTER_EAST) or "会社" in line or "公司" in line or "주식회사" in line
    return _has_days([word.strip(".,:;()") for word in words]) or is_disclaimer(line)


def _is_all_small(line: str) -> bool:
    return not any(word[0].isupper() for word in line.split())


def _has_days(words: Sequence[str]) -> bool:
    """Opening hours name two days, or a span such as Mon-Fri."""
    days = [word for word in words if word in DAYS]
    return len(days) >= 2 or any(_is_span(word) for word in words)


def _is_span(word: str) -> bool:
    first, between, last = word.replace("–", "-").partition("-")
    return bool(between) and first != last and (word in DAYS or (first in DAYS and last in DAYS))


def is_prose(line: str) -> bool:
    """Whether a line reads like a sentence: it ends as one, or has more small words than a title."""
    plain = line.strip()
    words = [word for word in plain.split() if word[0].isalpha()]
    small = sum(word[0].islower() for word in words)
    if is_east_asian(plain):
        return "。" in plain or "，" in plain
    return (len(words) >= 4 and _ENDS.search(plain) is not None) or (small >= 4 and small * 2 > len(words))
