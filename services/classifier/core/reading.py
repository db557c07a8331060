"""One mail's bytes to one finding: the three tiers in order, the first that decides wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.classifier.core.complaints import read_complaint
from services.classifier.core.notices import Notice, NoticeOf, is_null_path
from services.classifier.core.other_mail import kind_of
from services.classifier.core.reports import STATUS_KINDS, Outcome, read_notice_report, read_report
from services.classifier.core.rule_book import RuleBook
from services.classifier.core.ses_notifications import read_ses_notification
from shared.domain.bounces import BounceClass, MailFinding, MailKind, worst
from shared.mail import message_ids
from shared.mail.headers import Headers, words
from shared.mail.mime import Caps, Mail, Part, parse

__all__ = ["Caps", "classify"]

_ANSWERS = frozenset({MailKind.HUMAN, MailKind.AUTO_REPLY})  # what they answer tells monitors who wrote
BODY_LIMIT = 65_536  # characters of a quoted returned mail that are searched for ids


def classify(raw: bytes, rules: RuleBook, caps: Caps = Caps()) -> MailFinding:
    """What a mail is.

    Takes any bytes and never raises: what can't be decided is `none`, and `unreadable` if nothing could be read.

    The rules' version is in the finding; `truncated` and `note` tell of a cap that was reached.
    """
    try:
        return _Reading(parse(raw, caps), rules, caps).finding()
    except Exception as error:  # noqa: BLE001 - one mail must not stop the others; it is left for people
        note = f"could not be read: {type(error).__name__}"
        return MailFinding(BounceClass.NONE, MailKind.UNREADABLE, rules.version, note=note)


@dataclass(slots=True)
class _Reading:
    mail: Mail
    rules: RuleBook
    caps: Caps

    def finding(self) -> MailFinding:
        root = self.mail.root
        parts = list(root.walk())
        if any(part.kind in STATUS_KINDS and len(part.body) > self.caps.text_bytes for part in parts):
            self.mail.truncated = True
            self.mail.note = self.mail.note or f"report part cut at {self.caps.text_bytes} bytes"
        returned = [message_ids.returned_headers(part) for part in parts if part.kind in message_ids.RETURNED_KINDS][:5]
        complaint = read_complaint(root, parts, returned, self.rules, self.caps) or read_ses_notification(
            root, self.rules, self.caps
        )
        if complaint is not None:
            return self._made(complaint, returned, lambda: Notice(""))
        machine = self._is_machine(root)
        if not (machine or returned or root.kind == "multipart/report" or self._is_list_server(root)):
            return self._other(root, parts)  # no sign of a report (see report_sign), so its text need not be read
        notice = NoticeOf(root, self.rules, self.caps)
        outcome = read_report(root, parts, notice, returned, machine, self.rules, self.caps)
        if outcome is None:
            outcome = read_notice_report(root, notice, returned, self.rules)
        if outcome is not None:
            return self._made(outcome, returned, notice)
        return self._other(root, parts)

    def _is_machine(self, root: Part) -> bool:
        headers = root.headers
        automatic = headers.get("auto-submitted").lower().startswith("auto-")
        if automatic or is_null_path(headers) or "x-failed-recipients" in headers:
            return True
        sender = words(headers.get("from")).lower()[:300]
        return not sender.strip() or bool(self.rules.signs.sender.search(sender))

    def _is_list_server(self, root: Part) -> bool:
        return bool(self.rules.signs.list_server.search(words(root.headers.get("from")).lower()[:300]))

    def _made(self, outcome: Outcome, returned: list[Headers], notice: Callable[[], Notice]) -> MailFinding:
        bounce_class = worst(tuple(one.bounce_class for one in outcome.recipients))
        leading = next((one for one in outcome.recipients if one.bounce_class is bounce_class), None)
        named = any("message-id" in headers for headers in returned)
        body = "" if named else f"{notice().text}\n{notice().rest}"[:BODY_LIMIT]
        return MailFinding(
            bounce_class,
            outcome.kind,
            self.rules.version,
            tier=outcome.tier if bounce_class is not BounceClass.NONE else None,
            rule=leading.rule if leading else None,
            recipients=outcome.recipients,
            references=message_ids.find(self.mail.root.headers, returned, outcome.reports, body),
            feedback_type=outcome.feedback_type,
            message_id=message_ids.normalise(self.mail.root.headers.get("message-id")) or None,
            truncated=self.mail.truncated,
            note=self.mail.note,
        )

    def _other(self, root: Part, parts: list[Part]) -> MailFinding:
        kind, note = kind_of(root, parts)
        return MailFinding(
            BounceClass.NONE,
            kind,
            self.rules.version,
            references=message_ids.find(root.headers, (), (), "") if kind in _ANSWERS else (),
            message_id=message_ids.normalise(root.headers.get("message-id")) or None,
            truncated=self.mail.truncated,
            note=self.mail.note or note,
        )
