"""Contact cards below a person's words: name, job, company, and how to reach them, without a signature's delimiter.

A card needs something to reach the person by, and nothing in it that reads like a sentence. "Call me on 0113 496 0000" is a
person's words, and so is whatever mentions leaving a list: in doubt a card stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies.languages.cards import (
    ANSWERS,
    COMPANY_FORMS,
    LABELS,
    LEAVING,
    LEAVING_EAST,
    LEAVING_WORDS,
    LINK_LABELS,
    SMALL_IN_NAMES,
    TALKING,
    TALKING_EAST,
)
from shared.mail.replies.markers import SIGN_OFFS, is_east_asian
from shared.mail.replies.signatures import is_rule

MOST_LINES = 12  # of a card
LONGEST_LINE = 110
LONGEST_NAME = 60
LONGEST_ANSWER = 24  # of nothing but yes and thanks
TAIL = 18  # of the person's last lines that are looked at
_TITLE_WORDS = 5  # of a job title in lower case

_LABELS = "|".join(map(re.escape, LABELS))
_REACH = re.compile(
    r"https?://|www\.|[^\s@]@[^\s@]{1,80}\.\w|\+\d[\d\s()./-]{6,40}|\(?\b0\d[\d\s()./-]{6,40}"
    r"|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b|\(\d{2,5}\)\s?\d[\d\s./-]{5,40}"
    rf"|(?<!\w)(?:{_LABELS})[^\w\n]{{0,4}}[+(\d][\d\s()./-]{{4,40}}\d",
    re.IGNORECASE,
)
_LABEL = re.compile(rf"(?:.*\W)?(?:{_LABELS}|{'|'.join(map(re.escape, LINK_LABELS))})\W{{0,3}}", re.IGNORECASE)
_LABELLED = re.compile(rf"\W{{0,3}}(?:{_LABELS})[^\w\n]{{1,4}}[+(\d\w]", re.IGNORECASE)
_PARTS = re.compile(r"\s[|·•–—/]\s|\s{3,}|\s-\s")
_DIGIT = re.compile(r"\d")
_STOPS = "。！？!?…"


def card_start(lines: Sequence[str], apart: Sequence[bool]) -> int:
    """From which line on the end of a person's text is a contact card; len(lines) if none is.

    lines: the last lines that are theirs, blank ones left out. apart: whether something stands between a line and the
    one before it: blank lines, or a quotation. A card never is the whole text.
    """
    # A name that was typed under a sign-off is not taken for the beginning of a block that is set off.
    below = _below_sign_off(lines, apart)
    return min(below if below < len(lines) else _set_off(lines, apart), _below_rule(lines))


def _below_sign_off(lines: Sequence[str], apart: Sequence[bool]) -> int:
    """Below "Best regards,": the sign-off stays, and so does a name that was typed under it."""
    for at in range(len(lines) - 2, -1, -1):
        if not is_sign_off(lines[at]):
            continue
        name = at + 1
        if is_one_line_card(lines[name]) and (name + 1 == len(lines) or is_card(lines[name + 1 :])):
            return name
        if is_card(lines[name + 1 :]):
            return name if is_heading(lines[name]) and not is_typed(name, lines, apart) else name + 1
    return len(lines)


def is_sign_off(line: str) -> bool:
    """Whether a line is a closing formula and nothing else."""
    # A Turkish capital İ folds to an i with a dot of its own.
    return (
        len(line) < 60
        and line.count(" ") < 8
        and line.strip(" ,.!;*_\t，、。").casefold().replace("\u0307", "") in SIGN_OFFS
    )


def is_typed(name: int, lines: Sequence[str], apart: Sequence[bool]) -> bool:
    """Whether a name belongs to the sign-off above and not to the card below: a first name, or set off from the card."""
    return len(lines[name].split()) == 1 or (apart[name + 1] and not apart[name])


def _below_rule(lines: Sequence[str]) -> int:
    """Below a rule of some length, which goes too."""
    for at in range(max(1, len(lines) - MOST_LINES), len(lines)):
        if is_rule(lines[at]) and len(lines[at].strip()) >= 5:
            rest = [line for line in lines[at + 1 :] if not is_rule(line)]
            if rest and is_card(rest):
                return at
    return len(lines)


def _set_off(lines: Sequence[str], apart: Sequence[bool]) -> int:
    """A last block that begins with a name, below a blank line or below an unlisted formula such as "Abraço,".

    A block that the words above announce ("Our new address:") is what the person wants to say, and so is one of several
    with numbers and addresses.
    """
    for at in range(max(1, len(lines) - MOST_LINES), len(lines)):
        if not (apart[at] or (at > 1 and apart[at - 1] and is_formula(lines[at - 1]))):
            continue
        above = lines[at - 1].rstrip()
        if not is_card(lines[at:]):
            continue
        if above[-1] in ":：" or (at == 1 and above[-1] in ",，、") or is_card([above]):
            return len(lines)
        if is_one_line_card(lines[at]):
            return at
        if is_heading(lines[at]) and (len(lines) - at >= 3 or repeats(lines[at], lines[at - 1])):
            return at
    return len(lines)


def repeats(name: str, typed: str) -> bool:
    """Whether a name in full has the first or last name in it that stands alone in the line above."""
    words = [word.strip(".,*-– ").casefold() for word in typed.split()]
    return len(words) == 1 and len(words[0]) > 1 and words[0] in [word.strip(",").casefold() for word in name.split()]


def is_formula(line: str) -> bool:
    """Whether a line could be a closing formula that nobody listed: a few words and a comma."""
    return line.rstrip()[-1:] == "," and len(line.split()) <= 4


def is_card(lines: Sequence[str]) -> bool:
    """Whether all lines are short and none is a sentence, and one has a telephone number, an address or a link."""
    if not 1 <= len(lines) <= MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        return False
    reaching = [may_reach(line) for line in lines]
    if not any(reaching):
        return False
    last = max(at for at, each in enumerate(reaching) if each)
    labelled = any(_LABELLED.match(line) for line in lines)
    # Between a name and a number "Responsable des achats" is a job; at the very end it may be an afterthought.
    return not any(is_said(line, title=at < last, labelled=labelled) for at, line in enumerate(lines))


def may_reach(line: str) -> bool:
    """Whether a line has a telephone number, an address or a link."""
    if "@" not in line and "." not in line and _DIGIT.search(line) is None:
        return False
    return _REACH.search(line) is not None


def is_said(line: str, *, title: bool, labelled: bool = False) -> bool:
    """Whether a line reads like something a person says.

    title: it may be a job title of a few words; labelled: one that begins in lower case, as the card has a label.
    """
    plain = line.strip()
    if plain[-1:] in _STOPS or plain.startswith(("PS", "P.S", "P.s", "I ")) or is_addressed(plain):
        return True
    match = _REACH.search(plain)
    if match is not None and _leads_to(plain[: match.start()]):
        return True
    words = plain.split()
    spelled = [word for word in words if word[0].isalpha()]
    small = sum(word[0].islower() for word in spelled)
    if len(words) < 3 or small * 2 <= len(spelled):
        return plain[-1] == "." and len(spelled) >= 5 and small >= 2
    if match is not None:
        return len(spelled) >= 6
    return not (title and len(words) <= _TITLE_WORDS and (labelled or plain[0].isupper()) and plain[-1] not in ".;")


def is_addressed(plain: str) -> bool:
    """Whether a line speaks to somebody, or of leaving a list, or is an answer and nothing else: "ok thanks"."""
    low = plain.casefold()
    words = [word.strip(".,:;()'\"*_<>") for word in low.split()]
    if (
        not TALKING.isdisjoint(words)
        or not LEAVING_WORDS.isdisjoint(words)
        or any(word.startswith(LEAVING) for word in words)
        or (len(plain) < LONGEST_ANSWER and ANSWERS.issuperset(words))
    ):
        return True
    if is_east_asian(plain):
        return len(plain) > 60 or any(part in plain for part in (*TALKING_EAST, *LEAVING_EAST, "。", "，"))
    return False


def _leads_to(before: str) -> bool:
    """Whether words lead up to a number, as in "ring the office on": the last is small, and no label."""
    before = before.rstrip()
    if not before or before[-1] in "|·•–—-/,;<(:：" or _LABEL.fullmatch(before[-40:]):
        return False
    return before.split()[-1][:1].islower()


def is_heading(line: str) -> bool:
    """Whether a card may begin with the line: a person's name, or a company."""
    return is_name(line) or is_company(line)


def is_company(line: str) -> bool:
    """Whether a line names a company by its legal form."""
    return len(line) <= LONGEST_NAME and any(w.strip(",").casefold() in COMPANY_FORMS for w in line.split())


def is_name(line: str) -> bool:
    """Whether a line could be a person's name: two to five words with capitals, or a few letters of a script without."""
    # Behind a comma stand degrees, in brackets other names.
    plain = re.split(r"[,(]|\s[|·•–—-]\s", line.strip(" *_\t"), maxsplit=1)[0].strip()
    if not plain or len(line) > LONGEST_NAME or any(c.isdigit() or c in "@:：;!?。" for c in line):
        return False
    if is_east_asian(plain):
        return len(plain) <= 12
    words = [word for word in plain.split() if not word.endswith(".") or len(word) <= 2]  # Dr., Avv., i. A.
    if "," in line and len(words) == 1:
        words += line.split(",", 1)[1].split()  # surname first
    full = [word for word in words if word.casefold() not in SMALL_IN_NAMES and not word.endswith(".")]
    return (
        1 <= len(full) <= 5 and len(words) >= 2 and not any(word[0].islower() or not word[0].isalpha() for word in full)
    )


def is_one_line_card(line: str) -> bool:
    """Name, job and number in one line: "Anna Weber | Weber & Sons | +44 113 496 0000"."""
    parts = [part for part in _PARTS.split(line.strip(), maxsplit=8) if part]
    return len(parts) >= 3 and is_name(parts[0]) and is_card([line])
