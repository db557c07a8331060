"""The rule lab: what a monitor would make of mails. Reads what the services read, in their order, and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from services.classifier.core.laboratory import (
    Prospect,
    Reading,
    Trial,
    TrialJob,
    not_read,
    try_conditions,
    why_not_tried,
)
from services.classifier.core.own_rules import Source
from services.classifier.handler.replies import unread_note
from services.classifier.handler.watched import Watched, WatchedClassifier
from shared.domain.access import Feature, NotThere, Role
from shared.domain.bounces import MailFinding, Reference
from shared.domain.identifying import Answers, identify
from shared.domain.mailboxes import MailId
from shared.domain.monitor_words import change_text
from shared.domain.monitors import Condition, ReplyFinding
from shared.domain.sent_mail import SentMail
from shared.domain.watchers import MonitorWatch
from shared.storage import fetched_mail, monitor_effects, monitors, owned_servers, sent_mail, sent_texts, subscribers
from shared.storage.database import Connection
from shared.storage.sealing import SealBroken, Sealer

TRIER = "services.classifier.handler.laboratory:trier"


def trier(own: tuple[Source, ...] = ()) -> tuple[Callable[[TrialJob], Reading], str]:
    """What a child runs."""
    return try_conditions, "trials"


class WatchedTrials(Watched[TrialJob, Reading]):
    """Children that read replies and try conditions on them."""

    factory = TRIER

    def unfinished(self, version: str, note: str) -> Reading:
        return not_read(unread_note(note))


class Bench:
    """What reads the mails, each step in a child under the limit that the running classifier has.

    own: operators' rules, checked by the caller; they count as in the service. Use as a context manager.
    """

    def __init__(self, own: tuple[Source, ...], limit_seconds: float, trials: WatchedTrials | None = None) -> None:
        self.classifier = WatchedClassifier(limit_seconds=limit_seconds)
        self.classifier.use(own)
        self.trials = trials or WatchedTrials(limit_seconds=limit_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.classifier.close()
        self.trials.close()


@dataclass(frozen=True, slots=True)
class Lab:
    """A monitor on the bench. Nothing that is tried here is written."""

    connection: Connection
    sealer: Sealer
    bench: Bench
    watch: MonitorWatch
    mailbox_id: int

    def latest(self, count: int) -> Iterator[Trial]:
        """The mailbox's latest mails whose raw copy is kept, the latest first. One that does not open is passed over."""
        ids = fetched_mail.latest_with_raw(self.connection, self.mailbox_id, count)
        rows = {row.mail_id: row for row in fetched_mail.raws(self.connection, ids)}
        for mail_id in ids:
            row = rows.get(MailId(mail_id))
            if row is None or row.sealed is None:
                continue
            try:
                raw = self.sealer.open_mail(row.sealed, row.mail_id)
            except SealBroken:
                continue
            seen = self.watch.sees(row.folder, row.received_at)
            yield self.try_mail(
                f"mail {mail_id}", raw, "" if seen else "its folder or age is not this monitor's business"
            )

    def try_mail(self, name: str, raw: bytes, unseen: str = "") -> Trial:
        """One mail, from its bytes to what would happen. unseen: why the monitor does not see it where it lies."""
        [finding] = self.bench.classifier.classify_many([raw])
        values = [one.value for one in finding.references]
        texts = sent_texts.of(self.connection, self.sealer, values)
        sent = next((texts[value] for value in values if value in texts), "")
        job = TrialJob(raw, self.watch.conditions, sent, tuple(monitors.tracking_urls(self.connection)))
        [found] = self.bench.trials.read_many([job])
        not_tried = unseen or why_not_tried(self.watch, finding) or found.why_not
        rule = finding.rule or ""
        trial = Trial(name, finding.kind, found.read, found.decision, not_tried, bool(sent), rule=rule)
        if not_tried or trial.winner is None:
            return trial
        reply = ReplyFinding(found.read.answer.sender, found.read.subscriber_uids, ())
        by, prospects = self._identified(reply, finding, trial.winner.condition)
        return replace(trial, found_by=by, prospects=tuple(prospects))

    def _identified(
        self, reply: ReplyFinding, finding: MailFinding, condition: Condition
    ) -> tuple[str | None, list[Prospect]]:
        answers = self._answers(finding.references)
        people = subscribers.people_for(self.connection, [reply], [answers])
        by, persons = identify(self.watch, reply, finding.references, answers, people)
        shown = subscribers.shown(self.connection, [one.subscriber_id for one in persons])
        return by, [
            Prospect(*shown[one.subscriber_id], self._would(one.subscriber_id, condition, shown[one.subscriber_id][1]))
            for one in persons
        ]

    def _answers(self, references: Sequence[Reference]) -> Answers:
        questions = [sent_mail.Question(0, one.source, one.value) for one in references]
        found: dict[Reference, list[SentMail]] = {}
        for _, source, value, sent in sent_mail.find(self.connection, questions):
            found.setdefault(Reference(source, value), []).append(sent)
        return found

    def _would(self, subscriber_id: int, condition: Condition, on: str) -> str:
        effect = monitor_effects.would_do(
            self.connection, subscriber_id, condition, global_blacklist=self.watch.global_blacklist
        )
        if effect.effect != "done":
            return f"nothing: {effect.detail}"
        change = change_text(condition.action, effect.before or {}, effect.after or {}, on, subscriber_id)
        return f"nothing: dry run; else {change}" if self.watch.dry_run else change


def open_lab(
    connection: Connection, sealer: Sealer, bench: Bench, role: Role, name: str, *, stored: bool = False
) -> Lab:
    """The monitor of that name or uid, active or not. Raises NotThere.

    stored: the mailbox's mail is going to be looked at; a customer may do so only where its own key opens the mailbox, since
    another's replies may lie in the operator's.
    """
    [line] = owned_servers.lines(connection, role, Feature.MONITORS, [name])
    if stored and not role.is_operator and not line.key:
        raise NotThere("The mailbox is opened by the operator's key: test with files instead.")
    found = monitors.one(connection, line.server_id)
    if found is None:
        raise NotThere(f"Monitor {line.name} has no conditions.")
    return Lab(connection, sealer, bench, found[1], found[0])
