"""Operators' own rules: read from TOML, refused with file, line and reason, and matched before or after ours.

    [[rule]]
    id = "retired"                      # becomes own.retired in the log
    class = "hard"                      # hard, soft, internal, or none: not a failure at all
    when = "before"                     # or "after": only where none of ours decides by text
    text = ["colleague * retired"]      # words with `*`, `~`, `(a|b)`, `$set`, as in ours
    re2 = ["ticket [0-9]{4} closed"]    # google-re2 over the server's words, case ignored
    examples = ["550 our colleague has retired"]

The library google-re2 matches in linear time by construction, so an operator's pattern can't stop a classifier.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import re2

from services.classifier.core.patterns import Pattern, PatternError, Sets, compile_pattern, plain_words
from services.classifier.core.rule_book import RuleBook
from services.classifier.core.text_rules import Hit, Rule
from shared.domain.bounces import BounceClass

MOST_RULES = 1_000
MOST_CHARACTERS = 500_000
PATTERN_BYTES = 262_144  # memory that one re2 pattern may compile to
Source = tuple[str, str]
"""A name for messages (a path, or `database`) and the TOML text."""


class OwnRulesRefused(ValueError):
    """Operators' rules can't be used. `problems`: one line each, `file:line: reason`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule of an operator's, compiled. `where`: `file:line`."""

    rule: Rule
    where: str
    before: bool
    words: tuple[Pattern, ...]
    expressions: tuple[Any, ...]

    def hit(self, text: str, plain: str, hosts: str) -> Hit | None:
        """What it hits in a text, given as it is and as plain words."""
        if self.rule.hosts and not any(name in hosts for name in self.rule.hosts):
            return None
        for pattern in self.words:
            found = pattern.find(plain)
            if found:
                return Hit(self.rule, pattern.source, found)
        for expression in self.expressions:
            match = expression.search(text)
            if match:
                return Hit(self.rule, expression.pattern, match.group(0))
        return None


@dataclass(frozen=True, slots=True)
class OwnRules:
    """All rules of an operator's, in order. `version`: empty without rules, else `own-` and a digest of their text."""

    version: str = ""
    before: tuple[OwnRule, ...] = ()
    after: tuple[OwnRule, ...] = ()

    @property
    def rules(self) -> tuple[OwnRule, ...]:
        """In the order in which they are asked."""
        return self.before + self.after


NO_OWN_RULES = OwnRules()


def with_own(book: RuleBook, own: OwnRules) -> RuleBook:
    """Our rules with an operator's around them; the version names both."""
    version = f"{book.version}+{own.version}" if own.version else book.version
    return replace(book, version=version, before=own.before, after=own.after)


def first_own(rules: Sequence[OwnRule], text: str, hosts: str = "") -> Hit | None:
    """The first of them that a text hits."""
    if not rules:
        return None
    plain = plain_words(text)
    return next((hit for rule in rules if (hit := rule.hit(text, plain, hosts)) is not None), None)


def read_own_rules(sources: Iterable[Source], sets: Sets, taken: frozenset[str] = frozenset()) -> OwnRules:
    """Compiles operators' rules, in the order of the sources. taken: ids that are in use.

    Raises OwnRulesRefused with every problem found, not only the first.
    """
    problems: list[str] = []
    found: list[OwnRule] = []
    seen = set(taken)
    texts: list[str] = []
    for name, text in sources:
        if text.strip():
            texts.append(text)
            found += _read(name, text, sets, seen, problems)
    if len(found) > MOST_RULES:
        problems.append(f"{len(found)} rules: more than {MOST_RULES} are not taken")
    if problems:
        raise OwnRulesRefused(problems)
    if not found:
        return NO_OWN_RULES
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]
    return OwnRules(
        f"own-{digest}",
        tuple(rule for rule in found if rule.before),
        tuple(rule for rule in found if not rule.before),
    )


def unreached_examples(rules: OwnRules) -> list[str]:
    """A line for each example that does not reach its own rule, or that a rule above takes away."""
    lines = []
    for own in rules.rules:
        peers = rules.before if own.before else rules.after
        for example in own.rule.examples:
            hit = first_own(peers, example, " ".join(own.rule.hosts))
            if hit is None:
                lines.append(f"{own.where}: example {example!r} does not reach {own.rule.id}")
            elif hit.rule is not own.rule:
                lines.append(f"{own.where}: example {example!r} reaches {hit.rule.id} first")
    return lines


def _read(name: str, text: str, sets: Sets, seen: set[str], problems: list[str]) -> list[OwnRule]:
    if len(text) > MOST_CHARACTERS:
        problems.append(f"{name}:1: longer than {MOST_CHARACTERS} characters")
        return []
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _AT_LINE.search(str(error))
        problems.append(f"{name}:{line.group(1) if line else 1}: {error}")
        return []
    unknown = sorted(file.keys() - {"rule", "title", "revision"})
    rows = file.get("rule", [])
    if unknown or not isinstance(rows, list):
        problems.append(f"{name}:1: unknown {', '.join(unknown) or 'form of rule'}: give [[rule]] tables")
        return []
    lines = [at for at, line in enumerate(text.splitlines(), 1) if _RULE_LINE.match(line)]
    found = []
    for order, row in enumerate(rows):
        where = f"{name}:{lines[order] if order < len(lines) else 1}"
        try:
            own = _own_rule(where, order, row, sets)
            if own.rule.id in seen:
                raise ValueError(f"id {own.rule.id} is given twice")
        except ValueError as error:  # a PatternError too
            problems.append(f"{where}: {error}")
            continue
        seen.add(own.rule.id)
        found.append(own)
    return found


def _own_rule(where: str, order: int, row: Mapping[str, Any], sets: Sets) -> OwnRule:
    unknown = sorted(row.keys() - _KEYS)
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(sorted(_KEYS))}")
    name, when = row.get("id"), row.get("when", "before")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise ValueError("id must be letters, digits, dots and dashes, such as retired-colleague")
    if when not in ("before", "after"):
        raise ValueError(f"when is {when!r}, not before or after")
    words, expressions = _strings(row, "text"), _strings(row, "re2")
    if not words and not expressions:
        raise ValueError("no text and no re2: give at least one pattern")
    rule = Rule(
        id=f"own.{name}",
        tier=2,
        bounce_class=_class(row.get("class"), "class"),
        reason=str(row.get("reason", "undefined")),
        source=where,
        examples=_strings(row, "examples"),
        order=order,
        text=words + tuple(f"re2:{one}" for one in expressions),
        hosts=tuple(host.lower() for host in _strings(row, "hosts")),
        temporary=_class(row["temporary"], "temporary") if "temporary" in row else None,
        note=str(row.get("note", "")),
    )
    compiled = tuple(_words(one, sets) for one in words)
    return OwnRule(rule, where, when == "before", compiled, tuple(_expression(one) for one in expressions))


def _strings(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ValueError(f"{key} must be a list of texts")
    return tuple(value)


def _class(value: Any, key: str) -> BounceClass:
    allowed = [one.value for one in BounceClass if one is not BounceClass.FEEDBACK_LOOP]
    if value not in allowed:
        why = "; a complaint is known by its report, never by a text" if value == "feedback_loop" else ""
        raise ValueError(f"{key} is {value!r}, not one of {', '.join(allowed)}{why}")
    return BounceClass(value)


def _words(source: str, sets: Sets) -> Pattern:
    try:
        return compile_pattern(source, sets)
    except PatternError as error:
        raise ValueError(str(error)) from None


def _expression(source: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = PATTERN_BYTES
    try:
        expression = re2.compile(source, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a pattern"
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"re2 {source!r}: {reason}") from None
    if expression.search(""):
        raise ValueError(f"re2 {source!r}: matches the empty text, so it would match everything")
    return expression


_KEYS = frozenset(("id", "class", "when", "reason", "text", "re2", "examples", "hosts", "temporary", "note", "source"))
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_AT_LINE = re.compile(r"at line (\d+)")
_RULE_LINE = re.compile(r"\s*\[\[\s*rule\s*\]\]")
