"""What every provider offers: the capability record, the mailbox client, and the budget that a client draws on.

A client does one thing per call, has time-outs, and repeats nothing but one re-authentication after a 401. Whether to try
again is the caller's to say, from the type of the error (shared/domain/errors.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Capability, Disposal, Folder, ListedMail, Provider
from shared.domain.sending import DraftState, MailForm, SendLimits, SentIds
from shared.domain.tokens import AccessToken, TokenSubject


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """A provider's limits for one (credential, mailbox), in its own units.

    units_per_second and burst: a token bucket (Graph counts requests, Gmail quota units); slots: requests at once.
    kept_for_sends: the part of the burst that only sends may take.
    """

    units_per_second: float
    burst: float
    slots: int
    kept_for_sends: float = 0.0


class Budget(Protocol):
    """The allowance of one mailbox, shared by all processes that work on it."""

    def spend(self, units: float, slots: int = 1) -> AbstractContextManager[None]:
        """Waits until `slots` requests may be under way and `units` are reserved; the slots are free again on exit.

        Raises Throttled when the wait would be longer than the caller's patience.
        """
        ...

    def refused(self, retry_after: float | None) -> None:
        """The provider said no all the same: nobody spends here for `retry_after` seconds (a floor is applied)."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. `next`: opaque, hand it back for the following page; None on the last."""

    mails: tuple[ListedMail, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class RawMail:
    """Raw MIME as far as `max_bytes` allowed. `size`: bytes of the whole mail if known, else of what was read."""

    content: bytes
    truncated: bool
    size: int
    received_at: datetime | None = None


class Mailbox(Protocol):
    """One mailbox at a provider. Safe to use from several threads at once (each thread has its own HTTP session)."""

    address: str

    def list_unread(self, folder: Folder, *, since: datetime | None, page: str | None, page_size: int) -> Page:
        """Unread mail of one folder received at or after `since` (None: all). One page per call."""
        ...

    def fetch_raw(self, provider_mail_id: str, *, max_bytes: int) -> RawMail:
        """The mail's raw MIME, cut at `max_bytes`. Raises MailGone if it is not there any more."""
        ...

    def dispose(
        self, disposal: Disposal, provider_mail_ids: Sequence[str], *, move_to: str | None = None
    ) -> Mapping[str, ApiConnectError | None]:
        """Marks read, moves, trashes or deletes in the provider's batches; per id None (done) or what went wrong.

        A mail that is gone counts as done. `move_to`: the name of a folder (Graph) or label (Gmail), made if missing.
        """
        ...

    def oldest_unread_at(self, folder: Folder) -> datetime | None:
        """When the oldest unread mail of a folder was received; None if there is none."""
        ...

    def send(self, mime: bytes, *, form: MailForm = MailForm.MIME) -> SentIds:
        """Sends a mail to its To, Cc and Bcc, and files it in Sent Items. Needs SEND; a mail that is too large for one request
        may need MODIFY as well.

        mime: CRLF line ends; its header goes out as it is (form json: what `shared.mail.json_form` allows).
        Raises SendOutcomeUnknown if it may have been sent. A Temporary, a Permanent or BrokerOrDatabaseDown: surely not sent.
        Anything else is a fault of ours, and the outcome unknown.
        """
        ...

    def find_sent(
        self, message_id: str, reference: str, since: datetime, *, to: str = "", thorough: bool = True
    ) -> SentIds | None:
        """A mail in Sent Items: by our Message-ID, or by our reference header among those sent since. None: not seen.

        None proves nothing: the copy appears late, and both marks may have been taken off. Needs READ.
        message_id: without angle brackets. since: aware UTC, when it was handed over at the earliest; a difference of
        half a minute between the clocks is allowed for. to: one address of its To field; where a provider must look through all
        that was sent since, it then looks at little else. thorough: False leaves out what costs a call for each mail sent
        since, where the provider mostly keeps our Message-ID: for all looks but the one that decides.
        """
        ...

    def read_back(self, provider_mail_id: str) -> SentIds:
        """The Message-ID and the sender's name that a sent mail left with. Needs READ. Raises MailGone if it is not there (yet)."""
        ...

    def create_draft(self, mime: bytes) -> str:
        """Files the mail as a draft and returns the draft's id, which lasts. Needs MODIFY."""
        ...

    def send_draft(self, draft_id: str) -> SentIds:
        """Sends a draft. Needs SEND. Errors as `send`; MailGone: there is no such draft, it may have been sent already."""
        ...

    def draft_state(self, draft_id: str) -> DraftState:
        """Whether the draft was sent. Needs READ."""
        ...

    def discard_draft(self, draft_id: str) -> None:
        """Throws a draft away that was not sent; one that is gone counts as done. Needs MODIFY."""
        ...

    def prime(self, header: str) -> None:
        """Makes the mailbox keep this X- header of mails that are sent as MIME; once for each mailbox. Needs MODIFY, or SEND
        and then mails the mailbox itself. Does nothing where no such thing is needed."""
        ...


TokenSource = Callable[[bool], AccessToken]
"""Gives the token to use; called with True after a 401, to have it renewed even though it looked fresh."""


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """What a provider is, in one place: the catalogue holds one record for each (shared/providers/catalogue.py).

    server_type: the guide's delivery server type. scopes: for each capability the scope sets that grant it, the narrowest
    first (Microsoft has one scope set for all). sending_scopes: the scope sets to send with, the most useful first: each
    grants SEND, and those before the last also looking for what was sent. max_custom_headers: None means no limit.
    send_limits: the provider's figures; `send_limits_of(key)` are a key's.
    token_subject(key, address, scopes): what a token for this mailbox is filed under.
    acquire_token(key, address, scopes): asks the provider, through msal or google-auth. Raises the errors of domain/errors.
    granted(token, scopes): capabilities that the token itself shows (Graph's `roles` claim, Gmail's scopes).
    open_mailbox(key, address, token_source, budget): a client.
    budget_scope(key, address): name of the limit's holder, such as `microsoft/<client id>/<address>`.
    """

    provider: Provider
    label: str
    server_type: str
    endpoints: Endpoints
    folders: tuple[Folder, ...]
    scopes: Mapping[Capability, tuple[str, ...]]
    sending_scopes: tuple[str, ...]
    max_custom_headers: int | None
    limits: BudgetLimits
    send_limits: SendLimits
    batch_sizes: Mapping[Disposal, int]
    token_subject: Callable[[ApiKey, str, str], TokenSubject]
    acquire_token: Callable[[ApiKey, str, str], AccessToken]
    granted: Callable[[AccessToken, str], frozenset[Capability]]
    open_mailbox: Callable[[ApiKey, str, TokenSource, Budget], Mailbox]
    budget_scope: Callable[[ApiKey, str], str]

    def send_limits_of(self, key: ApiKey) -> SendLimits:
        """The limits for mailboxes of this key: the provider's, but for those that the key names."""
        return replace(self.send_limits, **key.send_limits)
