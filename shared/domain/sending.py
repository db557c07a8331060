"""Sends: their states, why they wait or end, what a provider tells of them, and the limits that they keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.domain.mailboxes import Provider


class SendState(StrEnum):
    """Where a send stands. The row is the truth; docs/adr/0008-sending.md has the picture."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    CLAIMED = "claimed"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


FINAL: Final = frozenset({SendState.SENT, SendState.FAILED, SendState.CANCELLED, SendState.REJECTED})
WAITING: Final = frozenset({SendState.ACCEPTED, SendState.DEFERRED})

# State -> the states that may follow. Anything else is a bug. Odd ones: `claimed` goes back when its lease ends; `unknown` goes
# on waiting (looked up again), or to `accepted` to be sent once more, or to `failed` when a person decides so.
FOLLOWS: Final[dict[SendState, frozenset[SendState]]] = {
    SendState.ACCEPTED: frozenset(
        {SendState.CLAIMED, SendState.DEFERRED, SendState.CANCELLED, SendState.FAILED, SendState.REJECTED}
    ),
    SendState.DEFERRED: frozenset(
        {SendState.CLAIMED, SendState.ACCEPTED, SendState.CANCELLED, SendState.FAILED, SendState.REJECTED}
    ),
    SendState.CLAIMED: frozenset(
        {
            SendState.SENDING,
            SendState.ACCEPTED,
            SendState.DEFERRED,
            SendState.CANCELLED,
            SendState.REJECTED,
            SendState.FAILED,
        }
    ),
    SendState.SENDING: frozenset({SendState.SENT, SendState.UNKNOWN, SendState.DEFERRED, SendState.FAILED}),
    SendState.UNKNOWN: frozenset({SendState.UNKNOWN, SendState.SENT, SendState.ACCEPTED, SendState.FAILED}),
    SendState.SENT: frozenset(),
    SendState.FAILED: frozenset(),
    SendState.CANCELLED: frozenset(),
    SendState.REJECTED: frozenset(),
}


class Reason(StrEnum):
    """Why a send was rejected, waits, or failed: the codes on the wire and in the tables."""

    # rejected
    INVALID = "invalid"  # a field does not fit; `field` names it
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"  # the key was used for another content
    UNKNOWN_CUSTOMER = "unknown_customer"
    NOT_YOURS = "not_yours"  # another customer's server, list, campaign or queue; said of what does not exist as well
    NO_DELIVERY_SERVER = "no_delivery_server"
    SUPPRESSED = "suppressed"
    TOO_LARGE = "too_large"
    TEMPLATE = "template"  # a merge field or tag can't be filled in
    HEADERS_NOT_KEPT = "headers_not_kept"  # the provider would drop a header that was asked for
    EXPIRED = "expired"
    # accepted, and not to be sent before its time
    NOT_BEFORE = "not_before"
    # deferred
    QUOTA = "quota"
    PROVIDER_LIMIT = "provider_limit"
    PAUSE = "pause"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    # deferred: held until somebody changes something; resumes by itself then
    SERVER_INACTIVE = "server_inactive"
    SERVER_LOCKED = "server_locked"
    NOT_CONNECTED = "not_connected"
    PROVIDER_DISABLED = "provider_disabled"
    EXTENSION_DISABLED = "extension_disabled"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    KEY_REFUSED = "key_refused"
    PERMISSION_MISSING = "permission_missing"
    # unknown
    NO_ANSWER = "no_answer"
    LEASE_ENDED = "lease_ended"  # a sender died between the call and its record
    CANNOT_LOOK = "cannot_look"  # the key may not read Sent Items: a person decides
    # failed
    REFUSED = "refused"  # the provider will not take it, as it is
    NOT_FOUND_AFTER_TRIES = "not_found_after_tries"
    GIVEN_UP = "given_up"  # by a person
    # cancelled
    BY_REQUEST = "by_request"
    CAMPAIGN_GROUP_STOPPED = "campaign_group_stopped"


HOLDS: Final = frozenset(
    {
        Reason.SERVER_INACTIVE,
        Reason.SERVER_LOCKED,
        Reason.NOT_CONNECTED,
        Reason.PROVIDER_DISABLED,
        Reason.EXTENSION_DISABLED,
        Reason.TYPE_NOT_ALLOWED,
        Reason.KEY_REFUSED,
        Reason.PERMISSION_MISSING,
    }
)


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` within any `length`. counts: mails, or the recipients of mails. why: what a send waits for then."""

    length: timedelta
    limit: int
    why: Reason
    counts: str = "mails"

    def __post_init__(self) -> None:
        if self.limit < 1 or self.counts not in ("mails", "recipients"):
            raise ValueError(f"not a window: {self}")


@dataclass(frozen=True, slots=True)
class Ids:
    """What names one sent mail. message_id, actual_message_id: without angle brackets; the second as the provider made it.

    provider_mail_id: Gmail's id, Graph's immutable id; None where the provider told none.
    """

    message_id: str
    reference: str
    actual_message_id: str | None = None
    provider_mail_id: str | None = None


DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SentIds:
    """What a provider told of a mail that it took; None where it told nothing.

    provider_mail_id: of the copy in Sent Items, one that lasts. thread_id: Graph's conversation, Gmail's thread.
    message_id: the Message-ID that the mail left with, without angle brackets; providers may put theirs in place of ours.
    sender_name: the name before the mailbox's own address in its From field.
    """

    provider_mail_id: str | None = None
    thread_id: str | None = None
    message_id: str | None = None
    sender_name: str | None = None


class DraftState(StrEnum):
    """Where a draft stands.

    draft: not sent, as far as the provider shows. sent: its copy is in Sent Items.
    gone: no draft any more and no sent copy seen: on its way, or somebody deleted it. Look again, or look for the mail.
    """

    DRAFT = "draft"
    SENT = "sent"
    GONE = "gone"


class MailForm(StrEnum):
    """How a mail is handed over. json: Graph only; the provider composes the mail, and takes few headers."""

    MIME = "mime"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class SendLimits:
    """What a provider lets one mailbox send, in windows that slide; None: no such limit.

    per_minute: mails in any 60 seconds. messages_per_day, recipients_per_day: in any 24 hours.
    recipients_per_mail: To, Cc and Bcc together.
    """

    per_minute: int | None = None
    messages_per_day: int | None = None
    recipients_per_day: int | None = None
    recipients_per_mail: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """A part of a window that is used up: `amount` at `at` (aware UTC). A ledger may sum up what lies close together,
    if `at` is then the latest."""

    at: datetime
    amount: int = 1


# What one mail may be at each provider, by server type. Recipients: To, Cc and Bcc together; a key's send_limits may name another number.
# Sources: Exchange Online limits ("Recipient limit", a mailbox's default) and outlook-large-attachments (each attachment); Gmail sending
# limits in Google Workspace, and Gmail's discovery document (users.messages.send, mediaUpload.maxSize: the whole mail).
RECIPIENTS_PER_MAIL: Final[Mapping[Provider, int]] = {Provider.MICROSOFT: 500, Provider.GOOGLE: 100}
LARGEST_ATTACHMENT_BYTES: Final[Mapping[Provider, int | None]] = {
    Provider.MICROSOFT: 150 * 1024 * 1024,
    Provider.GOOGLE: None,
}
LARGEST_MAIL_BYTES: Final[Mapping[Provider, int | None]] = {Provider.MICROSOFT: None, Provider.GOOGLE: 36_700_160}


def next_free(
    spent: Iterable[Spent], limit: int | None, window: timedelta, now: datetime, amount: int = 1
) -> datetime | None:
    """When `amount` more fit under `limit` in every window of that length: `now`, or later. None: never, it is too much.

    spent: in any order; what is older than the window does not matter. limit None: no limit.
    What was spent at t counts until t + window, and no longer.
    """
    if limit is None:
        return now
    if amount > limit:
        return None
    still = sorted((one for one in spent if one.at + window > now), key=lambda one: one.at)
    over = sum(one.amount for one in still) + amount - limit
    free = now
    for one in still:
        if over <= 0:
            break
        over -= one.amount
        free = one.at + window
    return free


def next_send(
    mails: Iterable[Spent], recipients: Iterable[Spent], limits: SendLimits, now: datetime, to: int = 1
) -> datetime | None:
    """When a mail to `to` recipients may go under the provider's daily limits. None: never, it has too many recipients.

    mails, recipients: what left this mailbox in the last 24 hours, by whichever server. The time of each is the one at which the
    provider had answered: it counts from when it saw the mail, which was before.
    """
    if limits.recipients_per_mail is not None and to > limits.recipients_per_mail:
        return None
    by_mails = next_free(mails, limits.messages_per_day, DAY, now)
    by_recipients = next_free(recipients, limits.recipients_per_day, DAY, now, to)
    return None if by_mails is None or by_recipients is None else max(by_mails, by_recipients)
