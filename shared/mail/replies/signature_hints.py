"""The signature that a mail's HTML puts into a container, found again in its plain text, where nothing marks it.

Outlook on the web and new Outlook write `id="Signature"` around it, and no delimiter into the plain text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.mail.replies import contact_cards, html_marks
from shared.mail.replies.html_text import marked_text
from shared.mail.replies.lines import QUOTE_BEGINS, SIGNATURE_BEGINS, SIGNATURE_ENDS
from shared.mail.replies.signed_cards import has_own_words

_LONGEST_SOURCE = 20_000  # characters of a container's source
_LINES = 60  # of the person's last ones that are compared
_MOST_WORDS = 300
_TARGETS = re.compile(r"<(?:https?:|mailto:|tel:)[^<>\s]{0,500}>|\[(?:cid:|https?:)[^\[\]\s]{0,300}\]", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+")


def _signature_words(source: str) -> list[str]:
    """The words of the first container that an HTML text marks as a signature; empty if there is none, or it holds a quotation."""
    at = html_marks.signature_begins(source)
    if at < 0:
        return []
    _, begun, rest = marked_text(source[at : at + _LONGEST_SOURCE]).partition(SIGNATURE_BEGINS)
    signature, ended, _ = rest.partition(SIGNATURE_ENDS)
    if not (begun and ended) or QUOTE_BEGINS in signature:
        return []
    return _words(signature)[: _MOST_WORDS + 1]


def signature_lines(texts: Sequence[str], own: Sequence[int], source: str) -> Sequence[int]:
    """Which of the person's lines are the signature of the mail's HTML; none if they say something.

    own: the lines' numbers, blank ones left out. source: the HTML. A closing formula stays, and so does a name below it that is not a card's; and the signature is not all they wrote.
    """
    words = _signature_words(source)
    if not 2 <= len(words) <= _MOST_WORDS:
        return ()
    for first in range(max(1, len(own) - _LINES), len(own)):
        end = _end(texts, own, first, words)
        if end:
            return _without_closing(texts, own[first:end])
    return ()


def _end(texts: Sequence[str], own: Sequence[int], first: int, words: Sequence[str]) -> int:
    """The number behind the last line, if the lines from `first` on have just these words; else 0."""
    taken = 0
    for number in range(first, len(own)):
        line = _words(texts[own[number]])
        if line != words[taken : taken + len(line)]:
            return 0
        taken += len(line)
        if taken == len(words):
            return number + 1
    return 0


def _without_closing(texts: Sequence[str], signature: Sequence[int]) -> Sequence[int]:
    lines = [texts[at] for at in signature]
    apart = [number > 0 and at - signature[number - 1] > 1 for number, at in enumerate(signature)]
    start = 0
    while start < len(lines) and contact_cards.is_sign_off(lines[start]):
        start += 1
    if start == len(lines) or has_own_words(lines[start:], apart[start:]):
        return ()
    if len(lines) == start + 1 and len(lines[start].split()) <= 3 and not contact_cards.may_reach(lines[start]):
        return ()  # a name and nothing else
    if start and len(lines[start].split()) == 1:
        start += 1
    return signature[start:]


def _words(text: str) -> list[str]:
    return _WORDS.findall(_TARGETS.sub(" ", text[:5_000]).casefold())
