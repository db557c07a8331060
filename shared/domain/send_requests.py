"""What a send request is judged by, and what is stored of one that is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.domain.mailboxes import Provider
from shared.domain.sending import Reason, SendState
from shared.domain.unsubscribing import ListUnsubscribing


@dataclass(frozen=True, slots=True)
class Asker:
    """An integration. customer: its uid, and customer_id; None: the operator's own, which names a customer per request."""

    name: str
    enabled: bool
    customer_id: int | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class UsableServer:
    """A delivery server that a customer may name. held: it can't send now, until somebody changes something.

    waiting: sends before a new one, counted up to a bound. mode: mime, or json, which keeps few headers. recipients_per_mail: To, Cc and Bcc
    together.
    """

    server_id: int
    uid: str
    email: str
    provider: Provider
    held: bool = False
    waiting: int = 0
    mode: str = "mime"
    recipients_per_mail: int = 500


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """A file that requests may name. size: bytes."""

    customer_id: int
    size: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """list_id, group_id: what a send of this campaign belongs to unless it says otherwise."""

    campaign_id: int
    list_id: int | None
    group_id: int | None


@dataclass(frozen=True, slots=True)
class KnownSend:
    """A send that is there already. server: uid. actual_message_id, provider_mail_id: as the provider told them, if it did."""

    uid: UUID
    request_hash: bytes
    state: SendState
    state_at: datetime
    due_at: datetime
    server: str
    message_id: str
    reason: str = ""
    detail: str = ""
    actual_message_id: str | None = None
    provider_mail_id: str | None = None


@dataclass(frozen=True, slots=True)
class SendFacts:
    """What the database says about a batch of requests, never of customers that none of them is of.

    customers: uid -> id. servers: by customer. lists, campaigns, groups: (customer, uid). unsubscribing: by list, of those that
    have such a setting. subscribers: (list, address) -> id, status and uid. stopped: (group, address). blacklisted: (customer, or
    None for everybody's, and address). known: (customer, key).
    """

    askers: Mapping[str, Asker] = field(default_factory=dict)
    customers: Mapping[str, int] = field(default_factory=dict)
    servers: Mapping[int, Sequence[UsableServer]] = field(default_factory=dict)
    lists: Mapping[tuple[int, str], int] = field(default_factory=dict)
    campaigns: Mapping[tuple[int, str], Campaign] = field(default_factory=dict)
    groups: Mapping[tuple[int, str], int] = field(default_factory=dict)
    unsubscribing: Mapping[int, ListUnsubscribing] = field(default_factory=dict)
    subscribers: Mapping[tuple[int, str], tuple[int, str, str]] = field(default_factory=dict)
    stopped: AbstractSet[tuple[int, str]] = frozenset()
    blacklisted: AbstractSet[tuple[int | None, str]] = frozenset()
    stored: Mapping[UUID, StoredAttachment] = field(default_factory=dict)
    known: Mapping[tuple[int, str], KnownSend] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """kind: to, cc or bcc. address: lower case."""

    kind: str
    address: str
    subscriber_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewSend:
    """A request that is accepted. server: uid of server_id. any_server: the request named none. due_at: None for at once.

    stored: attachments that were stored before.
    """

    uid: UUID
    customer_id: int
    customer: str
    integration: str
    idempotency_key: str
    request_hash: bytes
    server_id: int
    server: str
    server_email: str
    any_server: bool
    fail_over: bool
    recipients: tuple[NewRecipient, ...]
    client_correlation_id: str | None = None
    reply_to: str | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    list_id: int | None = None
    campaign_id: int | None = None
    campaign_group_id: int | None = None
    tags: tuple[str, ...] = ()
    stored: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A readable request that was refused. customer_id None: it named an unknown one."""

    customer_id: int | None
    integration: str
    idempotency_key: str
    reason: Reason
    field: str
    detail: str
