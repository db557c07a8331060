"""From what a server said to a class: text first, then codes, and never hard without evidence of a dead address.

Source of the order: set-up guide §7; RFC 3463. Codes lie often (5.1.1 beside "mailbox full"), so text decides first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.classifier.core.patterns import plain_words
from services.classifier.core.rule_book import Rule, RuleBook
from shared.domain.bounces import BounceClass
from shared.mail.status_codes import is_temporary, is_vague, reply_code, specific_status

DIAGNOSTIC_LIMIT = 2_000  # characters of a diagnostic that rules read and findings keep


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules made of one recipient's failure.

    `rule`: a rule's id, or one of the engine's own (`code.undefined`).
    """

    bounce_class: BounceClass
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a report holds about one failure. texts: the most telling first. hosts: names concerned, lower case."""

    texts: tuple[str, ...]
    status: str | None
    reply: str | None
    hosts: str = ""


def evidence(texts: Iterable[str], reported: str | None, hosts: str = "") -> Evidence:
    """Evidence from texts and the reported status; a more telling code in the first text that has one wins over it."""
    kept = tuple(text[:DIAGNOSTIC_LIMIT] for text in texts if text and not text.isspace())
    status, reply = None, None
    for text in kept:
        status = status or specific_status(text)
        reply = reply or reply_code(text)
        if status and reply:
            break
    if status is None or (is_vague(status) and reported):
        status = reported or status
    return Evidence(kept, status, reply, hosts)


def judge(found: Evidence, rules: RuleBook, tier: int) -> Verdict:
    """The class of a final failure. Tier 3 asks the rules for prose before those for servers' replies."""
    temporary = is_temporary(found.status, found.reply)
    telling = not is_vague(found.status) and found.status in rules.codes
    for place, text in enumerate(found.texts):
        if place > 0 and tier == 2 and telling:
            break  # a code that says something beats the prose around it
        rule = first_rule(text, found.hosts, rules, tier)
        if rule is not None and not (rule.weak and telling):
            return Verdict(rule.class_for(temporary), rule.id, rule.reason)
    return by_code(found.status, found.reply, rules)


def first_rule(text: str, hosts: str, rules: RuleBook, tier: int) -> Rule | None:
    """The rule that a text hits, if any."""
    plain = plain_words(text)
    if tier == 3 or not plain.isascii():
        rule = rules.body.first(plain, hosts)
        if rule is not None and not rule.delayed:
            return rule
    return rules.dsn.first(plain, hosts)


def by_code(status: str | None, reply: str | None, rules: RuleBook) -> Verdict:
    """The class by code alone. A bare 5.x.x is internal: it says that the mail failed, not that the mailbox is gone."""
    rule = rules.codes.get(status or "")
    if rule is not None:
        return Verdict(rule.class_for(False), rule.id, rule.reason)
    if is_temporary(status, reply):
        return Verdict(BounceClass.SOFT, "code.temporary", "onhold")
    return Verdict(BounceClass.INTERNAL, "code.undefined", "onhold" if status or reply else "undefined")
