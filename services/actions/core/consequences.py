"""From a finding to what follows (guide §7): hard blacklists, a complaint unsubscribes, soft and internal are logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from services.actions.core.tying import Answers, Tie, Untied, tie
from shared.domain.bounces import SEVERITY, BounceClass, MailFinding, MailKind, RecipientFinding
from shared.domain.mailboxes import Disposal, Folder, keeps_most
from shared.domain.watchers import Watcher


class Effect(StrEnum):
    """What a row of the bounce log led to. The values are the words of the table."""

    BLACKLISTED = "blacklisted"
    UNSUBSCRIBED = "unsubscribed"
    LOGGED = "logged"
    DRY_RUN = "dry_run"
    HELD = "held"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class RecipientConsequence:
    """One row of the bounce log: what was reported, what it was tied to or why not, and the effect.

    everywhere: the blacklisting is global (A126).
    """

    finding: RecipientFinding
    tie: Tie | Untied
    effect: Effect
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class MailConsequence:
    """What follows from one mail. keep_raw: False for mail that is nobody's business: only its ledger row stays."""

    recipients: tuple[RecipientConsequence, ...]
    disposal: Disposal
    move_to: str | None
    keep_raw: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings that decide. match_within: how long after the send a report counts. global_blacklist: A126's setting."""

    match_within: timedelta
    global_blacklist: bool


def consequences(
    finding: MailFinding,
    watchers: Sequence[Watcher],
    answers: Answers,
    policy: Policy,
    *,
    folder: Folder,
    received_at: datetime | None,
    listed_at: datetime,
) -> MailConsequence:
    """What follows from `finding` in a mailbox with these active watchers.

    A mail that reports nothing is left alone: not touched, not acted on, not kept. A report that no watcher is to see
    (it came before `only_mail_from`) is left alone as well.
    """
    seeing = watching(watchers, folder, received_at)
    if finding.bounce_class is BounceClass.NONE or not seeing:
        return MailConsequence((), Disposal.LEAVE, None, keep_raw=finding.kind is MailKind.UNREADABLE)
    rows = tuple(
        _for_recipient(finding, recipient, seeing, answers, policy, received_at or listed_at)
        for recipient in _one_each(finding.recipients)
    )
    disposal, move_to = _disposal(seeing)
    return MailConsequence(rows, disposal, move_to, keep_raw=True)


def watching(watchers: Sequence[Watcher], folder: Folder, received_at: datetime | None) -> list[Watcher]:
    """Those whose business a mail of that folder and time is."""
    return [w for w in watchers if w.sees(received_at) and (folder is Folder.INBOX or w.read_junk)]


def _one_each(recipients: Sequence[RecipientFinding]) -> list[RecipientFinding]:
    """The recipients that something is reported of: the worst of each address, since the log has one row for it."""
    worst_first = sorted(recipients, key=lambda recipient: SEVERITY.index(recipient.bounce_class))
    worst = {recipient.address: recipient for recipient in reversed(worst_first)}
    return [r for r in recipients if r.bounce_class is not BounceClass.NONE and worst[r.address] is r]


def _for_recipient(
    finding: MailFinding,
    recipient: RecipientFinding,
    watching: Sequence[Watcher],
    answers: Answers,
    policy: Policy,
    reported_at: datetime,
) -> RecipientConsequence:
    tied = tie(
        finding,
        recipient,
        answers,
        customers=_customers(watching),
        reported_at=reported_at,
        within=policy.match_within,
    )
    if isinstance(tied, Untied):
        return RecipientConsequence(recipient, tied, Effect.UNMATCHED)
    serving = [w for w in watching if w.serves(tied.sent_mail.customer_id)]
    if all(w.dry_run for w in serving):
        return RecipientConsequence(recipient, tied, Effect.DRY_RUN)
    everywhere = policy.global_blacklist or any(w.global_blacklist and not w.dry_run for w in serving)
    return RecipientConsequence(recipient, tied, effect_of(recipient.bounce_class), everywhere)


def effect_of(bounce_class: BounceClass) -> Effect:
    """What follows for a recipient who is tied to a mail of ours (guide §7)."""
    match bounce_class:
        case BounceClass.HARD:
            return Effect.BLACKLISTED
        case BounceClass.FEEDBACK_LOOP:
            return Effect.UNSUBSCRIBED
        case BounceClass.SOFT | BounceClass.INTERNAL | BounceClass.NONE:
            return Effect.LOGGED
        case _:
            assert_never(bounce_class)


def _customers(watching: Sequence[Watcher]) -> frozenset[int] | None:
    named = [w.customer_id for w in watching]
    return None if None in named else frozenset(customer for customer in named if customer is not None)


def _disposal(watching: Sequence[Watcher]) -> tuple[Disposal, str | None]:
    """The choice that keeps most; a dry run keeps everything."""
    choices = tuple(Disposal.LEAVE if w.dry_run else w.disposal for w in watching)
    chosen = keeps_most(choices)
    move_to = next((w.move_to for w in watching if chosen is Disposal.MOVE and w.disposal is Disposal.MOVE), None)
    return chosen, move_to
