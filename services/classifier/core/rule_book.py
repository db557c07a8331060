"""Rules as data, compiled for speed: ordered, first match wins, no pattern slower than linear.

A text is first reduced to plain words; each pattern is filed under one of its own words, so that a text of forty words
costs forty look-ups and the few patterns that can match at all, however many rules there are.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.classifier.core.patterns import Sets
from services.classifier.core.text_rules import Rule, RuleError, TextRules
from shared.domain.bounces import BounceClass

if TYPE_CHECKING:
    from services.classifier.core.bounces import Judged
    from services.classifier.core.own_rules import OwnRule


class Sign:
    """Regular expressions of which one must be found in a lower-case text.

    Those that are written in another script alone are not tried on an ASCII text: that is most texts and a third of them.
    """

    __slots__ = ("_ascii", "_every")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises re.error."""
        latin = [pattern for pattern in patterns if _LATIN.search(pattern)]
        self._every = re.compile("|".join(patterns))
        self._ascii = re.compile("|".join(latin)) if latin else None

    def search(self, text: str) -> re.Match[str] | None:
        """Where one of them is found first."""
        if not text.isascii():
            return self._every.search(text)
        return self._ascii.search(text) if self._ascii is not None else None


_LATIN = re.compile("[a-z]")


@dataclass(frozen=True, slots=True)
class Signs:
    """By what a report without a report part is known."""

    sender: Sign
    subject: Sign
    automatic: Sign
    list_server: Sign
    list_subject: Sign
    opening: Sign
    returned: re.Pattern[str]
    daemon: Sign


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules, compiled.

    delays, whole, body: those of the third tier, asked in this order (see Rule). before, after: an operator's own.
    trace: takes each judgement, for explanations; None in service. `version` changes with any byte of their text: `2026.11.1+1a2b3c4d`."""

    version: str
    rules: tuple[Rule, ...]
    feedback: Mapping[str, Rule]
    dsn: TextRules
    codes: Mapping[str, Rule]
    body: TextRules
    whole: TextRules
    delays: TextRules
    signs: Signs
    sets: Sets
    before: tuple[OwnRule, ...] = ()
    after: tuple[OwnRule, ...] = ()
    trace: list[Judged] | None = None

    def for_code(self, status: str | None) -> Rule | None:
        """The rule for an enhanced status code: its own, or its subject's (`5.7.*`)."""
        if not status:
            return None
        return self.codes.get(status) or self.codes.get(status[: status.rfind(".")] + ".*")

    def list_of(self, rule: Rule) -> TextRules:
        """The list that a rule stands in."""
        if rule.tier == 2:
            return self.dsn
        return self.delays if rule.delayed else self.whole if rule.whole else self.body


def compile_rules(texts: Mapping[str, str]) -> RuleBook:
    """Compiles the TOML texts of the tiers `arf`, `dsn` and `body`. Raises RuleError for what can't be used."""
    files = {tier: _load(tier, texts) for tier in TIERS}
    rules = {tier: _rules(tier, files[tier]) for tier in TIERS}
    every = tuple(rule for tier in TIERS for rule in rules[tier])
    _unique(every)
    sets = {name: tuple(members) for name, members in files["dsn"].get("sets", {}).items()}
    digest = hashlib.sha256("\0".join(texts[tier] for tier in TIERS).encode()).hexdigest()[:8]
    return RuleBook(
        version=f"{files['dsn'].get('revision', '0')}+{digest}",
        rules=every,
        feedback={kind: rule for rule in rules["arf"] for kind in rule.types},
        dsn=_text_rules("dsn", rules["dsn"], sets),
        codes={code: rule for rule in rules["dsn"] for code in rule.codes},
        body=_text_rules("body", [rule for rule in rules["body"] if not (rule.whole or rule.delayed)], sets),
        whole=_text_rules("body", [rule for rule in rules["body"] if rule.whole], sets),
        delays=_text_rules("body", [rule for rule in rules["body"] if rule.delayed], sets),
        signs=_signs(files["body"]),
        sets=sets,
    )


TIERS = {"arf": 1, "dsn": 2, "body": 3}


def _text_rules(tier: str, rules: list[Rule], sets: Sets) -> TextRules:
    try:
        return TextRules(rules, sets)
    except RuleError as error:
        raise RuleError(f"{tier}: {error}") from None


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
        whole=bool(row.get("whole", False)),
        weak=bool(row.get("weak", False)),
        firm=bool(row.get("firm", False)),
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
        "whole",
        "weak",
        "firm",
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
            where: Sign(found[where])
            for where in ("sender", "subject", "automatic", "list_server", "list_subject", "opening", "daemon")
        }
        return Signs(returned=re.compile("^(?:" + "|".join(found["returned"]) + ")", re.MULTILINE), **compiled)
    except (KeyError, re.error) as error:
        raise RuleError(f"body: signs: {error}") from None
