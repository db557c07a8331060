"""One rule, and ordered lists of rules that match text: first match wins.

Each pattern is filed under one of its own words, so that a text of forty words costs forty look-ups and the few patterns
that can match at all, however many rules there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

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
        self._by_word: dict[str, list[_Entry]] = {}
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
        entry = (self._entries, pattern.literal, pattern.also, search, pattern, rule)
        for word in pattern.words:
            self._by_word.setdefault(word, []).append(entry)
        if not pattern.words:
            (self._unfiled if pattern.literal.isascii() else self._unfiled_wide).append(entry)

    def first(self, plain: str, hosts: str = "") -> Rule | None:
        """The first rule in order that matches a text made by `plain_words`. hosts: names concerned, in lower case."""
        for _, _, _, search, _, rule in self._possible(plain):
            if (search is None or search(plain)) and (not rule.hosts or _concerns(rule.hosts, hosts)):
                return rule
        return None

    def hits(self, plain: str, hosts: str = "") -> Iterator[Hit]:
        """Every rule that matches, in order, once; for explanations."""
        seen: set[str] = set()
        for _, _, _, _, pattern, rule in self._possible(plain):
            if rule.id in seen or (rule.hosts and not _concerns(rule.hosts, hosts)):
                continue
            words = pattern.find(plain)
            if words:
                seen.add(rule.id)
                yield Hit(rule, pattern.source, words)

    def _possible(self, plain: str) -> list[_Entry]:
        """What has its literal and its words in a text, in order: few, however many rules there are."""
        by_word = self._by_word
        tokens = set(plain.split())
        found = {
            entry[0]: entry
            for word in self._words & tokens
            for entry in by_word[word]
            if entry[1] in plain and not (entry[2] and entry[2].isdisjoint(tokens))
        }
        for entry in self._unfiled if plain.isascii() else self._unfiled + self._unfiled_wide:
            if entry[1] in plain:
                found[entry[0]] = entry
        return [found[number] for number in sorted(found)]


_Entry = tuple[int, str, frozenset[str], Callable[[str], re.Match[str] | None] | None, Pattern, Rule]
"""A running number, the literal that must be there, words of which one must, the search, and what they are of."""


def _concerns(names: tuple[str, ...], hosts: str) -> bool:
    return any(name in hosts for name in names)
