"""Finding out what a key may do in a mailbox, without changing any mail (A010).

Google gives a token only for scopes that are delegated, so a token is the proof. Microsoft's token names the
application's permissions; what it does not name may still be allowed (rights given in Exchange), so a harmless call
decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.api_keys import ApiKey
from shared.domain.errors import (
    CredentialsRejected,
    Diagnosis,
    MailGone,
    PayloadRejected,
    Permanent,
    PermissionMissing,
    SendOutcomeUnknown,
    Temporary,
)
from shared.domain.mailboxes import Capability, Disposal, Folder, ListedMail
from shared.domain.tokens import AccessToken
from shared.providers.provider import Budget, Mailbox, ProviderRecord

TokenFor = Callable[[str], AccessToken]
"""token_for(scopes): a token of this key for this mailbox."""

# An id that no mail has. A call on it changes nothing, and is refused before it is looked up if the right is missing.
_NO_SUCH_MAIL = "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0AccessProbe"
_SAMPLE_BYTES = 4_096


class StepState(StrEnum):
    """unknown: nothing was refused, but nothing proves it either, or a passing fault stood in the way."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One thing tried. name: token, list, read, modify, delete or send. diagnosis: for a failed one. detail: a sentence.

    capability, scopes: what is proven by an ok step, and the scope set that works; empty for list.
    """

    name: str
    state: StepState
    detail: str
    diagnosis: Diagnosis | None = None
    capability: Capability | None = None
    scopes: str = ""


def probe(record: ProviderRecord, key: ApiKey, address: str, budget: Budget, token_for: TokenFor) -> list[ProbeStep]:
    """Tries a token, a listing, reading one mail, and the rights to modify and delete, in this order.

    Never raises what a provider says: it becomes a step. Without a token nothing else is tried.
    """
    step, token = _token(record, Capability.READ, token_for)
    steps = [ProbeStep("token", step.state, step.detail, step.diagnosis, step.capability, step.scopes)]
    if token is None:
        return steps
    mailbox = record.open_mailbox(key, address, lambda renew: token, budget)
    listing, first = _listing(mailbox)
    steps.append(listing)
    if listing.state is StepState.OK:
        steps.append(_reading(mailbox, first, step.scopes))
    steps.append(_permission(record, key, address, budget, token_for, Capability.MODIFY, Disposal.MARK_READ))
    steps.append(_permission(record, key, address, budget, token_for, Capability.DELETE, Disposal.DELETE))
    return steps


def probe_sending(record: ProviderRecord, key: ApiKey, address: str, budget: Budget, token_for: TokenFor) -> ProbeStep:
    """Whether mail may be sent, as a step named `send`, without sending any. Never raises what a provider says.

    A token of Google's is for one mailbox, and its scopes are the proof. Microsoft's is the application's: its role Mail.Send proves
    nothing of a mailbox that is not there or that a policy keeps from the application, and a right that Exchange itself gives
    is in no token. So a draft that does not exist is asked to be sent, which is refused as missing where sending is allowed,
    and as forbidden where it is not.
    """
    step, token = _token(record, Capability.SEND, token_for)
    if token is None or (
        _is_of_one_mailbox(record, key, step.scopes) and Capability.SEND in record.granted(token, step.scopes)
    ):
        return step
    mailbox = record.open_mailbox(key, address, lambda renew: token, budget)
    try:
        mailbox.send_draft(_NO_SUCH_MAIL)
    except (MailGone, PayloadRejected):
        named = Capability.SEND in record.granted(token, step.scopes)
        detail = step.detail if named else "not named in the token, but a harmless call was allowed"
        return ProbeStep("send", StepState.OK, detail, None, Capability.SEND, step.scopes)
    except Permanent as error:
        return _failed("send", error)
    except (Temporary, SendOutcomeUnknown) as error:
        return ProbeStep("send", StepState.UNKNOWN, str(error))
    return ProbeStep("send", StepState.UNKNOWN, "a draft that does not exist was sent")


def _is_of_one_mailbox(record: ProviderRecord, key: ApiKey, scopes: str) -> bool:
    one, other = (record.token_subject(key, address, scopes) for address in ("a@example.com", "b@example.com"))
    return one != other


def _token(record: ProviderRecord, capability: Capability, token_for: TokenFor) -> tuple[ProbeStep, AccessToken | None]:
    """Tries the capability's scope sets, the narrowest first; the first refusal is the one that is told."""
    refused: Permanent | None = None
    for scopes in record.scopes[capability]:
        try:
            token = token_for(scopes)
        except (CredentialsRejected, PermissionMissing) as error:
            refused = refused or error
            continue
        except Permanent as error:
            return _failed(capability.value, error), None
        except Temporary as error:
            return ProbeStep(capability.value, StepState.UNKNOWN, str(error)), None
        return ProbeStep(capability.value, StepState.OK, f"token for {scopes}", None, capability, scopes), token
    if refused is None:
        return ProbeStep(capability.value, StepState.UNKNOWN, "no scope grants it"), None
    return _failed(capability.value, refused), None


def _listing(mailbox: Mailbox) -> tuple[ProbeStep, ListedMail | None]:
    try:
        page = mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    except Permanent as error:
        return _failed("list", error), None
    except (Temporary, MailGone) as error:
        return ProbeStep("list", StepState.UNKNOWN, str(error)), None
    return ProbeStep("list", StepState.OK, "the inbox can be listed"), page.mails[0] if page.mails else None


def _reading(mailbox: Mailbox, first: ListedMail | None, scopes: str) -> ProbeStep:
    if first is None:
        return ProbeStep("read", StepState.UNKNOWN, "no unread mail is there to try it on")
    try:
        mailbox.fetch_raw(first.provider_mail_id, max_bytes=_SAMPLE_BYTES)
    except Permanent as error:
        return _failed("read", error)
    except (Temporary, MailGone) as error:
        return ProbeStep("read", StepState.UNKNOWN, str(error))
    return ProbeStep("read", StepState.OK, "a mail can be read", None, Capability.READ, scopes)


def _permission(
    record: ProviderRecord,
    key: ApiKey,
    address: str,
    budget: Budget,
    token_for: TokenFor,
    capability: Capability,
    disposal: Disposal,
) -> ProbeStep:
    step, token = _token(record, capability, token_for)
    if token is None or capability in record.granted(token, step.scopes):
        return step
    mailbox = record.open_mailbox(key, address, lambda renew: token, budget)
    outcome = mailbox.dispose(disposal, [_NO_SUCH_MAIL])[_NO_SUCH_MAIL]
    if outcome is None:
        detail = "not named in the token, but a harmless call was allowed"
        return ProbeStep(capability.value, StepState.OK, detail, None, capability, step.scopes)
    if isinstance(outcome, PermissionMissing | CredentialsRejected):
        return _failed(capability.value, outcome)
    return ProbeStep(capability.value, StepState.UNKNOWN, str(outcome))


def _failed(name: str, error: Permanent) -> ProbeStep:
    return ProbeStep(name, StepState.FAILED, error.diagnosis.cause, error.diagnosis)
