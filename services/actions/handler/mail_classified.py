"""Handles `mail.classified`: reads findings and what they may be tied to, decides, and writes it all in one unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.actions.core.blast_guard import GuardPolicy
from services.actions.core.consequences import Effect, MailConsequence, Policy, RecipientConsequence, consequences
from services.actions.core.replies import Entry
from services.actions.core.tying import Answers
from services.actions.handler import replies
from services.actions.handler.guarding import BlastGuard, hard_bounce
from services.actions.handler.rows import log_row
from services.actions.handler.telling import tell_askers
from shared.contracts.events import MailClassified
from shared.domain.bounces import BounceClass, MailFinding, Reference
from shared.domain.sent_mail import SentMail
from shared.domain.watchers import Watcher
from shared.messaging.received import Received
from shared.messaging.unit import Unit
from shared.storage import bounce_log, customers, holds, mailboxes, sent_mail, serving, suppressions
from shared.storage.bounce_log import BounceRow
from shared.storage.database import Connection, Database
from shared.storage.serving import ClassifiedMail
from shared.telemetry import BOUNCES_LOGGED, log


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of a whole batch. mails: by id, only those that stand at `classified`."""

    mails: Mapping[int, ClassifiedMail] = field(default_factory=dict)
    watchers: Mapping[int, Sequence[Watcher]] = field(default_factory=dict)
    answers: Mapping[int, Answers] = field(default_factory=dict)
    policy: Policy = field(default_factory=lambda: Policy(timedelta(days=90), global_blacklist=False))
    soft_threshold: int = 0
    guard: GuardPolicy = field(default_factory=GuardPolicy)
    replies: replies.ReplyFacts = field(default_factory=replies.ReplyFacts)


@dataclass(frozen=True, slots=True)
class Decided:
    """A mail, what follows from it for bounces and for monitors, and the thresholds that were in force."""

    mail: ClassifiedMail
    result: MailConsequence
    soft_threshold: int
    guard: GuardPolicy
    replies: tuple[Entry, ...] = ()


Outcome = Decided | None
"""None: nothing to do (any more)."""


RowKey = tuple[str, str, str, str]


class MailClassifiedHandler:
    """One batch of `mail.classified` becomes one transaction."""

    message = MailClassified
    consumer = "actions.mail_classified"

    def __init__(self, database: Database, *, soft_window: timedelta) -> None:
        self.database = database
        self.soft_window = soft_window
        self._blast_guard = BlastGuard()

    def read(self, messages: Sequence[Received[MailClassified]]) -> Facts:
        """The findings, the mailboxes' watchers, and the sent mails that the findings' ids name."""
        with self.database.transaction() as connection:
            mails = serving.classified(connection, [message.body.mail_id for message in messages])
            switches = customers.switches(connection)
            answers = answers_of(connection, [(mail.mail_id, mail.finding) for mail in mails])
            return Facts(
                mails={mail.mail_id: mail for mail in mails},
                watchers=mailboxes.watchers(connection, sorted({mail.mailbox_id for mail in mails})),
                answers=answers,
                policy=Policy(timedelta(days=switches.match_within_days), switches.global_blacklist),
                soft_threshold=switches.soft_bounces_to_blacklist,
                guard=GuardPolicy(
                    switches.hold_after_hard_bounces,
                    timedelta(minutes=switches.hold_within_minutes),
                    switches.hold_times_weekly_rate,
                ),
                replies=replies.read(connection, mails, answers),
            )

    def decide(self, message: Received[MailClassified], facts: Facts) -> Outcome:
        """What follows from one mail."""
        mail = facts.mails.get(message.body.mail_id)
        if mail is None:
            return None
        answers = facts.answers.get(mail.mail_id, {})
        decided = consequences(
            mail.finding,
            facts.watchers.get(mail.mailbox_id, ()),
            answers,
            facts.policy,
            folder=mail.folder,
            received_at=mail.received_at,
            listed_at=mail.listed_at,
        )
        entries = replies.decide(mail, facts.replies, answers) if replies.is_monitored(mail) else ()
        return Decided(mail, decided, facts.soft_threshold, facts.guard, entries)

    def write(self, unit: Unit, outcomes: Sequence[tuple[Received[MailClassified], Outcome]]) -> None:
        """Log rows first: their keys say which effects are new. Then the effects, then the mails are served."""
        decided = [outcome for _, outcome in outcomes if outcome is not None]
        if not decided:
            return
        rows = _one_of_each_key(decided)
        written = bounce_log.write(unit.connection, [row for row, _, _ in rows])
        everywhere = {row.key for row, recipient, _ in rows if recipient.everywhere}
        arrived = {row.key: one.mail.received_at or one.mail.listed_at for row, _, one in rows}
        new = [(row, written[row.key]) for row, _, _ in rows if row.key in written]
        held = self._hold(unit.connection, new, everywhere, arrived, decided[0].guard)
        tell_askers(unit, new)
        self._apply(
            unit.connection,
            [(row, bounce_id) for row, bounce_id in new if bounce_id not in held],
            everywhere,
            max(one.soft_threshold for one in decided),
        )
        came = replies.write(unit, [(one.mail, one.replies) for one in decided if one.replies])
        served = [_served(one, came.get(one.mail.mail_id, ())) for one in decided]
        serving.serve(unit.connection, served)
        tidy = [one.mail.mailbox_id for one, end in zip(decided, served, strict=True) if end.disposal != "leave"]
        if tidy:
            mailboxes.due_early(unit.connection, tidy)
        for row, bounce_id in new:
            effect = Effect.HELD if bounce_id in held else row.effect
            BOUNCES_LOGGED.labels(row.finding.bounce_class, effect).inc()
        log.info("mails.served", mails=len(decided), bounces=len(new), held=len(held), tidy=len(tidy))

    def _hold(
        self,
        connection: Connection,
        new: Sequence[tuple[BounceRow, int]],
        everywhere: set[RowKey],
        arrived: Mapping[RowKey, datetime],
        policy: GuardPolicy,
    ) -> set[int]:
        """Ids of the new rows that the blast guard holds."""
        hard = {bounce_id: row for row, bounce_id in new if row.effect == Effect.BLACKLISTED}
        bounces = [
            hard_bounce(bounce_id, row.finding, row.recipient, arrived[row.key]) for bounce_id, row in hard.items()
        ]
        held = self._blast_guard.held(connection, bounces, policy)
        if held:
            holds.hold(connection, [(one, held[one], hard[one].key in everywhere) for one in sorted(held)])
        return set(held)

    def _apply(
        self,
        connection: Connection,
        new: Sequence[tuple[BounceRow, int]],
        everywhere: set[RowKey],
        soft_threshold: int,
    ) -> None:
        """The effects of log rows that are new or changed; a second delivery has none."""
        blacklistings = [
            _blacklisting(row, bounce_id, "hard_bounce", everywhere=row.key in everywhere)
            for row, bounce_id in new
            if row.effect == Effect.BLACKLISTED
        ]
        if soft_threshold > 0:
            blacklistings += self._too_many_soft(connection, new, soft_threshold)
        suppressions.blacklist(connection, blacklistings)
        suppressions.unsubscribe(
            connection,
            [
                suppressions.Unsubscribing(row.customer_id, row.recipient, row.list_id, bounce_id)
                for row, bounce_id in new
                if row.effect == Effect.UNSUBSCRIBED and row.customer_id is not None
            ],
        )

    def _too_many_soft(
        self, connection: Connection, new: Sequence[tuple[BounceRow, int]], threshold: int
    ) -> list[suppressions.Blacklisting]:
        soft = {
            (row.customer_id, row.recipient): (row, bounce_id)
            for row, bounce_id in new
            if row.effect == Effect.LOGGED
            and row.finding.bounce_class is BounceClass.SOFT
            and row.customer_id is not None
        }
        over = bounce_log.over_soft_threshold(connection, list(soft), threshold, self.soft_window) if soft else []
        return [_blacklisting(*soft[pair], "soft_bounces", everywhere=False) for pair in over]


def _served(one: Decided, came: Sequence[Entry]) -> serving.Served:
    """How the mail ends. Mail that monitors read and had something to say of is kept for its log's readers."""
    disposal, move_to = replies.disposal(one.mail, (one.result.disposal, one.result.move_to), came)
    return serving.Served(one.mail.mail_id, disposal, move_to, one.result.keep_raw or bool(came))


def _one_of_each_key(decided: Sequence[Decided]) -> list[tuple[BounceRow, RecipientConsequence, Decided]]:
    """The rows of a batch. Two links to one mailbox may bring the same report at once: the one that ties it is the row."""
    rows: dict[RowKey, tuple[BounceRow, RecipientConsequence, Decided]] = {}
    for one in decided:
        for recipient in one.result.recipients:
            row = log_row(one.mail, recipient)
            if row.key not in rows or (row.matched_by is not None and rows[row.key][0].matched_by is None):
                rows[row.key] = (row, recipient, one)
    return list(rows.values())


def _blacklisting(row: BounceRow, bounce_id: int, source: str, *, everywhere: bool) -> suppressions.Blacklisting:
    assert row.customer_id is not None  # only a tied row has an effect
    reason = row.finding.diagnostic or row.finding.reason
    return suppressions.Blacklisting(row.customer_id, row.recipient, source, reason, bounce_id, everywhere)


def answers_of(connection: Connection, mails: Sequence[tuple[int, MailFinding]]) -> dict[int, Answers]:
    """For each mail, the mails of ours that its ids name. mails: (mail id, finding)."""
    questions = [
        sent_mail.Question(mail_id, reference.source, reference.value)
        for mail_id, finding in mails
        if finding.bounce_class is not BounceClass.NONE or (finding.reply and finding.reply.matched)
        for reference in finding.references
    ]
    found: dict[int, dict[Reference, list[SentMail]]] = {}
    for mail_id, source, value, sent in sent_mail.find(connection, questions):
        found.setdefault(mail_id, {}).setdefault(Reference(source, value), []).append(sent)
    return dict(found)
