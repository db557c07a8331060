"""Handles `mail.fetched`: opens the stored mails of a batch, has them read within a limit, stores what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from services.classifier.core.own_rules import Source
from services.classifier.handler.own_rules import OwnRulesWatch
from services.classifier.handler.replies import MonitoredReplies
from services.classifier.handler.watched import WatchedClassifier
from shared.contracts.events import MailClassified, MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.domain.mailboxes import MailId, Stage
from shared.messaging.received import Received
from shared.messaging.unit import Unit
from shared.storage import fetched_mail
from shared.storage.database import Connection, Database
from shared.storage.fetched_mail import RawRow
from shared.storage.sealing import SealBroken, Sealer
from shared.telemetry import MAILS_CLASSIFIED, log

Facts = Mapping[MailId, MailFinding]
"""The findings of the batch's mails that stand at `fetched`, by mail id."""


class MailFetchedHandler:
    """One batch of `mail.fetched` becomes one transaction."""

    message = MailFetched
    consumer = "classifier.mail_fetched"

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        classifier: WatchedClassifier,
        rule_set: str,
        replies: MonitoredReplies | None = None,
    ) -> None:
        """rule_set: version of the rules, for mails that could not even be opened. replies: None where nobody monitors."""
        self._replies = replies
        self._database = database
        self._sealer = sealer
        self._classifier = classifier
        self._rule_set = rule_set
        self._own: OwnRulesWatch | None = None

    def follow(self, rules_file: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        """From now on operators' own rules count too: those of a file (None: no file), then those of the database.

        Raises SystemExit if they can't be used: mails are not to be read without rules that somebody counts on.
        """
        self._own = OwnRulesWatch(self._use, rules_file, clock)
        with self._database.transaction() as connection:
            self._own.refresh(connection, strict=True)

    def _use(self, own: tuple[Source, ...], version: str) -> None:
        self._classifier.use(own)
        self._rule_set = version

    def read(self, messages: Sequence[Received[MailFetched]]) -> Facts:
        """Loads, opens and classifies; no transaction is open while mails are read."""
        with self._database.transaction() as connection:
            if self._own is not None:
                self._own.refresh(connection)
            rows = fetched_mail.raws(connection, [message.body.mail_id for message in messages])
        return self.classify([row for row in rows if row.stage is Stage.FETCHED], monitored=True)

    def rules_of_now(self, connection: Connection) -> None:
        """Looks for newer rules at once: a replay must not run with those of some seconds ago."""
        if self._own is not None:
            self._own.refresh(connection, at_once=True)

    def classify(self, rows: Sequence[RawRow], *, monitored: bool = False) -> dict[MailId, MailFinding]:
        """Opens the stored mails and has them read; one that can't be opened is unreadable, and its finding says why.

        monitored: replies are read for the monitors of their mailboxes as well.
        """
        findings: dict[MailId, MailFinding] = {}
        readable: list[tuple[RawRow, bytes]] = []
        for row in rows:
            try:
                readable.append((row, self._open(row)))
            except SealBroken as broken:
                log.error("mail.unopened", mail_id=row.mail_id, error=str(broken))
                findings[row.mail_id] = self._unreadable(str(broken))
        found = self._classifier.classify_many([raw for _, raw in readable])
        read = {row.mail_id: finding for (row, _), finding in zip(readable, found, strict=True)}
        if monitored and self._replies is not None:
            read = self._replies.add(readable, read)
        return findings | read

    def decide(self, message: Received[MailFetched], facts: Facts) -> MailFinding | None:
        """None: the mail is past this stage already."""
        return facts.get(MailId(message.body.mail_id))

    def write(self, unit: Unit, outcomes: Sequence[tuple[Received[MailFetched], MailFinding | None]]) -> None:
        """Findings and stages in one statement, and one message for each mail that moved."""
        found = [(message.body.mail_id, finding) for message, finding in outcomes if finding is not None]
        if not found:
            return
        now = datetime.fromtimestamp(time.time(), UTC)
        causes = {message.body.mail_id: message.message_id for message, _ in outcomes}
        for mail in fetched_mail.store_findings(unit.connection, found):
            unit.publish(
                MailClassified(mail_id=mail.mail_id),
                message_id=mail_message_id(MailClassified.type, mail.mail_id, mail.generation),
                correlation_id=mail.correlation_id,
                causation_id=causes[mail.mail_id],
                occurred_at=now,
            )
        for _, finding in found:
            MAILS_CLASSIFIED.labels(finding.bounce_class, str(finding.tier or 0)).inc()
        log.info("mails.classified", mails=len(found))

    def _open(self, row: RawRow) -> bytes:
        if row.sealed is None:
            raise SealBroken("the raw copy is gone: its retention time is over")
        return self._sealer.open_mail(row.sealed, row.mail_id)

    def _unreadable(self, why: str) -> MailFinding:
        return MailFinding(BounceClass.NONE, MailKind.UNREADABLE, self._rule_set, note=why)
