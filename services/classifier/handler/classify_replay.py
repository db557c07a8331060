"""Handles `replay.classify`: reads the mails of one part of a replay with the rules of now, and stores what it found with the part."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from shared.contracts.commands import ClassifyReplay
from shared.contracts.events import ReplayClassified
from shared.contracts.naming import replay_message_id
from shared.domain.bounces import MailFinding
from shared.domain.mailboxes import MailId
from shared.messaging.received import Received
from shared.messaging.unit import Unit
from shared.storage import fetched_mail, replays
from shared.storage.database import Connection, Database
from shared.storage.fetched_mail import RawRow

Part = tuple[int, int]
Facts = Mapping[Part, Sequence[tuple[int, MailFinding]]]
"""Findings by run and part; a part that is further on is not there."""


class ClassifyReplayHandler:
    """One part becomes one transaction."""

    message = ClassifyReplay
    consumer = "classifier.classify_replay"

    def __init__(
        self,
        database: Database,
        rules_of_now: Callable[[Connection], None],
        classify: Callable[[Sequence[RawRow]], Mapping[MailId, MailFinding]],
    ) -> None:
        """rules_of_now: sees to it that the newest rules are in force. classify: opens and reads raw mails."""
        self._database = database
        self._rules_of_now = rules_of_now
        self._classify = classify

    def read(self, messages: Sequence[Received[ClassifyReplay]]) -> Facts:
        """Loads, opens and classifies; no transaction is open while mails are read."""
        raws: dict[Part, list[RawRow]] = {}
        with self._database.transaction() as connection:
            self._rules_of_now(connection)
            for one in messages:
                mail_ids = replays.asked(connection, one.body.run_id, one.body.part)
                if mail_ids:
                    raws[one.body.run_id, one.body.part] = fetched_mail.raws(connection, mail_ids)
        return {part: list(self._classify(rows).items()) for part, rows in raws.items()}

    def decide(self, message: Received[ClassifyReplay], facts: Facts) -> Sequence[tuple[int, MailFinding]] | None:
        """None: the part is past this stage already."""
        return facts.get((message.body.run_id, message.body.part))

    def write(
        self,
        unit: Unit,
        outcomes: Sequence[tuple[Received[ClassifyReplay], Sequence[tuple[int, MailFinding]] | None]],
    ) -> None:
        """The findings go into the part, and a message says so."""
        for message, found in outcomes:
            run_id, part = message.body.run_id, message.body.part
            if found is None or not replays.store_findings(unit.connection, run_id, part, found):
                continue
            unit.publish(
                ReplayClassified(run_id=run_id, part=part),
                message_id=replay_message_id(ReplayClassified.type, run_id, part),
                correlation_id=message.correlation_id,
                causation_id=message.message_id,
                occurred_at=datetime.fromtimestamp(time.time(), UTC),
            )
