"""`bounces reclassify`: sends mails whose raw copy is kept through the classifier again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.mailboxes import Stage
from shared.messaging.unit import Unit
from shared.storage import fetched_mail, overview, stories


@dataclass(frozen=True, slots=True)
class Reopened:
    """mails: ids that go through again. left_out: their raw copy is gone, or they are on their way already."""

    mails: tuple[int, ...]
    left_out: tuple[int, ...]


def reclassify(
    begin: Callable[[], AbstractContextManager[Unit]], mail_ids: Sequence[int], since: datetime | None
) -> Reopened:
    """Reopens the named mails, or all that were served since a time. Each gets a new message id, so no inbox knows it.

    An effect that stands is not taken back by it: new rules change the class in the log, and may add an effect.
    """
    with begin() as unit:
        now = overview.now(unit.connection)
        wanted = list(mail_ids) if since is None else stories.served_since(unit.connection, since)
        waiting = fetched_mail.reopen(unit.connection, wanted, Stage.FETCHED)
        for mail in waiting:
            unit.publish(
                MailFetched(mail_id=mail.mail_id),
                message_id=mail_message_id(MailFetched.type, mail.mail_id, mail.generation),
                correlation_id=mail.correlation_id,
                occurred_at=now,
            )
    again = tuple(sorted(mail.mail_id for mail in waiting))
    return Reopened(again, tuple(sorted(set(wanted) - set(again))))
