"""What a mail in a mailbox turned out to be: the classes of the set-up guide, §7, and the findings that carry them.

Only vocabulary lives here. How a class is found belongs to the classifier; what follows from it, to actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.monitors import ReplyFinding


class BounceClass(StrEnum):
    """The guide's four classes, and `none` for a mail that reports no failure and no complaint."""

    HARD = "hard"
    SOFT = "soft"
    INTERNAL = "internal"
    FEEDBACK_LOOP = "feedback_loop"
    NONE = "none"


class MailKind(StrEnum):
    """What sort of mail it is, whatever it reports. `unreadable`: nothing in it could be decided (why is in `note`)."""

    DSN = "dsn"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    OTHER_REPORT = "other_report"
    HUMAN = "human"
    UNREADABLE = "unreadable"


class ReferenceSource(StrEnum):
    """Where the id of the mail that bounced was read. In order of trust; the first that names a mail we sent wins."""

    REFERENCE_HEADER = "reference_header"
    RETURNED_MESSAGE_ID = "returned_message_id"
    X_ORIGINAL_MESSAGE_ID = "x_original_message_id"
    IN_REPLY_TO = "in_reply_to"
    REFERENCES = "references"
    BODY_MESSAGE_ID = "body_message_id"
    ENVELOPE_ADDRESS = "envelope_address"  # VERP or plus address: what stands behind the `+` of the bounced-to address


class Confidence(StrEnum):
    """How much a recipient's class rests on.

    high: a report's own field or a server's words, known to a rule. medium: a code alone, or a notice's prose.
    low: nothing said why, or only that the mail was refused.
    """

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Reference:
    """One id read from a report. `value`: a Message-ID without its angle brackets, or the value of our reference header."""

    source: ReferenceSource
    value: str


@dataclass(frozen=True, slots=True)
class RecipientFinding:
    """What a report says of one recipient.

    address: the address the mail was sent to (Original-Recipient where given, else Final-Recipient), lower case;
        empty for a redacted complaint.
    final_address: where it ended after forwarding, if that differs.
    action: RFC 3464 §2.3.3 (`failed`, `delayed`, `delivered`, `relayed`, `expanded`) or None.
    status: enhanced status code (RFC 3463) as reported, such as `5.1.1`; reply: SMTP reply code, such as `550`.
    reason: the field's word for the cause, such as `userunknown` or `mailboxfull`.
    confidence: None in findings that were stored before it was told.
    """

    address: str
    bounce_class: BounceClass
    tier: int
    rule: str
    reason: str
    final_address: str | None = None
    action: str | None = None
    status: str | None = None
    reply: str | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True, slots=True)
class MailFinding:
    """What one mail is: the worst class of its recipients, and one finding for each of them.

    tier: 1 feedback loop, 2 delivery report, 3 body rules; None when no tier decided (class `none`).
    rule_set: version of the rules that decided.
    references: ids of the mail that bounced, in order of trust (see ReferenceSource).
    truncated: the mail was over a cap, and was read as far as the cap.
    note: why a mail is unreadable or was cut; empty otherwise.
    reply: what the mailbox's monitors made of it; None where there are none, or the mail is none of theirs.
    """

    bounce_class: BounceClass
    kind: MailKind
    rule_set: str
    tier: int | None = None
    rule: str | None = None
    recipients: tuple[RecipientFinding, ...] = ()
    references: tuple[Reference, ...] = ()
    feedback_type: str | None = None
    message_id: str | None = None
    truncated: bool = False
    note: str = ""
    reply: ReplyFinding | None = None


# Worst first: what a report with several recipients counts as.
SEVERITY = (
    BounceClass.FEEDBACK_LOOP,
    BounceClass.HARD,
    BounceClass.SOFT,
    BounceClass.INTERNAL,
    BounceClass.NONE,
)


def worst(classes: tuple[BounceClass, ...]) -> BounceClass:
    """The class that a whole report counts as; `none` for no recipients."""
    return min(classes, key=SEVERITY.index, default=BounceClass.NONE)
