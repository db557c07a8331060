"""Amazon SES events that SNS sends as mail: a JSON text instead of a report part.

Source: Amazon SES Developer Guide, "Amazon SNS notification contents for Amazon SES".
"""

from __future__ import annotations

import json
import re
from typing import Any

from services.classifier.core.bounces import evidence, judge
from services.classifier.core.reports import Outcome
from services.classifier.core.rule_book import RuleBook
from shared.domain.bounces import BounceClass, Confidence, MailKind, RecipientFinding
from shared.mail.dsn import address_of
from shared.mail.mime import Caps, Part


def read_ses_notification(root: Part, rules: RuleBook, caps: Caps) -> Outcome | None:
    """The outcome of a Bounce or Complaint event; Delivery is a success notice. None if the mail is no such event."""
    if root.kind != "text/plain" or "x-amz-sns-message-id" not in root.headers:
        return None
    event = _event(root.text(caps.text_bytes))
    kind = event.get("notificationType") or event.get("eventType")
    if kind == "Complaint":
        return _complaint(event, rules)
    if kind == "Bounce":
        found = tuple(_bounced(one, rules) for one in _recipients(event, "bounce", "bouncedRecipients"))
        return Outcome(2, MailKind.DSN, found, (_ids(event),)) if found else None
    return Outcome(2, MailKind.DSN, (), (_ids(event),)) if kind == "Delivery" else None


def _complaint(event: dict[str, Any], rules: RuleBook) -> Outcome:
    complaint = event.get("complaint")
    feedback = str(complaint.get("complaintFeedbackType") or "abuse") if isinstance(complaint, dict) else "abuse"
    rule = rules.feedback.get(feedback.lower())
    if rule is None or rule.bounce_class is BounceClass.NONE:
        return Outcome(1, MailKind.OTHER_REPORT, (), (_ids(event),), feedback)
    found = tuple(
        RecipientFinding(
            address_of(str(one.get("emailAddress", ""))),
            rule.bounce_class,
            1,
            rule.id,
            rule.reason,
            confidence=Confidence.HIGH,
        )
        for one in _recipients(event, "complaint", "complainedRecipients")
    )
    return Outcome(1, MailKind.COMPLAINT, found, (_ids(event),), feedback)


def _bounced(one: dict[str, Any], rules: RuleBook) -> RecipientFinding:
    found = evidence((str(one.get("diagnosticCode") or ""),), str(one.get("status") or "") or None)
    verdict = judge(found, rules, tier=2)
    return RecipientFinding(
        address_of(str(one.get("emailAddress", ""))),
        verdict.bounce_class,
        2,
        verdict.rule,
        verdict.reason,
        action="failed",
        status=found.status,
        reply=found.reply,
        diagnostic=found.texts[0] if found.texts else None,
        confidence=verdict.confidence,
    )


def _event(text: str) -> dict[str, Any]:
    text = text.replace("!\n ", "")  # how Sendmail breaks lines that are too long for SMTP
    start = text.find("{")
    if start < 0 or _NESTED.search(text):
        return {}
    try:
        event, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _recipients(event: dict[str, Any], part: str, name: str) -> list[dict[str, Any]]:
    holder = event.get(part)
    rows = holder.get(name) if isinstance(holder, dict) else None
    return [row for row in rows[:1_000] if isinstance(row, dict)] if isinstance(rows, list) else []


def _ids(event: dict[str, Any]) -> dict[str, str]:
    """The Message-ID that the sender gave, where the notification carries the headers."""
    mail = event.get("mail")
    common = mail.get("commonHeaders") if isinstance(mail, dict) else None
    value = common.get("messageId") if isinstance(common, dict) else None
    return {"x-original-message-id": value} if isinstance(value, str) else {}


_NESTED = re.compile(r"[\[{]{50}")
