"""`python -m bench.hold_out LABELS.csv MAILS`: how much of a labelled corpus is known only because it was looked at.

Rules are written by hand, so nothing can be trained again without a part of the corpus. What can be done: for each family
(column `family`), every pattern that matches in this family's mails and in no other's is taken out, whoever wrote it and why,
and the family is classified by what remains. Patterns that general knowledge gave go too if no other family needs them, so the
figure is a lower bound. The signs by which a notice is known, and the codes of the IANA registry, stay.

Labels: columns corpus, file, family, expected_class, accept (classes that count as well, `a|b`). A mail is MAILS/corpus/file.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from services.classifier.core.patterns import Pattern, compile_pattern, plain_words
from services.classifier.core.reading import classify
from services.classifier.core.rule_book import RuleBook
from services.classifier.core.text_rules import Rule, TextRules
from services.classifier.settings import shipped_rules

Used = tuple[str, str]
"""A rule's id and one of its patterns."""


@dataclasses.dataclass(frozen=True, slots=True)
class Labelled:
    """A mail with what it should be. accepted: every class that is right, the expected one among them."""

    raw: bytes
    family: str
    expected: str
    accepted: frozenset[str]


@dataclasses.dataclass(slots=True)
class Score:
    """Counts over some mails. false_hard: hard where no label allows it; may_not_be_hard: how many could be."""

    mails: int = 0
    strict: int = 0
    lenient: int = 0
    false_hard: int = 0
    may_not_be_hard: int = 0

    def add(self, mail: Labelled, found: str) -> None:
        """Counts one mail."""
        self.mails += 1
        self.strict += found == mail.expected
        self.lenient += found in mail.accepted
        if "hard" not in mail.accepted:
            self.may_not_be_hard += 1
            self.false_hard += found == "hard"

    def __str__(self) -> str:
        shares = (self.lenient / self.mails, self.strict / self.mails, self.false_hard / max(1, self.may_not_be_hard))
        lenient, strict, false_hard = (f"{100 * share:.2f}" for share in shares)
        return f"mails {self.mails} lenient {lenient} strict {strict} false_hard {false_hard} ({self.false_hard})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both scores and the families that lose by it; gives 0."""
    options = argparse.ArgumentParser(prog="python -m bench.hold_out", description=__doc__.partition("\n")[0])
    options.add_argument("labels", type=Path)
    options.add_argument("mails", type=Path)
    chosen = options.parse_args(arguments)
    families: dict[str, list[Labelled]] = defaultdict(list)
    for mail in _labelled(chosen.labels, chosen.mails):
        families[mail.family].append(mail)
    rules = shipped_rules()
    users: dict[Used, set[str]] = defaultdict(set)
    for family, mails in families.items():
        for used in _used(mails, rules):
            users[used].add(family)
    whole, held_out = Score(), Score()
    for family, mails in sorted(families.items()):
        without = _without(rules, frozenset(used for used, by in users.items() if by == {family}))
        before, after = Score(), Score()
        for mail in mails:
            known, unknown = (classify(mail.raw, book).bounce_class.value for book in (rules, without))
            for score, found in ((whole, known), (before, known), (held_out, unknown), (after, unknown)):
                score.add(mail, found)
        if after.lenient != before.lenient:
            print(f"family {family} mails {after.mails} lenient {before.lenient} then {after.lenient}")
    alone = sum(len(by) == 1 for by in users.values())
    print(f"families {len(families)} patterns in use {len(users)} by one family alone {alone}")
    print(f"all rules: {whole}")
    print(f"held out:  {held_out}")
    return 0


def _labelled(labels: Path, mails: Path) -> Iterable[Labelled]:
    with labels.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            accepted = frozenset((row["expected_class"], *filter(None, row["accept"].split("|"))))
            raw = (mails / row["corpus"] / row["file"]).read_bytes()
            yield Labelled(raw, row["family"], row["expected_class"], accepted)


def _used(mails: Iterable[Labelled], rules: RuleBook) -> set[Used]:
    """Every pattern that matches a text by which one of the mails was judged."""
    traced = dataclasses.replace(rules, trace=[])
    for mail in mails:
        classify(mail.raw, traced)
    texts = {plain_words(text) for judged in traced.trace or () for text in judged.found.texts}
    return {
        (rule.id, source)
        for rule in rules.rules
        for source in rule.text
        for text in texts
        if _compiled(source, rules).find(text)
    }


def _compiled(source: str, rules: RuleBook) -> Pattern:
    return _compile_once(source, tuple(rules.sets.items()))


@cache
def _compile_once(source: str, sets: tuple[tuple[str, tuple[str, ...]], ...]) -> Pattern:
    return compile_pattern(source, dict(sets))


def _without(rules: RuleBook, dropped: frozenset[Used]) -> RuleBook:
    def kept(rule: Rule) -> Rule:
        return dataclasses.replace(rule, text=tuple(text for text in rule.text if (rule.id, text) not in dropped))

    lists = {
        name: TextRules([kept(rule) for rule in getattr(rules, name).rules], rules.sets)
        for name in ("dsn", "body", "whole", "delays")
    }
    return dataclasses.replace(rules, **lists)


if __name__ == "__main__":
    sys.exit(main())
