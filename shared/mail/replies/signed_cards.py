"""Cards that open with the signer's name: once more ("Miriam", a blank line, "Miriam Adeyemi"), or right below "Best regards,".

Nobody gives their name twice to go on in their own words, so such a block is a card to its end, whatever its lines say and
without a number or link. Right below a closing formula a name in full is a card's if a number or link follows, or jobs and
companies do. Either stays whole if a line of it is the person's: a postscript, a request, a question, an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from shared.mail.replies.contact_cards import LONGEST_NAME, is_formula, is_name, is_sign_off, may_reach
from shared.mail.replies.languages.card_words import (
    ASKING_TO,
    DESTROYING,
    FINITE,
    NOTICE_LABELS,
    PERSONAL,
    REGISTER,
    REQUESTS,
    SMALL_IN_TITLES,
    TOPICS,
    WE,
)
from shared.mail.replies.languages.cards import LEAVING, LEAVING_EAST, SMALL_IN_NAMES
from shared.mail.replies.long_cards import LONGEST, is_marked, is_postscript, is_prose, reads_as_own, refuses, speaks
from shared.mail.replies.markers import PRIVATE, SIGN_OFFS, is_east_asian
from shared.mail.replies.signatures import is_disclaimer

_LONGEST_TYPED = 40  # characters of a name under a mail
_MOST_PROSE = 3  # sentences that nothing marks
_LEAST_NOTICE = 60  # characters
_MOST_TRIES = 6  # places where such a card may begin
_LONG = 50  # characters of a line that may begin a notice over several


def card_start(lines: Sequence[str], apart: Sequence[bool]) -> int:
    """From which line on the end of a person's text is such a card; len(lines) if none is.

    lines, apart: as for `contact_cards.card_start`.
    """
    tries = 0
    for at in range(1, len(lines) - 1):
        begins = _full_card if is_sign_off(lines[at - 1]) and not apart[at + 1] else _signed_again
        if not begins(lines, apart, at):
            continue
        if not has_own_words(lines[at + 1 :], apart[at + 1 :]):
            return at
        tries += 1
        if tries == _MOST_TRIES:
            break
    return len(lines)


def _signed_again(lines: Sequence[str], apart: Sequence[bool], at: int) -> bool:
    return (
        at > 1
        and apart[at]
        and len(lines[at - 1]) <= _LONGEST_TYPED
        and is_name(lines[at])
        and repeats_typed(lines[at], lines[at - 1])
        and _is_signed(lines, apart, at - 1)
    )


def _full_card(lines: Sequence[str], apart: Sequence[bool], at: int) -> bool:
    """Whether a card begins with a name in full: a number or link below, or two lines of jobs and companies, others' names aside."""
    if not is_name(lines[at]) or len(lines[at].split()) < 2 or speaks(lines[at]):
        return False
    end = next((n for n in range(at + 1, len(lines)) if apart[n]), len(lines))
    block = lines[at + 1 : end]
    if any(may_reach(line) for line in block):
        return True
    return len(block) >= 2 and all(_is_titled(line) for line in block) and not all(is_name(line) for line in block)


def may_hold_one(lines: Sequence[str]) -> bool:
    """A cheap first look: two lines below a closing formula, or a short line that the next one begins with or has in it."""
    for above, line in pairwise(lines[:-1]):
        if len(above) <= _LONGEST_TYPED and len(line) <= LONGEST_NAME:
            typed = above.strip(" ,.!;*_\t，、。-–—~").casefold()
            if typed and (typed in SIGN_OFFS or typed.partition(" ")[0] in line.casefold()):
                return True
    return False


def repeats_typed(name: str, typed: str) -> bool:
    """Whether all words that were typed, one to three, are in a longer or equal name."""
    words = [word.strip(".,*_–-~") for word in typed.casefold().split()]
    words = [word for word in words if word]
    if not 1 <= len(words) <= 3 or typed.rstrip()[-1] in ",:;?：，":
        return False
    folded = name.casefold()
    if is_east_asian(typed):
        return "".join(words) in folded.replace(" ", "")
    return len(words[0]) > 1 and set(words) <= {word.strip(".,*_()") for word in folded.split()}


def _is_signed(lines: Sequence[str], apart: Sequence[bool], typed: int) -> bool:
    """Whether a name stands where people sign: below a closing formula, below a blank line, or below a sentence's end.

    A name that is announced ("Her new address:") or one of several people's is what the person wants to say.
    """
    above = lines[typed - 1].rstrip()
    if is_sign_off(above) or (typed > 1 and is_formula(above)):
        return True
    if above[-1] in ":：" or (typed == 1 and above[-1] in ",，、"):
        return False
    if any(apart[n] and is_name(lines[n]) and not is_marked(lines[n]) for n in range(typed + 2, len(lines))):
        return False
    return apart[typed] or above[-1] in ".!?。！"


def has_own_words(lines: Sequence[str], apart: Sequence[bool]) -> bool:
    """Whether anything in a card's lines, those below the name, is the person's own."""
    if not lines or any(len(line) > LONGEST * 3 for line in lines):
        return True
    if is_prose(lines[0]) and not apart[0] and not is_marked(lines[0]) and lines[0].rstrip()[-1] in ".!。！":
        return True  # words right below a name
    begins = [at for at in range(len(lines)) if at == 0 or apart[at]]
    prose = 0
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        named = begin == 0 and not apart[0]
        for n, line in enumerate(_unwrapped(lines[begin:end])):
            own = _is_own(line, alone=n == 0 and not named, named=named)
            said = own or (is_prose(line) and not is_marked(line))
            if not said or is_notice(line):
                continue
            if own:
                return True
            prose += 1
    return prose > _MOST_PROSE


def _unwrapped(paragraph: Sequence[str]) -> list[str]:
    """A paragraph's lines, those of a notice over several joined: up to a short one, or one with which a sentence ends."""
    joined: list[str] = []
    begun = 0
    for at, line in enumerate(paragraph):
        if len(line) >= _LONG and line.rstrip()[-1] not in ".!?。！" and _goes_on(paragraph, at + 1):
            continue
        text = " ".join(paragraph[begun : at + 1])
        joined += [text] if at > begun and is_notice(text) else paragraph[begun : at + 1]
        begun = at + 1
    return joined


def _goes_on(paragraph: Sequence[str], at: int) -> bool:
    """Whether a line goes on with the sentence of the one above: not in capitals, lest a person's words pass for a notice's."""
    return at < len(paragraph) and not paragraph[at].lstrip()[0].isupper()


def _is_own(line: str, *, alone: bool, named: bool) -> bool:
    """Whether a line below the name is the person's. alone: it begins a paragraph; named: the name's own paragraph."""
    if speaks(line):
        return True
    if is_marked(line):
        return False
    words = [word.strip(".,:;()'\"*_!-–") for word in line.casefold().split()]
    titled = _is_titled(line)
    if refuses(line) and not (titled and _speaks_of_mail_only(words)):
        return True
    if is_east_asian(line):
        return not named and alone and len(line) > 12
    if is_prose(line):
        # What people add below is short, or goes on in small letters; an advertisement is a sentence.
        return reads_as_own(line) or (alone and (len(words) < 6 or not line.strip()[0].isupper()))
    if not titled and len(words) < 8 and not FINITE.isdisjoint(words[1:]):
        return True
    return alone and not titled


def _is_titled(line: str) -> bool:
    """Whether all words have capitals, as in titles and names, small ones between them aside."""
    return not any(
        word[0].islower() and word.strip(",.") not in SMALL_IN_TITLES and word not in SMALL_IN_NAMES
        for word in line.split()
    )


def _speaks_of_mail_only(words: Sequence[str]) -> bool:
    """Whether what looks like a refusal is but a word such as mail: "E-mail Marketing Manager"."""
    return not refuses(" ".join(word for word in words if not word.startswith(TOPICS)))


def is_notice(text: str) -> bool:
    """Whether a text is a legal notice, wherever its marks stand in it. What says "I" or names a list is a person's."""
    if len(text) < _LEAST_NOTICE:
        return False
    low = text[:3_000].casefold()
    words = [word.strip(".,:;()'\"*_<>!-–") for word in low.split()]
    if (
        not PERSONAL.isdisjoint(words)
        or low.startswith(REQUESTS)
        or words[0].startswith(LEAVING)
        or words[0] in ASKING_TO
        or words[0] in WE
        or "?" in text
        or "I" in text.split()
        or is_postscript(low)
    ):
        return False
    if any(word.startswith(LEAVING) and not word.startswith(DESTROYING) for word in words) or any(
        part in low for part in LEAVING_EAST if part not in DESTROYING
    ):
        return False
    head, colon, _ = low.partition(":")
    if colon and len(head) < 40 and head.split()[-1:] and head.split()[-1] in NOTICE_LABELS and not speaks(text):
        return True
    if is_disclaimer(text) or any(sum(word in low for word in marks) >= 2 for marks in PRIVATE):
        return True
    return sum(word in low for word in REGISTER if len(word) > 5) >= 2 and not speaks(text)
