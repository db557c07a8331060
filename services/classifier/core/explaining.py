"""Why a mail is what it is: the tiers walked, the rule that decided and what it hit, and the rules that nearly did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.classifier.core.bounces import Judged, is_telling, outweighs
from services.classifier.core.notices import Notice, read_notice, report_sign
from services.classifier.core.patterns import plain_words
from services.classifier.core.reading import Caps, classify
from services.classifier.core.reports import STATUS_KINDS
from services.classifier.core.rule_book import RuleBook
from services.classifier.core.text_rules import Hit
from shared.domain.bounces import BounceClass, MailFinding, MailKind, RecipientFinding
from shared.mail import message_ids
from shared.mail.mime import parse

FOLLOWS = {
    BounceClass.HARD: "blacklisted, if it is tied to a mail that was sent to this recipient",
    BounceClass.SOFT: "logged; blacklisted only after as many soft bounces as the settings say (0: never)",
    BounceClass.INTERNAL: "logged; says nothing about the mailbox",
    BounceClass.FEEDBACK_LOOP: "unsubscribed, if it is tied to a mail that was sent to this recipient",
    BounceClass.NONE: "nothing",
}
MOST_NEAR = 6  # rules that nearly decided, per recipient


@dataclass(frozen=True, slots=True)
class Near:
    """A rule that matched as well, and why it did not decide."""

    rule: str
    bounce_class: BounceClass
    words: str
    why_not: str


@dataclass(frozen=True, slots=True)
class RecipientStory:
    """One recipient: its finding, what the deciding rule hit (None: no text did), in which text, and who came near."""

    finding: RecipientFinding
    hit: Hit | None
    text: str
    near: tuple[Near, ...]

    @property
    def follows(self) -> str:
        """What would follow, were it tied to a mail that was sent."""
        return FOLLOWS[self.finding.bounce_class]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding, the tiers walked as sentences, and a story for each recipient."""

    finding: MailFinding
    tiers: tuple[str, ...]
    recipients: tuple[RecipientStory, ...]


def explain(raw: bytes, rules: RuleBook, caps: Caps = Caps()) -> Explanation:
    """Classifies as the service does, and tells how. Never raises, like `classify`."""
    trace: list[Judged] = []
    finding = classify(raw, replace(rules, trace=trace), caps)
    tiers = tuple(_tiers(raw, finding, rules, caps)) if finding.kind is not MailKind.UNREADABLE else (finding.note,)
    stories = tuple(_story(one, trace, rules) for one in finding.recipients)
    return Explanation(finding, tiers, stories)


def _tiers(raw: bytes, finding: MailFinding, rules: RuleBook, caps: Caps) -> Iterator[str]:
    root = parse(raw, caps).root
    parts = list(root.walk())
    if finding.feedback_type is not None:
        counts = "a complaint" if finding.kind is MailKind.COMPLAINT else "no complaint: nobody is unsubscribed"
        yield f"tier 1 decides: a feedback report of type {finding.feedback_type}, {counts}"
        return
    yield "tier 1: no feedback report"
    status_parts = sum(part.kind in STATUS_KINDS for part in parts)
    if finding.kind is MailKind.DSN and any(one.tier == 2 for one in finding.recipients):
        yield f"tier 2 decides: {status_parts} report part(s) with {len(finding.recipients)} recipient(s)"
        return
    yield "tier 2: " + (
        "a report part that a person passed on, or without a recipient" if status_parts else "no report part"
    )
    notice = read_notice(root, rules, caps)
    returned = any(part.kind in message_ids.RETURNED_KINDS for part in parts)
    sign = report_sign(root.headers, notice, returned, rules)
    if finding.kind is MailKind.DSN:
        yield f"tier 3 decides: a notice, known by {sign}"
        return
    yield "tier 3: " + _no_notice(sign, notice, finding)
    yield f"so it is no bounce: {finding.kind.value.replace('_', ' ')}"


def _no_notice(sign: str, notice: Notice, finding: MailFinding) -> str:
    if not sign:
        return "no sign of a machine's failure notice in sender, subject and opening"
    if finding.kind is MailKind.OTHER_REPORT:
        return "a report of another kind"
    return f"looks like a notice ({sign}), but names no recipient" if notice.text else f"known by {sign}, but empty"


def _story(one: RecipientFinding, trace: list[Judged], rules: RuleBook) -> RecipientStory:
    judged = next((each for each in trace if _is_of(each, one)), None)
    if judged is None:
        return RecipientStory(one, None, "", ())
    every = [(hit, text) for text in judged.found.texts for hit in _hits(text, judged, rules)]
    deciding = next(((hit, text) for hit, text in every if hit.rule.id == judged.verdict.rule), None)
    near: dict[str, Near] = {}
    if one.rule != judged.verdict.rule:  # what the rules made of the words, had it been final
        verdict = judged.verdict
        words = deciding[0].words if deciding else one.status or ""
        near[verdict.rule] = Near(verdict.rule, verdict.bounce_class, words, "it is delayed, so nothing is final yet")
        deciding = None
    for hit, _ in every:
        if hit.rule.id != judged.verdict.rule:
            near.setdefault(hit.rule.id, _near(hit, judged, rules, passed=deciding is not None))
    code = rules.for_code(judged.found.status)
    if code is not None and code.id != judged.verdict.rule:
        why = "text is asked before codes"
        near.setdefault(code.id, Near(code.id, code.bounce_class, judged.found.status or "", why))
    rest = tuple(near.values())[:MOST_NEAR]
    if deciding is None:
        return RecipientStory(one, None, judged.found.texts[0] if judged.found.texts else "", rest)
    return RecipientStory(one, deciding[0], deciding[1], rest)


def _is_of(judged: Judged, one: RecipientFinding) -> bool:
    first = judged.found.texts[0] if judged.found.texts else None
    return (
        judged.verdict.reason == one.reason and (first or None) == one.diagnostic and judged.found.status == one.status
    )


def _hits(text: str, judged: Judged, rules: RuleBook) -> Iterator[Hit]:
    """Every rule that a text hits, in the order in which they are asked."""
    plain, hosts = plain_words(text), judged.found.hosts
    for own in rules.before:
        hit = own.hit(text, plain, hosts)
        if hit is not None:
            yield hit
    ours = (rules.whole, rules.body, rules.dsn) if judged.tier == 3 else (rules.dsn, rules.body)
    for one in ours:
        yield from one.hits(plain, hosts)
    for own in rules.after:
        hit = own.hit(text, plain, hosts)
        if hit is not None:
            yield hit


def _firm(rules: RuleBook) -> set[str]:
    return {rule.id for rule in rules.codes.values() if rule.firm}


def _near(hit: Hit, judged: Judged, rules: RuleBook, passed: bool) -> Near:
    if hit.rule.weak and is_telling(judged.found, rules) and outweighs(hit.rule, judged.found):
        why = f"says that it was refused, not why; the code {judged.found.status} says more"
    elif hit.rule.class_for(False) is BounceClass.HARD and judged.verdict.rule in _firm(rules):
        why = f"the code {judged.found.status} says another cause, which is the harmless side"
    elif passed:
        why = "comes later, or in a text that is asked later"
    else:
        why = "stands in words around the reply, which its code outweighs"
    return Near(hit.rule.id, hit.rule.class_for(False), hit.words, why)
