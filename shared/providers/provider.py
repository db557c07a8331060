"""What every provider offers: the capability record, the mailbox client, and the budget that a client draws on.

A client does one thing per call, has time-outs, and repeats nothing but one re-authentication after a 401. Whether to try
again is the caller's to say, from the type of the error (shared/domain/errors.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Capability, Disposal, Folder, ListedMail, Provider
from shared.domain.tokens import AccessToken, TokenSubject


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """A provider's limits for one (credential, mailbox), in its own units.

    units_per_second and burst: a token bucket (Graph counts requests, Gmail quota units); slots: requests at once.
    """

    units_per_second: float
    burst: float
    slots: int


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


TokenSource = Callable[[bool], AccessToken]
"""Gives the token to use; called with True after a 401, to have it renewed even though it looked fresh."""


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """What a provider is, in one place: the catalogue holds one record for each (shared/providers/catalogue.py).

    server_type: the guide's delivery server type. scopes: for each capability the scope sets that grant it, the narrowest
    first (Microsoft has one scope set for all). max_custom_headers: None means no limit.
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
    max_custom_headers: int | None
    limits: BudgetLimits
    batch_sizes: Mapping[Disposal, int]
    token_subject: Callable[[ApiKey, str, str], TokenSubject]
    acquire_token: Callable[[ApiKey, str, str], AccessToken]
    granted: Callable[[AccessToken, str], frozenset[Capability]]
    open_mailbox: Callable[[ApiKey, str, TokenSource, Budget], Mailbox]
    budget_scope: Callable[[ApiKey, str], str]
