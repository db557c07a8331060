"""What a mail of a person says to the monitors of its mailbox: the words that are theirs, and each monitor's first condition that fits."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr

from services.classifier.core.conditions import Answer, decide
from shared.domain.mailboxes import normalize_address
from shared.domain.monitors import Field, MonitorFinding, ReplyFinding, Verdict
from shared.domain.watchers import MonitorWatch
from shared.mail.headers import words
from shared.mail.mime import Caps, parse
from shared.mail.replies import Limits, Outcome, Reply, mail_texts, reply_in_texts
from shared.mail.tracking_links import subscriber_uids

_LONGEST_FROM = 1_000
_NOTES = {
    Outcome.EMPTY: "nothing of the person's own is left",
    Outcome.TOO_BIG: "the mail is over a limit",
    Outcome.UNREADABLE: "there is no text that could be read",
}


@dataclass(frozen=True, slots=True)
class ReplyJob:
    """One mail and who asks about it. sent: the text of the mail that it answers, '' if it is not known.

    tracking_urls: customers' own shapes of tracking links.
    """

    raw: bytes
    monitors: tuple[MonitorWatch, ...]
    sent: str = ""
    tracking_urls: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class ReadReply:
    """What was read of one mail, before any condition is tried."""

    reply: Reply
    answer: Answer
    subscriber_uids: tuple[str, ...]


def read(raw: bytes, sent: str = "", tracking_urls: tuple[str, ...] = ()) -> ReadReply:
    """The person's words, subject and sender, and what the quoted links say. Takes any bytes."""
    headers = parse(raw, Caps()).root.headers
    texts = mail_texts(raw, Limits())
    reply = reply_in_texts(texts, sent=sent)
    if reply.outcome is Outcome.FOUND or texts.plain.strip() or texts.html.strip():
        uids = subscriber_uids((texts.plain, texts.html), tracking_urls)
    else:
        uids = ()
    body = reply.text if reply.outcome is Outcome.FOUND else ""
    sender = normalize_address(parseaddr(headers.get("from")[:_LONGEST_FROM])[1])
    return ReadReply(reply, Answer(body, words(headers.get("subject")), sender), uids)


def judge(job: ReplyJob) -> ReplyFinding:
    """Each monitor's own result. A mail whose text is not found matches no condition on the body, and says so."""
    found = read(job.raw, job.sent, job.tracking_urls)
    return ReplyFinding(found.answer.sender, found.subscriber_uids, tuple(_one(watch, found) for watch in job.monitors))


def _one(watch: MonitorWatch, found: ReadReply) -> MonitorFinding:
    decision = decide(watch.conditions, found.answer)
    if decision.winner is not None:
        winner = decision.outcomes[decision.winner]
        return MonitorFinding(watch.monitor_id, Verdict.MATCHED, decision.winner + 1, winner.condition, winner.matched)
    outcome = found.reply.outcome
    if outcome is not Outcome.FOUND and any(one.field is Field.BODY for one in watch.conditions):
        return MonitorFinding(watch.monitor_id, Verdict.NO_TEXT, note=found.reply.note or _NOTES[outcome])
    return MonitorFinding(watch.monitor_id, Verdict.NO_MATCH)
