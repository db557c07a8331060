"""What the rule lab tells of one mail: how the text was found, each condition's outcome, and why nothing was tried."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.classifier.core.conditions import Answer, ConditionOutcome, Decision, Verdict, decide
from services.classifier.core.replying import ReadReply, read
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.domain.monitor_words import condition_text
from shared.domain.monitors import Condition
from shared.domain.watchers import MonitorWatch
from shared.mail.replies import Outcome, Reply


@dataclass(frozen=True, slots=True)
class Prospect:
    """One subscriber whom the mail is about. would: what would happen; nothing is done."""

    email: str
    list: str
    customer: str
    status: str
    would: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One mail in the lab. not_tried: why the monitor would not look at it, '' if it would. found_by: how the subscriber was found.

    sent_known: whether the text of the mail that it answers is known, and was taken out. rule: what says that it is a report; '' if it is none.
    """

    name: str
    kind: MailKind
    read: ReadReply
    decision: Decision
    not_tried: str = ""
    sent_known: bool = False
    found_by: str | None = None
    prospects: tuple[Prospect, ...] = field(default=())
    rule: str = ""

    @property
    def winner(self) -> ConditionOutcome | None:
        """The outcome of the condition that matched first."""
        return None if self.decision.winner is None else self.decision.outcomes[self.decision.winner]


@dataclass(frozen=True, slots=True)
class TrialJob:
    """What a child is given: a mail, the conditions to try, the text of the mail that it answers ('': not known), customers' links."""

    raw: bytes
    conditions: tuple[Condition, ...]
    sent: str = ""
    tracking_urls: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a mail, and what every condition makes of it. why_not: why it could not be read, '' if it was."""

    read: ReadReply
    decision: Decision
    why_not: str = ""


def try_conditions(job: TrialJob) -> Reading:
    """Every condition on a mail's text, subject and sender, as the classifier would."""
    found = read(job.raw, job.sent, job.tracking_urls)
    return Reading(found, decide(job.conditions, found.answer))


def not_read(why: str) -> Reading:
    """What stands for a mail that could not be read: no text, and no condition tried."""
    nothing = ReadReply(Reply("", Outcome.UNREADABLE, note=why), Answer("", "", ""), ())
    return Reading(nothing, Decision((), None), why)


def why_not_tried(watch: MonitorWatch, finding: MailFinding) -> str:
    """Why a monitor leaves a mail alone whatever its conditions say; '' if it does not (A168)."""
    if finding.kind is MailKind.UNREADABLE:
        return "it can't be read" + (f" ({finding.note})" if finding.note else "")
    human = finding.kind is MailKind.HUMAN and finding.bounce_class is BounceClass.NONE
    if not human and watch.ignore_machine_mail:
        kind = "a report" if finding.bounce_class is not BounceClass.NONE else finding.kind.value.replace("_", " ")
        return f"it is no mail of a person ({kind}), and the monitor ignores machine mail"
    return ""


def outcome_text(position: int, outcome: ConditionOutcome) -> str:
    """`2. body contains 'stop' → unsubscribe: match “stop”`."""
    said = f"{outcome.verdict.value} “{outcome.matched}”" if outcome.verdict is Verdict.MATCH else outcome.verdict.value
    detail = f" ({outcome.detail})" if outcome.detail else ""
    return f"{position}. {condition_text(outcome.condition)}: {said}{detail}"
