"""Rules as data, compiled for speed: ordered, first match wins, no pattern slower than linear.

A text is first reduced to plain words; each pattern is filed under one of its own words, so that a text of forty words
costs forty look-ups and the few patterns that can match at all, however many rules there are.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.classifier.core.patterns import (
    WORD,
    compile_pattern,
    filing_word,
    pattern_pieces,
    pattern_words,
)
from shared.domain.bounces import BounceClass


class RuleError(ValueError):
    """A rule file can't be used. The message names the tier, the rule and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `text`: word patterns; `codes`: enhanced status codes; `types`: ARF feedback types (one of the three is set).

    temporary: the class instead when the codes say temporary. hosts: names of which one must be concerned.
    delayed: what it finds is a delay notice, not a failure. weak: it says that the mail was refused, not why. order:
    place in its tier's file.
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
    weak: bool = False
    note: str = ""

    def class_for(self, temporary: bool) -> BounceClass:
        """The class that this rule means, given whether the codes speak of a temporary failure."""
        return self.temporary if temporary and self.temporary is not None else self.bounce_class


class TextRules:
    """An ordered list of rules that match text."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rule for rule in rules if rule.text)
        self._by_word: dict[str, list[tuple[int, str, re.Pattern[str], Rule]]] = {}
        self._unfiled: list[tuple[int, str, re.Pattern[str], Rule]] = []
        for place, rule in enumerate(self.rules):
            for pattern in rule.text:
                self._file(place, pattern, rule)
        self._words = frozenset(self._by_word)

    def _file(self, place: int, pattern: str, rule: Rule) -> None:
        literal, expression = compile_pattern(pattern)
        word = filing_word(pattern)
        entry = (place, literal, expression, rule)
        if word:
            self._by_word.setdefault(word, []).append(entry)
        else:
            self._unfiled.append(entry)

    def first(self, plain: str, hosts: str = "") -> Rule | None:
        """The first rule in order that matches a text made by `plain_words`. hosts: names concerned, in lower case."""
        found: list[tuple[int, str, re.Pattern[str], Rule]] = []
        for word in self._words.intersection(WORD.findall(plain)):
            found += self._by_word[word]
        found += self._unfiled
        best: Rule | None = None
        place = len(self.rules)
        for at, literal, expression, rule in found:
            if (
                at < place
                and literal in plain
                and (not rule.hosts or _concerns(rule.hosts, hosts))
                and expression.search(plain)
            ):
                best, place = rule, at
        return best


@dataclass(frozen=True, slots=True)
class Signs:
    """By what a report without a report part is known (regular expressions over lower-case text)."""

    sender: re.Pattern[str]
    subject: re.Pattern[str]
    automatic: re.Pattern[str]
    list_server: re.Pattern[str]
    list_subject: re.Pattern[str]
    opening: re.Pattern[str]
    returned: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules, compiled. `version` changes with any byte of their text: `2026.11.1+1a2b3c4d`."""

    version: str
    rules: tuple[Rule, ...]
    feedback: Mapping[str, Rule]
    dsn: TextRules
    codes: Mapping[str, Rule]
    body: TextRules
    signs: Signs


def compile_rules(texts: Mapping[str, str]) -> RuleBook:
    """Compiles the TOML texts of the tiers `arf`, `dsn` and `body`. Raises RuleError for what can't be used."""
    files = {tier: _load(tier, texts) for tier in TIERS}
    rules = {tier: _rules(tier, files[tier]) for tier in TIERS}
    every = tuple(rule for tier in TIERS for rule in rules[tier])
    _unique(every)
    digest = hashlib.sha256("\0".join(texts[tier] for tier in TIERS).encode()).hexdigest()[:8]
    return RuleBook(
        version=f"{files['dsn'].get('revision', '0')}+{digest}",
        rules=every,
        feedback={kind: rule for rule in rules["arf"] for kind in rule.types},
        dsn=TextRules(rules["dsn"]),
        codes={code: rule for rule in rules["dsn"] for code in rule.codes},
        body=TextRules(rules["body"]),
        signs=_signs(files["body"]),
    )


TIERS = {"arf": 1, "dsn": 2, "body": 3}


def _concerns(names: tuple[str, ...], hosts: str) -> bool:
    return any(name in hosts for name in names)


def _load(tier: str, texts: Mapping[str, str]) -> dict[str, Any]:
    try:
        return tomllib.loads(texts[tier])
    except KeyError:
        raise RuleError(f"{tier}: no rule text given") from None
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{tier}: {error}") from None


def _rules(tier: str, file: dict[str, Any]) -> list[Rule]:
    return [_rule(tier, order, row) for order, row in enumerate(file.get("rule", []))]


def _rule(tier: str, order: int, row: dict[str, Any]) -> Rule:
    name = row.get("id", f"number {order + 1}")
    unknown = row.keys() - _KEYS
    missing = {"id", "class", "reason", "source", "examples"} - row.keys()
    if unknown or missing:
        raise RuleError(
            f"{tier}: rule {name}: " + ", ".join([f"unknown {k}" for k in unknown] + [f"no {k}" for k in missing])
        )
    if sum(bool(row.get(key)) for key in ("text", "codes", "types")) != 1:
        raise RuleError(f"{tier}: rule {name}: give one of text, codes, types")
    try:
        bounce_class = BounceClass(row["class"])
        temporary = BounceClass(row["temporary"]) if "temporary" in row else None
    except ValueError as error:
        raise RuleError(f"{tier}: rule {name}: {error}") from None
    for pattern in row.get("text", ()):
        if not pattern_words(pattern) and not any(len(piece.rstrip("*")) > 2 for piece in pattern_pieces(pattern)):
            raise RuleError(f"{tier}: rule {name}: pattern {pattern!r} has no word to go by")
    lists = {key: tuple(row.get(key, ())) for key in ("text", "codes", "types", "hosts", "examples")}
    return Rule(
        id=row["id"],
        tier=TIERS[tier],
        bounce_class=bounce_class,
        reason=row["reason"],
        source=row["source"],
        order=order,
        temporary=temporary,
        delayed=bool(row.get("delayed", False)),
        weak=bool(row.get("weak", False)),
        note=row.get("note", ""),
        **lists,
    )


_KEYS = frozenset(
    (
        "id",
        "class",
        "reason",
        "source",
        "examples",
        "text",
        "codes",
        "types",
        "hosts",
        "temporary",
        "delayed",
        "weak",
        "note",
    )
)


def _unique(rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise RuleError(f"rule {rule.id} is given twice")
        seen.add(rule.id)


def _signs(file: dict[str, Any]) -> Signs:
    found = {row["where"]: row["patterns"] for row in file.get("sign", [])}
    try:
        compiled = {
            where: re.compile("|".join(found[where]))
            for where in ("sender", "subject", "automatic", "list_server", "list_subject", "opening")
        }
        return Signs(returned=re.compile("^(?:" + "|".join(found["returned"]) + ")", re.MULTILINE), **compiled)
    except (KeyError, re.error) as error:
        raise RuleError(f"body: signs: {error}") from None
