"""What the rule lab tells of one mail: how the text was found, each condition's outcome, and why nothing was tried."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.classifier.core.conditions import ConditionOutcome, Decision, Verdict, decide
from services.classifier.core.replying import ReadReply
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.domain.monitor_words import condition_text
from shared.domain.watchers import MonitorWatch


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

    sent_known: whether the text of the mail that it answers is known, and was taken out.
    """

    name: str
    kind: MailKind
    read: ReadReply
    decision: Decision
    not_tried: str = ""
    sent_known: bool = False
    found_by: str | None = None
    prospects: tuple[Prospect, ...] = field(default=())

    @property
    def winner(self) -> ConditionOutcome | None:
        """The outcome of the condition that matched first."""
        return None if self.decision.winner is None else self.decision.outcomes[self.decision.winner]


def try_conditions(watch: MonitorWatch, found: ReadReply) -> Decision:
    """Every condition on a mail's text, subject and sender, as the classifier would."""
    return decide(watch.conditions, found.answer)


def why_not_tried(watch: MonitorWatch, finding: MailFinding) -> str:
    """Why a monitor leaves a mail alone whatever its conditions say; '' if it does not (A168)."""
    if finding.kind is MailKind.UNREADABLE:
        return "it can't be read"
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
