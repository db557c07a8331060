"""Compares what today's rules say of a mail with what the bounce log says: pure decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.actions.core.consequences import (
    Effect,
    Policy,
    RecipientConsequence,
    consequences,
    effect_of,
    watching,
)
from services.actions.core.tying import Answers
from shared.domain.bounces import BounceClass, MailFinding, MailKind, RecipientFinding
from shared.domain.mailboxes import Folder
from shared.domain.watchers import Watcher


class Skipped(StrEnum):
    """Why a mail is left as it is; the values are the words of the tables."""

    ON_ITS_WAY = "on_its_way"  # not served, or opened again meanwhile: it gets today's rules anyway
    UNREADABLE = "unreadable"  # could not be read this time: that says nothing about the bounce
    UNWATCHED = "unwatched"  # no active server looks at it now


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """A row of the log. customer_id: of the mail that it is tied to; None: unmatched."""

    bounce_id: int
    reported: str
    bounce_class: BounceClass
    rule: str
    reason: str
    effect: Effect
    customer_id: int | None


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of one row. row: None for a new one. consequence: None for a row that keeps its tie (or has none to be had).

    finding: None: the mail reports nothing of this recipient any more.
    """

    row: LoggedRow | None
    finding: RecipientFinding | None
    effect: Effect
    consequence: RecipientConsequence | None = None
    everywhere: bool = False


def replayed(
    finding: MailFinding,
    logged: Sequence[LoggedRow],
    watchers: Sequence[Watcher],
    answers: Answers,
    policy: Policy,
    *,
    folder: Folder,
    received_at: datetime | None,
    listed_at: datetime,
) -> list[RowChange] | Skipped:
    """The rows that differ by class, rule or reason, and the effect that each would have.

    A row that is tied keeps its tie: rules say what a mail reports, not about which mail. What was logged in a dry run or
    without effect by a person's decision keeps that, as long as its class stays.
    """
    if finding.kind is MailKind.UNREADABLE:
        return Skipped.UNREADABLE
    seeing = watching(watchers, folder, received_at)
    if not seeing:
        return Skipped.UNWATCHED
    today = consequences(
        finding, watchers, answers, policy, folder=folder, received_at=received_at, listed_at=listed_at
    )
    by_recipient = {one.finding.address: one for one in today.recipients}
    rows = {row.reported: row for row in logged}
    changes = [_of_row(row, by_recipient.get(row.reported), seeing, policy) for row in logged]
    changes += [
        RowChange(None, one.finding, one.effect, one, one.everywhere)
        for address, one in by_recipient.items()
        if address not in rows
    ]
    return [change for change in changes if change is not None]


def _of_row(
    row: LoggedRow, today: RecipientConsequence | None, seeing: Sequence[Watcher], policy: Policy
) -> RowChange | None:
    if today is None:
        if row.bounce_class is BounceClass.NONE:
            return None
        inert = row.effect in (Effect.DRY_RUN, Effect.UNMATCHED)
        return RowChange(row, None, row.effect if inert else Effect.LOGGED)
    said = today.finding
    if (said.bounce_class, said.rule, said.reason) == (row.bounce_class, row.rule, row.reason):
        return None
    if row.customer_id is None:
        return RowChange(row, said, today.effect, today, today.everywhere)
    everywhere = policy.global_blacklist or any(
        w.global_blacklist and not w.dry_run and w.serves(row.customer_id) for w in seeing
    )
    if said.bounce_class is row.bounce_class or row.effect is Effect.DRY_RUN:
        return RowChange(row, said, row.effect, None, everywhere)
    return RowChange(row, said, effect_of(said.bounce_class), None, everywhere)


def counted(outcomes: Mapping[int, object]) -> dict[str, int]:
    """How many mails were skipped, by reason."""
    found: dict[str, int] = {}
    for outcome in outcomes.values():
        if isinstance(outcome, Skipped):
            found[outcome.value] = found.get(outcome.value, 0) + 1
    return found
