"""Lines that introduce a quotation: "On … wrote:", in any of the languages, and in those that nobody listed.

A sentence that ends in a colon is an attribution if it has at least two of: a date, an address, a verb of writing; and
stands as clients write it. So a client in a language without an entry is still known by its date and address.
"""

from __future__ import annotations

import re

from shared.mail.replies.markers import (
    MIDDLE_STARTS,
    STARTS,
    VERB_WORDS,
    VERBS,
    VERBS_WITHOUT_SPACES,
)

LONGEST = 420  # characters of an attribution; those of real clients stay below 300
WINDOW = 6  # lines over which one may be wrapped

_WORD = re.compile(r"[^\W\d_]+")
_DATE = re.compile(
    r"(?<![\w-])(?:19|20)\d\d(?![\w-])|(?<!\d)\d{1,2}\s?[:.h]\s?\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d\s?[年월月]"
)
_ENDS_WITH_ADDRESS = re.compile(r"(?:@[^\s@]{2,120}|[>)\]\"”»'])$")
_DIGIT = re.compile(r"\d")
# Gmail until 2016, the same in every language: "2016-03-03 17:21 GMT+01:00 Some One <…>:", "2011/4/7 Some One <…>"
_ISO = re.compile(r"\d{4}-\d\d-\d\d \d\d?:\d\d (?:GMT|UTC)[+-]\d|\d{4}/\d\d?/\d\d? [^<>@]{1,80} <[^<>\s]{3,80}>:?$")
_MIDDLE = re.compile(
    r"(?:(?<=\s)|(?<=[-.!?,]))(?:" + "|".join(map(re.escape, MIDDLE_STARTS)) + r")[\s,](?=[^\n]{0,30}?\d)"
)
# What a person says of their own earlier mail.
_OWN_VERBS = (
    "i wrote",
    "i have written",
    "i've written",
    "ich schrieb",
    "schrieb ich",
    "j'ai écrit",
    "ho scritto io",
    "я писал",
)
_VERBS_OR_ADDRESS = (*VERBS, ">")
_DASHES = ("--", "__", "==", "**", "—", "––")
_EDGE = " \t-_*=~|#\xa0\u3000"


class Attribution:
    """What was seen in a candidate. `sure`: it may stand without a quoted line below. `dated`: begins like a date."""

    __slots__ = ("dated", "sure", "weak")

    def __init__(self, sure: bool, weak: bool, dated: bool) -> None:
        self.sure = sure
        self.weak = weak
        self.dated = dated


NOTHING = Attribution(False, False, False)


def may_end(line: str) -> bool:
    """Whether an attribution could end in this line: a cheap first look. `line`: stripped, not empty."""
    last = line[-1]
    if last in ":：" or (last == ">" and line.startswith(">>> ")):
        return True
    if last in "-=*_~" and len(line) > 12:
        return line[0] in "-=*_~" or "@" in line or any(character.isdigit() for character in line[:80])
    if "@" in line and line[-12:].casefold().endswith(VERBS):
        return True
    return line[:2] in ("19", "20") and _ISO.match(line) is not None


def look(text: str) -> Attribution:
    """Reads a candidate of at most LONGEST characters: one line, or several joined by spaces."""
    plain = text.strip(_EDGE).lstrip(">").strip(_EDGE)
    dashes = text[:2] in _DASHES and text[-2:] in _DASHES
    if not plain or len(plain) > LONGEST:
        return NOTHING
    if _ISO.match(plain):
        return Attribution(True, True, True)
    low = plain.casefold()
    core = low.rstrip(":：.* \xa0")
    colon = low[-1] in ":：" or ":" in low[len(core) :]
    verb_last = core.endswith(VERBS)
    if not colon and not verb_last and not text.startswith(">>> "):
        return NOTHING
    verb = verb_last or _has_verb(low)
    date = _DATE.search(low)
    sure = (
        (verb_last and dashes)
        or (text.startswith(">>> ") and text.endswith(" >>>") and "@" in low and date is not None)
        or (verb and _introduces(low, core, date, verb_last))
        or (not verb and colon and date is not None and _is_dated(low) and _is_address_last(low, core))
    )
    return Attribution(sure, bool(verb or date or "@" in low), _is_dated(low))


def leads_to_quotation(text: str) -> bool:
    """Whether a line, or several joined, without a colon is an attribution, as it stands right above a quoted line."""
    plain = text.strip(_EDGE)
    if not plain or len(plain) > LONGEST or plain[-1] in ".!?:：" or not ("@" in plain or _DIGIT.search(plain)):
        return False
    low = plain.casefold()
    date = _DATE.search(low)
    if any(f" {words} " in f" {low} " for words in _OWN_VERBS):
        return False
    verb = _has_verb(low)
    address_last = "@" in low and _ENDS_WITH_ADDRESS.search(low) is not None
    if date is not None and _is_dated(low):
        if verb:
            return address_last or low.endswith(VERBS) or _ends_soon(low)
        return (address_last or len(_DATE.findall(low)) >= 2) and _has_few_small_words(plain)
    return (
        verb
        and "@" in low
        and (address_last or low.endswith(VERBS) or _is_name_verb_date(low, date))
        and _is_clause(low)
    )


def _has_few_small_words(plain: str) -> bool:
    """Names and dates have at most an `at` and a `de` between them; sentences have more."""
    return sum(word[0].islower() and "@" not in word for word in plain.split()) <= 2


def _introduces(low: str, core: str, date: re.Match[str] | None, verb_last: bool) -> bool:
    """Whether a clause with a verb of writing is one that clients make: of name, address, date and verb, and no more."""
    address = "@" in low
    if (not address and date is None) or any(f" {words} " in f" {core} " for words in _OWN_VERBS):
        return False
    address_last = address and _ENDS_WITH_ADDRESS.search(core) is not None
    if _is_dated(low):
        return verb_last or address_last or _ends_soon(core) or _is_name_verb_date(low, date)
    if verb_last:
        return address and (address_last or any(sign in low for sign in ("<", "(", "mailto")) or _is_short(low))
    return address_last or _is_name_verb_date(low, date)


def _is_address_last(low: str, core: str) -> bool:
    """Without a verb: an address in brackets at the end, or one without and both a year and a time."""
    if "@" not in low or _ENDS_WITH_ADDRESS.search(core) is None:
        return False
    return core[-1] in ">)]" or len(_DATE.findall(low)) >= 2


def _ends_soon(core: str) -> bool:
    """Only a name follows the verb, as in German, Dutch and the Nordic languages."""
    words = core.split()
    return any(not VERB_WORDS.isdisjoint(_WORD.findall(word)) for word in words[-6:])


def split_middle(line: str) -> int:
    """Where an attribution begins that shares its line with the person's words; -1 if none does."""
    start = max(0, len(line) - LONGEST)
    found = -1
    for match in _MIDDLE.finditer(line, start):
        if look(line[match.start() :]).sure:
            found = match.start()
            break
    return found


def ends_inside(line: str) -> int:
    """Where an attribution ends that text follows in the same line, as flattened mails have it; -1 if none does."""
    at = line.find(":")
    looks = 0
    for _ in range(60):
        if at < 0 or looks > 5:
            return -1
        before = line[max(0, at - 12) : at].casefold().rstrip()
        if before.endswith(_VERBS_OR_ADDRESS) and at + 1 < len(line):
            looks += 1
            begin = max(0, at + 1 - LONGEST)
            candidate = line[begin : at + 1]
            if (begin == 0 and look(candidate).sure) or split_middle(candidate) >= 0:
                return at + 1
        at = line.find(":", at + 1)
    return -1


def _has_verb(low: str) -> bool:
    if not VERB_WORDS.isdisjoint(_WORD.findall(low)):
        return True
    return not low.isascii() and any(verb in low for verb in VERBS_WITHOUT_SPACES)


def _is_dated(low: str) -> bool:
    """Begins as dates do: with a word such as `on`, or with the date itself."""
    front = low.lstrip("\"'“‘[(<\u202b\u200f\u200e")
    digit = _DIGIT.search(front, 0, 45)
    if digit is None:
        return False
    if front.startswith(STARTS):
        return True
    return digit.start() <= 12 and _DATE.search(front, 0, 60) is not None


def _is_name_verb_date(low: str, date: re.Match[str] | None) -> bool:
    """Name, address, verb, date, as Gmail puts it in German, Portuguese and Hungarian."""
    at = low.find("@")
    return date is not None and 0 <= at < date.start() and ("<" in low or "(" in low) and at < 200


def _is_clause(low: str) -> bool:
    """The same, where the dot of a day ("am 3. November") ends nothing."""
    return len(low) < 160 and re.search(r"(?<!\d)[.!?;]\s", low) is None


def _is_short(low: str) -> bool:
    """One clause, as a name with its verb is."""
    return len(low) < 120 and re.search(r"[.!?,;]\s", low) is None
