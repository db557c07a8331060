"""Gmail's search box, the part that mail programs use: is:, in:, label:, after:, before:, rfc822msgid:, from:, …

Source: support.google.com/mail/answer/7190. Unknown words are looked for in subject and sender.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import getaddresses

from services.simulator.core.gmail_mailbox import GmailMailbox
from services.simulator.core.header_fields import field as header_field
from services.simulator.core.mailboxes import StoredMail

Test = Callable[[StoredMail], bool]
_TERM = re.compile(r'(-?)(?:(\w+):)?(?:"([^"]*)"|\(([^)]*)\)|(\S+))')
_PLACES = {"inbox": "INBOX", "spam": "SPAM", "trash": "TRASH", "sent": "SENT", "draft": "DRAFT", "drafts": "DRAFT"}
_STATES = {"unread": "UNREAD", "starred": "STARRED", "important": "IMPORTANT"}
_UNITS = {"h": 3600, "d": 86400, "m": 30 * 86400, "y": 365 * 86400}


@dataclass(slots=True)
class Search:
    """A compiled query: labels that must all be there, further tests, and whether Spam and Trash are searched."""

    labels: set[str] = field(default_factory=set)
    tests: list[Test] = field(default_factory=list)
    with_spam_and_trash: bool = False

    def fits(self, mail: StoredMail) -> bool:
        return all(test(mail) for test in self.tests)


def parse_query(query: str, mailbox: GmailMailbox, now: float) -> Search:
    """q= → Search. A label that does not exist finds nothing, as Gmail does."""
    search = Search()
    for minus, name, quoted, grouped, plain in _TERM.findall(query):
        value = quoted or grouped or plain
        test = _test(name.lower(), value, mailbox, now)
        if minus:
            search.tests.append(_negated(test))
            continue
        label = _label(name.lower(), value, mailbox)
        if label is None:
            search.with_spam_and_trash |= name.lower() == "in" and value.lower() == "anywhere"
            search.tests.append(test)
        else:
            search.with_spam_and_trash |= label in ("SPAM", "TRASH")
            search.labels.add(label)
    return search


def _label(name: str, value: str, mailbox: GmailMailbox) -> str | None:
    if name == "in" and value.lower() in _PLACES:
        return _PLACES[value.lower()]
    if name == "is" and value.lower() in _STATES:
        return _STATES[value.lower()]
    if name in ("label", "in"):
        return mailbox.label_id(value)
    return None


def _test(name: str, value: str, mailbox: GmailMailbox, now: float) -> Test:
    wanted = value.lower()
    label = _label(name, value, mailbox)
    if label is not None:
        return lambda mail: label in mail.places
    match name:
        case "is":
            return lambda mail: wanted == "read" and "UNREAD" not in mail.places
        case "in":
            return lambda mail: wanted == "anywhere"
        case "label":
            return lambda mail: False
        case "after" | "newer":
            since = _moment(value)
            return lambda mail: mail.received >= since
        case "before" | "older":
            until = _moment(value)
            return lambda mail: mail.received < until
        case "newer_than" | "older_than":
            border = now - int(value[:-1]) * _UNITS[value[-1].lower()]
            newer = name == "newer_than"
            return lambda mail: (mail.received >= border) == newer
        case "rfc822msgid":
            bare = wanted.strip("<>")
            return lambda mail: mail.message_id.strip("<>").lower() == bare
        case "from":
            return lambda mail: wanted in " ".join(mail.sender).lower()
        case "to" | "deliveredto":
            return lambda mail: any(wanted in one.lower() for _, one in getaddresses([header_field(mail.raw, "To")]))
        case "subject":
            return lambda mail: wanted in mail.subject.lower()
        case _:
            return lambda mail: wanted in mail.subject.lower() or wanted in " ".join(mail.sender).lower()


def _moment(value: str) -> float:
    """Seconds since the epoch, or a day as 2026/11/21 or 2026-11-21 (midnight UTC)."""
    if value.isdigit():
        return float(value)
    year, month, day = (int(part) for part in re.split(r"[/-]", value))
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def _negated(test: Test) -> Test:
    return lambda mail: not test(mail)
