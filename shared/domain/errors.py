"""Failures. The type of an error is the policy: who raised it has said what happens next (messaging/retry.py is the table).

Temporary: may pass, try again later.       BrokerOrDatabaseDown: nothing to do with this message, stop and wait.
Permanent: will not pass by itself, record.  Anything else: a bug, a few tries and then a dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class ApiConnectError(Exception):
    """Any failure that the product knows."""


class Temporary(ApiConnectError):
    """May pass. `retry_after`: seconds that the other side asked for, None if it named none."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(Temporary):
    """The provider's limit was met. Says nothing about the key or the mailbox."""


class SendingLimitReached(Throttled):
    """The provider's limit for sending was met. Reading the mailbox is not concerned."""


class SendNotYet(Temporary):
    """A limit for sending is used up for now; nothing was sent. `until`: the next free moment, aware UTC."""

    def __init__(self, message: str, *, until: datetime, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.until = until


class ProviderUnavailable(Temporary):
    """A 5xx, a network fault, a time-out, or an answer that can't be read. Says nothing about the key or the mailbox."""


class OutcomeUnknown(ProviderUnavailable):
    """The request was sent and no answer came: the work may have been done. Look before repeating what is not repeatable."""


class SendOutcomeUnknown(ApiConnectError):
    """A mail was handed over and no answer came: it may have been sent. On purpose not Temporary: who repeats it unseen
    may send it twice.

    draft_id: of the draft that was being sent, None if there was none; its state may tell.
    """

    def __init__(self, message: str, *, draft_id: str | None = None) -> None:
        super().__init__(message)
        self.draft_id = draft_id


class LeaseLost(Temporary):
    """Another process holds this lease now; what was not yet written must not be."""


class BrokerOrDatabaseDown(ApiConnectError):
    """RabbitMQ or PostgreSQL does not answer. No attempt is counted."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A provider failure in a person's words.

    code: the provider's own code or reason, such as `AADSTS7000215`, `ErrorAccessDenied`, `insufficientPermissions`.
    cause, fix: one sentence each. link: the provider's page, may be empty.
    """

    code: str
    cause: str
    fix: str
    link: str = ""


class Permanent(ApiConnectError):
    """Will not pass until a person changes something. Carries what that person needs; `call` names the request that failed."""

    def __init__(self, message: str, diagnosis: Diagnosis, *, mailbox: str = "", call: str = "") -> None:
        super().__init__(message)
        self.diagnosis = diagnosis
        self.mailbox = mailbox
        self.call = call


class CredentialsRejected(Permanent):
    """The key itself is refused: wrong or expired secret, unknown application, bad signature, no delegation."""


class PermissionMissing(Permanent):
    """The key is good, but not for this: a permission, scope or consent is missing."""


class MailboxMissing(Permanent):
    """No such mailbox, or none that the API can open (unlicensed, suspended, on premises)."""


class PayloadRejected(Permanent):
    """What we sent is refused: too big, malformed, not allowed."""


class MailGone(ApiConnectError):
    """The mail is not in the mailbox any more. For a disposal that counts as done."""
