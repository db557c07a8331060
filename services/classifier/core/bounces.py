"""From what a server said to a class: text first, then codes, and never hard without evidence of a dead address.

Source of the order: set-up guide §7; RFC 3463. Codes lie often (5.1.1 beside "mailbox full"), so text decides first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.classifier.core.own_rules import OwnRule, first_own
from services.classifier.core.patterns import plain_words
from services.classifier.core.rule_book import RuleBook
from services.classifier.core.text_rules import Rule
from shared.domain.bounces import BounceClass, Confidence
from shared.mail.status_codes import has_code, is_temporary, is_vague, reply_code, specific_status

DIAGNOSTIC_LIMIT = 2_000  # characters of a diagnostic that rules read and findings keep


class Verdict(NamedTuple):
    """What the rules made of one recipient's failure.

    `rule`: a rule's id, or one of the engine's own (`code.undefined`).
    """

    bounce_class: BounceClass
    rule: str
    reason: str
    confidence: Confidence = Confidence.HIGH


class Evidence(NamedTuple):
    """What a report holds about one failure. texts: the most telling first. hosts: names concerned, lower case."""

    texts: tuple[str, ...]
    status: str | None
    reply: str | None
    hosts: str = ""


def evidence(texts: Iterable[str], reported: str | None, hosts: str = "") -> Evidence:
    """Evidence from texts and the reported status; a more telling code in the first text that has one wins over it."""
    kept = tuple(dict.fromkeys(text[:DIAGNOSTIC_LIMIT] for text in texts if text and not text.isspace()))
    status, reply = None, None
    for text in kept:
        if not has_code(text):
            continue
        status = status or specific_status(text)
        reply = reply or reply_code(text)
        if status and reply:
            break
    if status is None or (is_vague(status) and reported):
        status = reported or status
    return Evidence(kept, status, reply, hosts)


def judge(found: Evidence, rules: RuleBook, tier: int) -> Verdict:
    """The class of a final failure. Tier 3 asks the rules for prose before those for servers' replies.

    An operator's own rules are asked first, or where none of ours decides by text.
    """
    verdict = (
        _by_own(found, rules.before)
        or _by_text(found, rules, tier)
        or _by_own(found, rules.after)
        or by_code(found.status, found.reply, rules)
    )
    if rules.trace is not None:
        rules.trace.append(Judged(found, tier, verdict))
    return verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement, for an explanation."""

    found: Evidence
    tier: int
    verdict: Verdict


def _by_own(found: Evidence, own: Sequence[OwnRule]) -> Verdict | None:
    for text in found.texts if own else ():
        hit = first_own(own, text, found.hosts)
        if hit is not None:
            return _verdict(hit.rule, found, Confidence.HIGH)
    return None


def _by_text(found: Evidence, rules: RuleBook, tier: int) -> Verdict | None:
    telling = is_telling(found, rules)
    sure = Confidence.HIGH if tier == 2 else Confidence.MEDIUM
    vague: Rule | None = None  # what the diagnostic says, if that is no cause
    for place, text in enumerate(found.texts):
        if place > 0 and tier == 2 and telling:
            break  # a code that says something beats the prose around it
        rule = first_rule(text, found.hosts, rules, tier)
        if vague is not None and rule is not None and (rule.weak or rule.bounce_class is BounceClass.HARD):
            continue  # prose may tell the cause that the diagnostic leaves open; that an address is gone it must say itself
        if rule is not None and rule.weak and tier == 2 and not place and rule.bounce_class is not BounceClass.HARD:
            vague = rule if not telling else None
            continue
        if rule is not None and not (rule.weak and telling and outweighs(rule, found)):
            if (
                tier == 3 and rule.bounce_class is BounceClass.HARD
            ):  # the last text is all that is said of the recipient
                rule = rules.whole.first(plain_words(found.texts[-1]), found.hosts) or rule
            if rule.bounce_class is BounceClass.HARD and _is_denied(found, rules):
                return None
            return _verdict(rule, found, _weaker(rule) if rule.weak else sure)
    return _verdict(vague, found, _weaker(vague)) if vague is not None else None


def before_recipient(texts: Sequence[str], found: Evidence, rules: RuleBook) -> Verdict | None:
    """What the words around a reply make of it if the server had not heard of the recipient yet; None if it had.

    texts: all that is said of the recipient.
    """
    for text in texts:
        rule = rules.whole.first(plain_words(text[:DIAGNOSTIC_LIMIT]), found.hosts)
        if rule is not None:
            return _verdict(rule, found, Confidence.HIGH)
    return None


def _is_denied(found: Evidence, rules: RuleBook) -> bool:
    """Whether the code names a cause that a mailbox which is gone can't have, whatever the words say."""
    code = rules.for_code(found.status)
    return code is not None and code.firm


def _weaker(rule: Rule) -> Confidence:
    return Confidence.MEDIUM if rule.bounce_class is BounceClass.HARD else Confidence.LOW


def is_telling(found: Evidence, rules: RuleBook) -> bool:
    """Whether the code says more than `refused`: a rule without a cause of its own then leaves it to the code."""
    return not is_vague(found.status) and rules.for_code(found.status) is not None


def outweighs(rule: Rule, found: Evidence) -> bool:
    """Whether a code that says more than `refused` says more than a weak rule too.

    `x.y.0` is `other or undefined` within its subject (RFC 3463 §3): no other cause than a mailbox that is gone.
    """
    return rule.bounce_class is not BounceClass.HARD or not (found.status or "").endswith(".0")


def _verdict(rule: Rule, found: Evidence, confidence: Confidence) -> Verdict:
    return Verdict(rule.class_for(is_temporary(found.status, found.reply)), rule.id, rule.reason, confidence)


def first_rule(text: str, hosts: str, rules: RuleBook, tier: int) -> Rule | None:
    """The rule that a text hits, if any."""
    plain = plain_words(text)
    tokens = set(plain.split())
    if tier == 3:
        return rules.body.first(plain, hosts, tokens) or rules.dsn.first(plain, hosts, tokens)
    rule = rules.dsn.first(plain, hosts, tokens)
    if rule is None or rule.weak:  # a refusal in another language, with accents or without
        return rules.body.first(plain, hosts, tokens) or rule
    return rule


def by_code(status: str | None, reply: str | None, rules: RuleBook) -> Verdict:
    """The class by code alone. A bare 5.x.x is internal: it says that the mail failed, not that the mailbox is gone."""
    rule = rules.for_code(status)
    if rule is not None:
        return Verdict(rule.class_for(False), rule.id, rule.reason, Confidence.MEDIUM)
    if is_temporary(status, reply):
        return Verdict(BounceClass.SOFT, "code.temporary", "onhold", Confidence.LOW)
    reason = "onhold" if status or reply else "undefined"
    return Verdict(BounceClass.INTERNAL, "code.undefined", reason, Confidence.LOW)
