"""Handles `mail.classified`: reads findings and what they may be tied to, decides, and writes it all in one unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from services.actions.core.consequences import Effect, MailConsequence, Policy, RecipientConsequence, consequences
from services.actions.core.tying import Answers, Tie
from shared.contracts.events import MailClassified
from shared.domain.bounces import BounceClass, Reference
from shared.domain.sent_mail import SentMail
from shared.domain.watchers import Watcher
from shared.messaging.received import Received
from shared.messaging.unit import Unit
from shared.storage import bounce_log, customers, mailboxes, sent_mail, serving, suppressions
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


Outcome = tuple[ClassifiedMail, MailConsequence, int] | None
"""A mail, what follows from it, and the soft threshold that was in force; None: nothing to do (any more)."""


class MailClassifiedHandler:
    """One batch of `mail.classified` becomes one transaction."""

    message = MailClassified
    consumer = "actions.mail_classified"

    def __init__(self, database: Database, *, soft_window: timedelta) -> None:
        self.database = database
        self.soft_window = soft_window

    def read(self, messages: Sequence[Received[MailClassified]]) -> Facts:
        """The findings, the mailboxes' watchers, and the sent mails that the findings' ids name."""
        with self.database.transaction() as connection:
            mails = serving.classified(connection, [message.body.mail_id for message in messages])
            switches = customers.switches(connection)
            return Facts(
                mails={mail.mail_id: mail for mail in mails},
                watchers=mailboxes.watchers(connection, sorted({mail.mailbox_id for mail in mails})),
                answers=_answers(connection, mails),
                policy=Policy(timedelta(days=switches.match_within_days), switches.global_blacklist),
                soft_threshold=switches.soft_bounces_to_blacklist,
            )

    def decide(self, message: Received[MailClassified], facts: Facts) -> Outcome:
        """What follows from one mail."""
        mail = facts.mails.get(message.body.mail_id)
        if mail is None:
            return None
        decided = consequences(
            mail.finding,
            facts.watchers.get(mail.mailbox_id, ()),
            facts.answers.get(mail.mail_id, {}),
            facts.policy,
            folder=mail.folder,
            received_at=mail.received_at,
            listed_at=mail.listed_at,
        )
        return mail, decided, facts.soft_threshold

    def write(self, unit: Unit, outcomes: Sequence[tuple[Received[MailClassified], Outcome]]) -> None:
        """Log rows first: their keys say which effects are new. Then the effects, then the mails are served."""
        decided = [outcome for _, outcome in outcomes if outcome is not None]
        if not decided:
            return
        rows = [_row(mail, mail_rows) for mail, result, _ in decided for mail_rows in result.recipients]
        written = bounce_log.write(unit.connection, rows)
        everywhere = {
            _row(mail, recipient).key
            for mail, result, _ in decided
            for recipient in result.recipients
            if recipient.everywhere
        }
        new = [(row, written[row.key]) for row in rows if row.key in written]
        self._apply(unit.connection, new, everywhere, max(threshold for _, _, threshold in decided))
        serving.serve(
            unit.connection,
            [
                serving.Served(mail.mail_id, result.disposal, result.move_to, result.keep_raw)
                for mail, result, _ in decided
            ],
        )
        tidy = [mail.mailbox_id for mail, result, _ in decided if result.disposal != "leave"]
        if tidy:
            mailboxes.due_early(unit.connection, tidy)
        for row, _ in new:
            BOUNCES_LOGGED.labels(row.finding.bounce_class, row.effect).inc()
        log.info("mails.served", mails=len(decided), bounces=len(new), tidy=len(tidy))

    def _apply(
        self,
        connection: Connection,
        new: Sequence[tuple[BounceRow, int]],
        everywhere: set[tuple[str, str, str, str]],
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


def _blacklisting(row: BounceRow, bounce_id: int, source: str, *, everywhere: bool) -> suppressions.Blacklisting:
    assert row.customer_id is not None  # only a tied row has an effect
    reason = row.finding.diagnostic or row.finding.reason
    return suppressions.Blacklisting(row.customer_id, row.recipient, source, reason, bounce_id, everywhere)


def _row(mail: ClassifiedMail, recipient: RecipientConsequence) -> BounceRow:
    tied = recipient.tie if isinstance(recipient.tie, Tie) else None
    return BounceRow(
        mail_id=mail.mail_id,
        provider=mail.provider.value,
        mailbox=mail.mailbox,
        provider_mail_id=mail.provider_mail_id,
        finding=recipient.finding,
        rule_set=mail.finding.rule_set,
        recipient=tied.recipient.address if tied else recipient.finding.address,
        reference_values=tuple(reference.value for reference in mail.finding.references),
        effect=recipient.effect.value,
        sent_mail_id=tied.sent_mail.sent_mail_id if tied else None,
        customer_id=tied.sent_mail.customer_id if tied else None,
        campaign_id=tied.sent_mail.campaign_id if tied else None,
        list_id=tied.sent_mail.list_id if tied else None,
        subscriber_id=tied.recipient.subscriber_id if tied else None,
        matched_by=tied.source if tied else None,
        unmatched_reason=None if isinstance(recipient.tie, Tie) else recipient.tie.why,
    )


def _answers(connection: Connection, mails: Sequence[ClassifiedMail]) -> dict[int, Answers]:
    questions = [
        sent_mail.Question(mail.mail_id, reference.source, reference.value)
        for mail in mails
        if mail.finding.bounce_class is not BounceClass.NONE
        for reference in mail.finding.references
    ]
    found: dict[int, dict[Reference, list[SentMail]]] = {}
    for mail_id, source, value, sent in sent_mail.find(connection, questions):
        found.setdefault(mail_id, {}).setdefault(Reference(source, value), []).append(sent)
    return dict(found)
