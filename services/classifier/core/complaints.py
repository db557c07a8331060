"""Tier 1: feedback loops. A complaint is known by its report part (RFC 5965) or, for JMRP, by sender and header."""

from __future__ import annotations

import re

from services.classifier.core.reports import Outcome
from services.classifier.core.rule_book import RuleBook
from shared.domain.bounces import BounceClass, Confidence, MailKind, RecipientFinding
from shared.mail.arf import FeedbackReport, is_apple_unsubscribe, is_jmrp, parse_feedback_report, plain_address
from shared.mail.headers import Headers
from shared.mail.mime import Caps, Part


def read_complaint(
    root: Part, parts: list[Part], returned: list[Headers], rules: RuleBook, caps: Caps
) -> Outcome | None:
    """The outcome of a feedback report, or None if the mail is none. Types that are no complaint have class `none`."""
    report = _report(root, parts, caps)
    if report is None and is_jmrp(root.headers, returned[0] if returned else None):
        report = FeedbackReport("jmrp", "", "")
    if report is None and is_apple_unsubscribe(root.headers):
        report = FeedbackReport("apple-unsubscribe", plain_address(root.headers.get("from")), "Apple Mail")
    if report is None:
        return None
    rule = rules.feedback.get(report.feedback_type)
    if rule is None or rule.bounce_class is BounceClass.NONE:
        return Outcome(1, MailKind.OTHER_REPORT, (), feedback_type=report.feedback_type)
    found = tuple(
        RecipientFinding(address, rule.bounce_class, 1, rule.id, rule.reason, confidence=Confidence.HIGH)
        for address in (_recipient(report, root, returned), *report.others)
    )
    return Outcome(1, MailKind.COMPLAINT, found, feedback_type=report.feedback_type)


def _report(root: Part, parts: list[Part], caps: Caps) -> FeedbackReport | None:
    for part in parts:
        if part.kind == "message/feedback-report":
            return parse_feedback_report(part.payload(caps.text_bytes)) if root.kind.startswith("multipart/") else None
    if root.params.get("report-type", "").lower() != "feedback-report":
        return None
    for part in parts:  # the part may be mislabelled
        payload = part.payload(caps.text_bytes)
        at = payload.lower().find(b"feedback-type:")
        if at >= 0:
            return parse_feedback_report(payload[at:])
    return FeedbackReport("unknown", "", "")


def _recipient(report: FeedbackReport, root: Part, returned: list[Headers]) -> str:
    """Whom the mail was sent to; empty if the provider redacted it everywhere."""
    if report.recipient:
        return report.recipient
    for headers in [*returned, root.headers]:
        address = plain_address(headers.get("x-hmxmroriginalrecipient"))
        if address:
            return address
    for headers in returned:
        value = headers.get("to")
        if value.count("@") == 1 and (address := plain_address(value)):
            return address
    return next(filter(None, map(_first_hop, returned)), "")


def _first_hop(returned: Headers) -> str:
    """For whom the first server took the mail, which later ones may have forwarded. Empty if none says so.

    Source: RFC 5321 §4.4, `for` of a Received field, which names a single recipient or nobody.
    """
    named = [found.group(1) for value in returned.all("received")[-_MOST_HOPS:] if (found := _FOR.search(value))]
    return plain_address(named[-1]) if named else ""


_MOST_HOPS = 20
_FOR = re.compile(r"\sfor\s{1,4}(<[^<>\s]{3,320}>)")
