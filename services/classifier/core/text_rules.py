"""One rule, and ordered lists of rules that match text: first match wins.

Each pattern is filed under one of its own words, and there under a second one if it needs one, so that a text of forty
words costs forty look-ups and the few patterns that can match at all, however many rules there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import itemgetter

from services.classifier.core.patterns import NO_SETS, Pattern, PatternError, Sets, compile_pattern
from shared.domain.bounces import BounceClass


class RuleError(ValueError):
    """A rule file can't be used. The message names the tier, the rule and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `text`: word patterns; `codes`: enhanced status codes; `types`: ARF feedback types (one of the three is set).

    temporary: the class instead when the codes say temporary. hosts: names of which one must be concerned.
    delayed: what it finds is a delay notice, not a failure. whole: it is asked of all that a notice says of a recipient
    before a server's reply in it may make the recipient's failure hard. weak: it says that the mail was refused, not why.
    firm: a code that wins over text that says hard. order: place in its tier's file.
    """

    id: str
    tier: int
    bounce_class: BounceClass
    reason: str
    source: str
    examples: tuple[str, ...]
    order: int
    text: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    temporary: BounceClass | None = None
    delayed: bool = False
    whole: bool = False
    weak: bool = False
    firm: bool = False
    note: str = ""

    def class_for(self, temporary: bool) -> BounceClass:
        """The class that this rule means, given whether the codes speak of a temporary failure."""
        return self.temporary if temporary and self.temporary is not None else self.bounce_class


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule, the pattern of it that matched, and the words that it matched."""

    rule: Rule
    pattern: str
    words: str


class TextRules:
    """An ordered list of rules that match text."""

    def __init__(self, rules: Iterable[Rule], sets: Sets = NO_SETS) -> None:
        """Raises RuleError for a pattern that can't be compiled."""
        self.rules = tuple(rule for rule in rules if rule.text)
        self._by_word: dict[str, tuple[list[_Entry], dict[str, list[_Entry]]]] = {}
        self._unfiled: list[_Entry] = []
        self._unfiled_wide: list[_Entry] = []
        self._entries = 0
        for rule in self.rules:
            for source in rule.text:
                try:
                    self._file(compile_pattern(source, sets), rule)
                except PatternError as error:
                    raise RuleError(f"rule {rule.id}: {error}") from None
        self._words = frozenset(self._by_word)

    def _file(self, pattern: Pattern, rule: Rule) -> None:
        self._entries += 1  # grows with the order of rules, so that entries sort by it
        search = pattern.expression.search if pattern.expression is not None else None
        entry = (self._entries, pattern.needs, pattern.literal, pattern.also, search, pattern, rule)
        for word in pattern.words:
            alone, beside = self._by_word.setdefault(word, ([], {}))
            second = max(pattern.needs - {word}, key=len, default="")
            (beside.setdefault(second, []) if second else alone).append(entry)
        if not pattern.words:
            (self._unfiled if pattern.literal.isascii() else self._unfiled_wide).append(entry)

    def first(self, plain: str, hosts: str = "", tokens: Tokens | None = None) -> Rule | None:
        """The first rule in order that matches a text made by `plain_words`. hosts: names concerned, in lower case.

        tokens: the text's words, if they are known: several lists may be asked about one text.
        """
        for _, _, _, _, search, _, rule in self._possible(plain, tokens if tokens is not None else set(plain.split())):
            if (search is None or search(plain)) and (not rule.hosts or _concerns(rule.hosts, hosts)):
                return rule
        return None

    def hits(self, plain: str, hosts: str = "") -> Iterator[Hit]:
        """Every rule that matches, in order, once; for explanations."""
        seen: set[str] = set()
        for _, _, _, _, _, pattern, rule in self._possible(plain, set(plain.split())):
            if rule.id in seen or (rule.hosts and not _concerns(rule.hosts, hosts)):
                continue
            words = pattern.find(plain)
            if words:
                seen.add(rule.id)
                yield Hit(rule, pattern.source, words)

    def _possible(self, plain: str, tokens: Tokens) -> list[_Entry]:
        """What has its words and its literal in a text, in order: few, however many rules there are."""
        by_word = self._by_word
        rows: list[list[_Entry]] = []
        for word in self._words & tokens:
            alone, beside = by_word[word]
            if alone:
                rows.append(alone)
            if beside:
                rows += [beside[second] for second in beside.keys() & tokens]
        found = [entry for entry in self._unfiled if entry[2] in plain]
        found += [
            entry
            for row in rows
            for entry in row
            if entry[1] <= tokens and not (entry[3] and entry[3].isdisjoint(tokens)) and entry[2] in plain
        ]
        if not plain.isascii():
            found += [entry for entry in self._unfiled_wide if entry[2] in plain]
        found.sort(key=_NUMBER)  # one that is filed under two words of the text stands there twice, which does no harm
        return found


_NUMBER = itemgetter(0)
Tokens = AbstractSet[str]
"""The words of a text made by `plain_words`."""

_Entry = tuple[int, frozenset[str], str, frozenset[str], Callable[[str], re.Match[str] | None] | None, Pattern, Rule]
"""A running number, the words that must all be there, the literal, words of which one must, the search, what they are of.

Words are asked before the literal, since a look-up in a set does not read the text.
"""


def _concerns(names: tuple[str, ...], hosts: str) -> bool:
    return any(name in hosts for name in names)
