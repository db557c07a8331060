"""Tiers 2 and 3: delivery reports, by their report part (RFC 3464) or by the words of a notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.classifier.core.bounces import DIAGNOSTIC_LIMIT, Evidence, Verdict, before_recipient, evidence, judge
from services.classifier.core.notices import Notice, Quotes, addresses, is_null_path, is_report
from services.classifier.core.patterns import plain_words
from services.classifier.core.rule_book import RuleBook
from shared.domain.bounces import SEVERITY, BounceClass, Confidence, MailKind, RecipientFinding
from shared.mail.auto_replies import is_list_mail
from shared.mail.dsn import DeliveryStatus, RecipientStatus, address_of, parse_delivery_status
from shared.mail.headers import Headers, words
from shared.mail.mime import Caps, Part
from shared.mail.status_codes import is_vague

STATUS_KINDS = frozenset(("message/delivery-status", "message/global-delivery-status"))
_OTHER_REPORTS = frozenset(("disposition-notification", "tlsrpt", "feedback-report"))
SUCCESS = frozenset(("delivered", "relayed", "expanded"))


class Outcome(NamedTuple):
    """What a tier decided. reports: the per-message fields of its report parts, for the ids in them."""

    tier: int
    kind: MailKind
    recipients: tuple[RecipientFinding, ...]
    reports: tuple[Mapping[str, str], ...] = ()
    feedback_type: str | None = None


def read_report(
    root: Part,
    parts: list[Part],
    notice: Callable[[], Notice],
    returned: list[Headers],
    machine: bool,
    rules: RuleBook,
    caps: Caps,
) -> Outcome | None:
    """Tier 2. None if there is no delivery-status part with a recipient, or if a person passed one on.

    machine: a machine seems to have written the mail; only then a report part outside multipart/report counts.
    """
    if not machine and root.kind != "multipart/report":
        return None
    found = _statuses(root, parts, machine, rules, caps)
    groups = [(status, group) for status in found for group in status.recipients]
    if not groups:
        return None
    findings: dict[str, RecipientFinding] = {}
    quotes = Quotes(
        notice, [one for _, group in groups for one in (group.original, group.final) if one], several=len(groups) > 1
    )
    for status, group in groups:
        finding = _finding(status, group, root, quotes, returned, rules)
        known = findings.get(finding.address)
        if known is None or SEVERITY.index(finding.bounce_class) < SEVERITY.index(known.bounce_class):
            findings[finding.address] = finding
    messages = tuple(status.message for status in found) + tuple(group.fields for _, group in groups)
    return Outcome(2, MailKind.DSN, tuple(findings.values()), messages)


def _may_be_damaged(root: Part, rules: RuleBook) -> bool:
    """Whether fields outside a report part may be a report's own: a program that passes mail on quotes them too."""
    return (
        root.kind == "multipart/report"
        or is_null_path(root.headers)
        or "x-failed-recipients" in root.headers
        or rules.signs.sender.search(words(root.headers.get("from")).lower()[:300]) is not None
    )


def _statuses(root: Part, parts: list[Part], machine: bool, rules: RuleBook, caps: Caps) -> list[DeliveryStatus]:
    found = [parse_delivery_status(part.text(caps.text_bytes)) for part in parts if part.kind in STATUS_KINDS]
    if found or not (machine and _may_be_damaged(root, rules)):
        return found
    for part in parts:  # a damaged report: the fields stand in some other part
        if part.kind.startswith(("text/", "multipart/", "application/octet")) and not part.children:
            text = part.text(caps.text_bytes)
            at = text.lower().find("\nfinal-recipient:")
            if at >= 0:
                start = max(text.lower().rfind("\nreporting-mta:", 0, at), 0)
                return [parse_delivery_status(text[start : start + 20_000])]
    return []


def _finding(
    status: DeliveryStatus,
    group: RecipientStatus,
    root: Part,
    quotes: Quotes,
    returned: list[Headers],
    rules: RuleBook,
) -> RecipientFinding:
    address = group.original or group.final or _named(group, root, returned)
    hosts = f"{group.remote_mta} {status.message.get('reporting-mta', '').lower()} {group.diagnostic[:300].lower()}"
    found = evidence((group.diagnostic,), group.status, hosts)
    verdict = _verdict(group.action, found, rules)
    complete = found.reply and not is_vague(found.status) and verdict.confidence is Confidence.HIGH
    if not complete and _is_thin(group.diagnostic):
        found = evidence((group.diagnostic, *quotes.about(group.final or address)), group.status, hosts)
        verdict = _verdict(group.action, found, rules)
    if verdict.bounce_class is BounceClass.HARD and quotes.tells_command():
        verdict = before_recipient(quotes.about(group.final or address), found, rules) or verdict
    return RecipientFinding(
        address=address,
        bounce_class=verdict.bounce_class,
        tier=2,
        rule=verdict.rule,
        reason=verdict.reason,
        final_address=group.final if group.final and group.final != address else None,
        action=group.action,
        status=found.status,
        reply=found.reply,
        diagnostic=(found.texts[0] if found.texts else "")[:DIAGNOSTIC_LIMIT] or None,
        remote_mta=group.remote_mta or None,
        confidence=verdict.confidence,
    )


def _is_thin(diagnostic: str) -> bool:
    """A diagnostic that leaves the cause open, so that the notice has to be read too: little more than codes."""
    return sum(map(str.isalpha, diagnostic[:200])) < 60


def _verdict(action: str | None, found: Evidence, rules: RuleBook) -> Verdict:
    if action in SUCCESS:
        return Verdict(BounceClass.NONE, f"action.{action}", "delivered")
    if action is None and found.status and found.status[0] == "2":
        return Verdict(BounceClass.NONE, "action.delivered", "delivered")
    verdict = judge(found, rules, tier=2)
    if action == "delayed":
        return Verdict(BounceClass.SOFT, "action.delayed", verdict.reason)
    return verdict


def _named(group: RecipientStatus, root: Part, returned: list[Headers]) -> str:
    """The recipient of a group whose address fields are empty or internal."""
    for value in (
        group.diagnostic,
        root.headers.get("x-failed-recipients"),
        *(headers.get("to") for headers in returned[:1]),
    ):
        if value.count("@") == 1:
            address = address_of(value)
            if address:
                return address
    return ""


def read_notice_report(
    root: Part, reader: Callable[[], Notice], returned: list[Headers], rules: RuleBook
) -> Outcome | None:
    """Tier 3: a notice without a usable report part. None if the mail is no such notice."""
    headers = root.headers
    if root.params.get("report-type", "").lower() in _OTHER_REPORTS:
        return None
    notice = reader()
    if not is_report(headers, notice, bool(returned), rules) or (
        is_list_mail(headers) and "x-failed-recipients" not in headers
    ):
        return None
    named = addresses(headers, notice) or _from_returned([*returned, _quoted_headers(notice)])
    subject = words(headers.get("subject"))[:300]
    delayed = _is_delay(subject, notice, rules)
    if not named:
        return None
    quotes = Quotes(reader, named, several=len(named) > 1)
    return Outcome(3, MailKind.DSN, tuple(_noticed(address, quotes, delayed, rules) for address in named))


def _is_delay(subject: str, notice: Notice, rules: RuleBook) -> bool:
    return rules.delays.first(plain_words(subject + "\n" + notice.text[:2_000])) is not None


def _quoted_headers(notice: Notice) -> Headers:
    """The header of a returned mail that a notice quotes in its text, in no part of its own."""
    return Headers(notice.rest[:8_000].encode("utf-8", "replace"))


def _from_returned(returned: list[Headers]) -> list[str]:
    for headers in returned:
        value = headers.get("to")
        if value.count("@") == 1 and address_of(value):
            return [address_of(value)]
    return []


def _noticed(address: str, quotes: Quotes, delayed: bool, rules: RuleBook) -> RecipientFinding:
    found = evidence(quotes.about(address), None)
    verdict = judge(found, rules, tier=3)
    if delayed:
        verdict = Verdict(BounceClass.SOFT, "body.delayed", verdict.reason, Confidence.MEDIUM)
    return RecipientFinding(
        address=address,
        bounce_class=verdict.bounce_class,
        tier=3,
        rule=verdict.rule,
        reason=verdict.reason,
        action="delayed" if delayed else "failed",
        status=found.status,
        reply=found.reply,
        diagnostic=(found.texts[0] if found.texts else "")[:DIAGNOSTIC_LIMIT] or None,
        confidence=verdict.confidence,
    )
