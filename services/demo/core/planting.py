"""The plan of a demo: customers, mailboxes, sent mail, and a mail of each kind again and again, from one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.bounces import BounceClass

# Kind of mail, how many of a hundred, and what the classifier must say. In the simulator's words (its core.composing).
KINDS: tuple[tuple[str, int, BounceClass], ...] = (
    ("hard", 14, BounceClass.HARD),
    ("hard_exchange", 6, BounceClass.HARD),
    ("hard_gmail", 6, BounceClass.HARD),
    ("no_domain", 4, BounceClass.HARD),
    ("soft", 8, BounceClass.SOFT),
    ("full_mailbox", 8, BounceClass.SOFT),
    ("delay", 5, BounceClass.SOFT),
    ("policy_block", 8, BounceClass.INTERNAL),
    ("complaint", 8, BounceClass.FEEDBACK_LOOP),
    ("redacted_complaint", 4, BounceClass.FEEDBACK_LOOP),
    ("auto_reply", 8, BounceClass.NONE),
    ("multi_recipient", 4, BounceClass.HARD),
    ("forged_report", 4, BounceClass.HARD),
    ("human", 10, BounceClass.NONE),
    ("broken_mime", 3, BounceClass.NONE),
)
_OTHERS_IN_MULTI = 3


@dataclass(frozen=True, slots=True)
class PlannedMailbox:
    """A mailbox that is watched. `key`: name of the API key; `own_key`: whether it is the customer's."""

    provider: str
    address: str
    customer: str
    key: str
    disposal: str
    move_to: str | None = None


MAILBOXES = (
    PlannedMailbox("microsoft", "bounces@acme.example", "acme", "acme-microsoft", "trash"),
    PlannedMailbox("microsoft", "returns@acme.example", "acme", "acme-microsoft", "move", "Processed"),
    PlannedMailbox("google", "news@acme.example", "acme", "system-google", "trash"),
    PlannedMailbox("google", "bounces@birch.example", "birch", "birch-google", "delete"),
    PlannedMailbox("google", "mail@birch.example", "birch", "birch-google", "mark_read"),
    PlannedMailbox("microsoft", "post@birch.example", "birch", "system-microsoft", "delete"),
)


@dataclass(frozen=True, slots=True)
class PlannedMail:
    """A mail to be planted, and the sent mail that it is about.

    recipients: whom the mail was sent to, the first of them first in the report. token: hex, unique.
    failed: the recipients that a report names as failed, or the person that complained.
    """

    number: int
    kind: str
    mailbox: PlannedMailbox
    bounce_class: BounceClass
    message_id: str
    reference: str
    recipients: tuple[str, ...]
    failed: tuple[str, ...]
    token: str
    shape: str
    folder: str
    sent_at: datetime

    @property
    def is_tied(self) -> bool:
        """Whether it must be tied to what was sent."""
        return self.kind != "forged_report" and self.bounce_class is not BounceClass.NONE

    @property
    def is_report(self) -> bool:
        """Whether it is a bounce or a complaint, and so tidied away."""
        return self.bounce_class is not BounceClass.NONE


def plan(seed: int, count: int, now: datetime, mailboxes: Sequence[PlannedMailbox] = MAILBOXES) -> list[PlannedMail]:
    """`count` mails over all `mailboxes`; the same seed gives the same mails. Every kind comes up at least once."""
    order = _order(seed, count)
    return [_mail(seed, number, KINDS[kind], now, mailboxes) for number, kind in enumerate(order)]


def _order(seed: int, count: int) -> list[int]:
    """Kinds in about the proportions of the table, in an order that the seed decides; few mails still hold every kind."""
    hundred = [index for index, (_, share, _) in enumerate(KINDS) for _ in range(share)]
    drawn = [hundred[int(_hash(seed, "kind", n)[:8], 16) % len(hundred)] for n in range(count)]
    kinds = (list(range(len(KINDS))) + drawn)[:count]
    return [kind for _, kind in sorted((_hash(seed, "order", n), kind) for n, kind in enumerate(kinds))]


def _mail(
    seed: int, number: int, kind: tuple[str, int, BounceClass], now: datetime, mailboxes: Sequence[PlannedMailbox]
) -> PlannedMail:
    name, _, bounce_class = kind
    token = _hash(seed, "mail", number)[:24]
    mailbox = mailboxes[int(token[:6], 16) % len(mailboxes)]
    count = 1 + (_OTHERS_IN_MULTI if name == "multi_recipient" else 0)
    recipients = tuple(f"reader{number}x{n}@{_domain(token, n)}" for n in range(count))
    return PlannedMail(
        number=number,
        kind=name,
        mailbox=mailbox,
        bounce_class=bounce_class,
        message_id=f"{token}@mail.{mailbox.customer}.example",
        reference=_hash(seed, "reference", number)[:32],
        recipients=recipients,
        failed=recipients[: 1 + (_OTHERS_IN_MULTI + 1) // 2] if name == "multi_recipient" else recipients[:1],
        token=token,
        shape=_shape(mailbox.provider, name, token),
        folder="junk" if int(token[6:8], 16) % 10 == 0 else "inbox",
        sent_at=now - timedelta(minutes=30 + number % 600),
    )


def _domain(token: str, n: int) -> str:
    return ("example.com", "example.net", "example.org")[(int(token[8:10], 16) + n) % 3]


def _shape(provider: str, kind: str, token: str) -> str:
    """Reports look as the mailbox's own provider writes them, some as another server does."""
    shapes: Sequence[str] = ("exchange", "postfix") if provider == "microsoft" else ("gmail", "postfix")
    if kind == "hard" and provider == "google" and int(token[12:14], 16) % 4 == 0:
        return "gmail_legacy"
    return shapes[int(token[10:12], 16) % 3 == 0]


def _hash(seed: int, *parts: object) -> str:
    return hashlib.sha256(repr((seed, *parts)).encode()).hexdigest()
