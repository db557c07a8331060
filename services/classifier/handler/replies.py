"""The second look at mail of people: for the monitors of its mailbox, with the text of the mail that it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from services.classifier.core.own_rules import Source
from services.classifier.core.replying import ReplyJob, judge
from services.classifier.handler.watched import Watched
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.domain.mailboxes import MailId
from shared.domain.monitors import MonitorFinding, ReplyFinding, Verdict
from shared.domain.watchers import MonitorWatch
from shared.storage import monitors, sent_texts
from shared.storage.database import Database
from shared.storage.fetched_mail import RawRow
from shared.storage.sealing import Sealer

READER = "services.classifier.handler.replies:reader"


def reader(own: tuple[Source, ...] = ()) -> tuple[Callable[[ReplyJob], ReplyFinding], str]:
    """What a child runs."""
    return judge, "replies"


class WatchedReplies(Watched[ReplyJob, ReplyFinding | str]):
    """Children that read replies. A text instead of a finding: why one could not be read."""

    factory = READER

    def unfinished(self, version: str, note: str) -> ReplyFinding | str:
        return unread_note(note)


class MonitoredReplies:
    """Adds to the findings of a batch what the monitors of their mailboxes make of them."""

    def __init__(self, database: Database, sealer: Sealer, children: WatchedReplies) -> None:
        self._database = database
        self._sealer = sealer
        self._children = children

    def add(
        self, mails: Sequence[tuple[RawRow, bytes]], findings: Mapping[MailId, MailFinding]
    ) -> dict[MailId, MailFinding]:
        """The findings, those of monitored mail with a `reply`. Most batches hold none, and cost one query."""
        people = [(row, raw) for row, raw in mails if _may_be_monitored(findings[row.mail_id])]
        if not people:
            return dict(findings)
        with self._database.transaction() as connection:
            watching = monitors.watching(connection, sorted({row.mailbox_id for row, _ in people}))
            jobs = {
                row.mail_id: ReplyJob(raw, watches)
                for row, raw in people
                if (watches := _concerned(watching.get(row.mailbox_id, ()), row, findings[row.mail_id]))
            }
            if not jobs:
                return dict(findings)
            tracking = tuple(monitors.tracking_urls(connection))
            named = {mail_id: [one.value for one in findings[mail_id].references] for mail_id in jobs}
            texts = sent_texts.of(connection, self._sealer, [value for values in named.values() for value in values])
        ready = {
            mail_id: replace(
                job, tracking_urls=tracking, sent=next((texts[v] for v in named[mail_id] if v in texts), "")
            )
            for mail_id, job in jobs.items()
        }
        read = self._children.read_many(list(ready.values()))
        found = {
            mail_id: replace(
                findings[mail_id], reply=_unread(ready[mail_id], reply) if isinstance(reply, str) else reply
            )
            for mail_id, reply in zip(ready, read, strict=True)
        }
        return {**findings, **found}

    def close(self) -> None:
        """Ends the children."""
        self._children.close()


def _may_be_monitored(finding: MailFinding) -> bool:
    return finding.kind is not MailKind.UNREADABLE


def _concerned(watches: Sequence[MonitorWatch], row: RawRow, finding: MailFinding) -> tuple[MonitorWatch, ...]:
    """Those that see the mail, and want machine mail if it is none of a person (A168). One that comes again is for who missed it."""
    human = finding.kind is MailKind.HUMAN and finding.bounce_class is BounceClass.NONE
    return tuple(
        watch
        for watch in watches
        if (row.again_for is None or watch.monitor_id in row.again_for)
        and (human or not watch.ignore_machine_mail)
        and watch.sees(row.folder, row.received_at)
    )


def unread_note(why: str) -> str:
    """The reason that the monitors' log and the rule lab give. why: `took longer than 2 s`, as the watchdog says it."""
    return f"the mail could not be read: it {why}"


def _unread(job: ReplyJob, note: str) -> ReplyFinding:
    """No monitor does anything about a mail that was not read in its time."""
    return ReplyFinding(
        "", (), tuple(MonitorFinding(watch.monitor_id, Verdict.NO_TEXT, note=note) for watch in job.monitors)
    )
