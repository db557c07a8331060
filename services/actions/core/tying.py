"""Tying a report to a mail that we sent. Anyone can mail a forged report: what can't be tied acts on nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.bounces import BounceClass, MailFinding, RecipientFinding, Reference, ReferenceSource
from shared.domain.sent_mail import SentMail, SentRecipient

# A redacted complaint names no recipient, so only an id out of the returned mail itself may speak for it.
_SPEAKS_FOR_REDACTED = frozenset({ReferenceSource.REFERENCE_HEADER, ReferenceSource.RETURNED_MESSAGE_ID})

# Clocks differ: a report may carry a time that is a little earlier than the send it is about.
_CLOCK_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tie:
    """A recipient of a report, tied to the mail that we sent it."""

    sent_mail: SentMail
    recipient: SentRecipient
    source: ReferenceSource


@dataclass(frozen=True, slots=True)
class Untied:
    """Why a recipient could not be tied: no_reference, unknown_reference, recipient_mismatch, too_old, not_watched."""

    why: str


Answers = Mapping[Reference, Sequence[SentMail]]
"""For each id that the report quotes, the mails of ours that it names (of several customers, in rare cases)."""


def tie(
    finding: MailFinding,
    recipient: RecipientFinding,
    answers: Answers,
    *,
    customers: frozenset[int] | None,
    reported_at: datetime,
    within: timedelta,
) -> Tie | Untied:
    """The mail that `recipient`'s failure or complaint is about, or why there is none.

    The ids are tried in order of trust. customers: whose mail the mailbox's watchers may act on; None: everybody's.
    reported_at: when the report came, aware UTC. within: a report later than that after the send counts no more.
    """
    if not finding.references:
        return Untied("no_reference")
    reasons: list[str] = []
    for reference in finding.references:
        for sent in answers.get(reference, ()):
            met = _recipient_of(sent, recipient, reference)
            reason = _objection(sent, met, customers, reported_at, within)
            if met is not None and reason is None:
                return Tie(sent, met, reference.source)
            reasons.append(reason or "recipient_mismatch")
    return Untied(_most_telling(reasons))


def _recipient_of(sent: SentMail, recipient: RecipientFinding, reference: Reference) -> SentRecipient | None:
    if recipient.address:
        found = sent.recipient(recipient.address)
        return found or (sent.recipient(recipient.final_address) if recipient.final_address else None)
    # Only a complaint may keep its recipient to itself (A125): a bounce acts on nobody whom it does not name.
    redacted = recipient.bounce_class is BounceClass.FEEDBACK_LOOP and reference.source in _SPEAKS_FOR_REDACTED
    return sent.recipients[0] if redacted and len(sent.recipients) == 1 else None


def _objection(
    sent: SentMail,
    met: SentRecipient | None,
    customers: frozenset[int] | None,
    reported_at: datetime,
    within: timedelta,
) -> str | None:
    if met is None:
        return "recipient_mismatch"
    if customers is not None and sent.customer_id not in customers:
        return "not_watched"
    if not sent.sent_at - _CLOCK_SLACK <= reported_at <= sent.sent_at + within:
        return "too_old"
    return None


def _most_telling(reasons: Sequence[str]) -> str:
    """One reason for a person: the one that came closest to a tie."""
    return next(
        (why for why in ("too_old", "recipient_mismatch", "not_watched") if why in reasons), "unknown_reference"
    )
