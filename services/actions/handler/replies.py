"""What monitors made of replies: reads who may be meant, and carries out what their conditions say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.actions.core.replies import Entry, disposal_after, entries
from services.actions.core.tying import Answers
from shared.domain.bounces import BounceClass
from shared.domain.identifying import People
from shared.domain.mailboxes import Disposal, keeps_most
from shared.domain.watchers import MonitorWatch
from shared.messaging.cancelled_sends import tell_cancelled
from shared.messaging.unit import Unit
from shared.storage import monitor_effects, monitor_log, monitors
from shared.storage.database import Connection
from shared.storage.send_cancels import Cancelled
from shared.storage.serving import ClassifiedMail
from shared.storage.subscribers import people_for
from shared.telemetry import MONITOR_ACTIONS, log


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """Monitors by mailbox, and who may be meant by the batch's replies."""

    watches: Mapping[int, Sequence[MonitorWatch]] = field(default_factory=dict)
    people: People = field(default_factory=People)


def is_monitored(mail: ClassifiedMail) -> bool:
    """Whether a monitor has something to say of this mail."""
    return mail.finding.reply is not None


def read(connection: Connection, mails: Sequence[ClassifiedMail], answers: Mapping[int, Answers]) -> ReplyFacts:
    """One query for the monitors, and three for the people; none for a batch without replies."""
    monitored = [mail for mail in mails if mail.finding.reply is not None]
    if not monitored:
        return ReplyFacts()
    matched = [mail for mail in monitored if mail.finding.reply is not None and mail.finding.reply.matched]
    people = people_for(
        connection,
        [mail.finding.reply for mail in matched if mail.finding.reply is not None],
        [answers.get(mail.mail_id, {}) for mail in monitored],
    )
    return ReplyFacts(monitors.watching(connection, sorted({mail.mailbox_id for mail in monitored})), people)


def decide(mail: ClassifiedMail, facts: ReplyFacts, answers: Answers) -> tuple[Entry, ...]:
    """The rows that follow from one mail."""
    return tuple(entries(mail.finding, facts.watches.get(mail.mailbox_id, ()), answers, facts.people))


def write(unit: Unit, decided: Sequence[tuple[ClassifiedMail, Sequence[Entry]]]) -> dict[int, list[Entry]]:
    """Enters the log rows and carries the new ones out, subscribers in the order of their ids. What came of them, by mail.

    Askers are told of sends that are cancelled with it.
    """
    rows = [(mail, entry) for mail, found in decided for entry in found]
    rows.sort(key=lambda pair: (pair[1].person.subscriber_id if pair[1].person else 0, pair[0].mail_id))
    came: dict[int, list[Entry]] = {}
    for mail, entry in rows:
        came.setdefault(mail.mail_id, []).append(_one(unit, mail, entry))
    return came


def _one(unit: Unit, mail: ClassifiedMail, entry: Entry) -> Entry:
    log_id = monitor_log.enter(unit.connection, [_log_row(mail, entry)])[0]
    if log_id is None:
        return entry  # a second delivery: all of it is done
    if entry.effect == "done" and entry.person is not None and entry.found.condition is not None:
        effect = monitor_effects.carry_out(
            unit.connection,
            log_id,
            entry.person.subscriber_id,
            entry.found.condition,
            global_blacklist=entry.watch.global_blacklist,
        )
        monitor_log.settle(unit.connection, log_id, effect.effect, effect.detail, effect.before, effect.after)
        _tell_of(unit, log_id, effect.cancelled)
        entry = replace(entry, effect=effect.effect, detail=effect.detail)
    action = entry.found.condition.action.value if entry.found.condition else ""
    MONITOR_ACTIONS.labels(action, entry.effect).inc()
    return entry


def _tell_of(unit: Unit, log_id: int, cancelled: Sequence[Cancelled]) -> None:
    if cancelled:
        tell_cancelled(unit, cancelled)
        log.info("sends.cancelled", sends=len(cancelled), action=log_id, reason=cancelled[0].reason)


def _log_row(mail: ClassifiedMail, entry: Entry) -> monitor_log.LogRow:
    reply = mail.finding.reply
    assert reply is not None  # an entry comes of one
    return monitor_log.LogRow(
        mail_id=mail.mail_id,
        monitor_id=entry.watch.monitor_id,
        monitor_name=entry.watch.name,
        owner_id=entry.watch.customer_id,
        customer_id=entry.person.customer_id if entry.person else entry.watch.customer_id,
        sender=reply.sender,
        condition=entry.found.condition,
        matched_text=entry.found.matched_text,
        identified_by=entry.identified_by,
        subscriber_id=entry.person.subscriber_id if entry.person else None,
        subscriber_email=entry.person.email if entry.person else "",
        effect=entry.effect,
        detail=entry.detail,
    )


def disposal(
    mail: ClassifiedMail, bounces: tuple[Disposal, str | None], came: Sequence[Entry]
) -> tuple[Disposal, str | None]:
    """What is done with a mail that monitors read. bounces: what the bounce servers wish, who have no wish for mail of people."""
    wish = disposal_after(came)
    if mail.finding.bounce_class is BounceClass.NONE or not came:
        return wish if came else bounces
    chosen = keeps_most((wish[0], bounces[0]))
    return wish if chosen is wish[0] else bounces
