"""Answers inside a mail that is quoted without marks, each behind a name in brackets, as Outlook puts it: "[Anna] yes, please".

The name tells whose words they are, so they are taken only if the quoted mail was sent to somebody of that name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies import header_blocks
from shared.mail.replies.markers import SENDER, TO

_HEAD = 14  # lines in which the quoted mail's recipient is named
_LONGEST = 400  # characters of a line with recipients
_ANSWER = re.compile(r"\s{0,8}\[(?P<name>[^\W\d_][^\[\]\d@:/<>]{0,39})\][:\s]\s{0,3}\S")
_WORDS = re.compile(r"[^\W\d_]+")


def named_answers(lines: Sequence[str], start: int) -> list[int]:
    """Lines that answer inside the mail whose header block begins at `start` or a little below.

    Not those in older mails further down, which may have been answered before.
    """
    if "[" not in "".join(lines[start:]):
        return []
    answers = {at: answer["name"] for at in range(start, len(lines)) if (answer := _ANSWER.match(lines[at]))}
    if not answers:
        return []
    recipients, first = _recipients(lines, start)
    end = next((at for at in range(first, max(answers)) if header_blocks.label_of(lines[at]) == SENDER), len(lines))
    return [
        at for at, name in answers.items() if first <= at < end and any(_is_called(words, name) for words in recipients)
    ]


def _recipients(lines: Sequence[str], start: int) -> tuple[list[list[str]], int]:
    """The words of the names or addresses that the mail was sent to, and the first line below the head's labels."""
    recipients: list[list[str]] = []
    below = start
    seen: set[str] = set()
    for at in range(start, min(start + _HEAD, len(lines))):
        kind = header_blocks.label_of(lines[at])
        if kind is None:
            continue
        if kind == SENDER and kind in seen:
            break
        seen.add(kind)
        below = at + 1
        if kind == TO and not recipients:
            recipients = _names(lines[at][:_LONGEST].replace("：", ":").partition(":")[2])
    return recipients, below


def _names(value: str) -> list[list[str]]:
    """Of each recipient the words of the name, or of the address where there is no name."""
    between = r";|>\s?," if "<" in value else r"[;,]" if "@" in value else ";"
    named = []
    for part in re.split(between, value)[:20]:
        name, _, address = part.partition("<")
        named.append(_WORDS.findall((name.strip(" '\"*") or address).partition("@")[0].casefold()))
    return [words for words in named if words]


def _is_called(words: Sequence[str], name: str) -> bool:
    """Whether a name is the recipient's, all or part of it, or their initials."""
    called = _WORDS.findall(name.casefold())
    if not called:
        return False
    return set(called) <= set(words) or (
        name.isupper() and len(words) > 1 and name.casefold() == "".join(word[0] for word in words)
    )
