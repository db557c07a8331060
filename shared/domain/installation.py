"""An installation as its operator describes it: groups, customers, keys, lists, campaigns and servers, by their lasting names.

The same records say what a file wants and what the database holds, so that the two can be compared field by field.
Things name each other by uid (groups by name), never by row id. No secret is in here: a key shows its fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shared.domain.monitors import Condition

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A customer group. Limits: -1 unlimited, 0 none, n at most n; None means that the system default applies (A054-A057)."""

    name: str
    max_bounce_servers: int | None = None
    max_monitors: int | None = None
    server_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer. `group`: name of its group; None: the system defaults apply (A063).

    tracking_url: where its tracking links carry the subscriber's uid; None: the usual shapes.
    """

    uid: str
    name: str
    group: str | None = None
    tracking_url: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key without its secret. `customer`: uid of its owner, None for a system key. `credential`: the fingerprint.

    send_limits: fields of SendLimits in which its mailboxes differ from the provider's figures; None: no such limit.
    next_credential: of a new secret that waits until it has worked. previous_credential: of the one that was replaced last.
    """

    uid: str
    name: str
    provider: str
    customer: str | None = None
    tenant_id: str = ""
    client_id: str = ""
    service_account_email: str = ""
    private_key_id: str = ""
    credential: str = ""
    authority_url: str = ""
    api_url: str = ""
    secret_expires_on: date | None = None
    send_limits: Mapping[str, int | None] = field(default_factory=dict, hash=False)
    next_credential: str = field(default="", compare=False)
    previous_credential: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ListRecord:
    """A list of subscribers. unsubscribe_url, unsubscribe_mailto: for List-Unsubscribe, with placeholders; None: nothing."""

    uid: str
    customer: str
    name: str
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None


@dataclass(frozen=True, slots=True)
class CampaignGroupRecord:
    """Campaigns that a subscriber can be taken out of together."""

    uid: str
    customer: str
    name: str


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign. `list`: uid of the list it was sent to, if known. `campaign_group`: uid of the group it belongs to."""

    uid: str
    customer: str
    name: str
    list: str | None = None
    campaign_group: str | None = None


@dataclass(frozen=True, slots=True)
class BounceServerRecord:
    """A bounce server. `key`: uid of the key that opens the mailbox; the mailbox belongs to that key's owner (A128)."""

    uid: str
    name: str
    provider: str
    email: str
    key: str
    customer: str | None = None
    locked: bool = False
    status: str = "active"
    disposal: str = "trash"
    move_to: str | None = None
    read_junk: bool = True
    dry_run: bool = False
    only_mail_from: datetime | None = None
    poll_seconds: int = 600
    blacklist_scope: str = "customer"


@dataclass(frozen=True, slots=True)
class DeliveryServerRecord:
    """A delivery server. `key`: as a bounce server's. Quotas: at most so many mails in any hour, day, 30 days; None: no limit.

    from_name: '' for the mailbox's own. warm_up: (from day, mails a day), ordered; the plan's first day is `warm_up_from`.
    """

    uid: str
    name: str
    provider: str
    email: str
    key: str
    customer: str | None = None
    from_name: str = ""
    reply_to: str | None = None
    locked: bool = False
    status: str = "active"
    hourly_quota: int | None = None
    daily_quota: int | None = None
    monthly_quota: int | None = None
    pause_seconds: float = 0.0
    warm_up: tuple[tuple[int, int], ...] = ()
    warm_up_from: date | None = None
    mode: str = "mime"
    draft_first: bool = False


@dataclass(frozen=True, slots=True)
class MonitorRecord:
    """A monitor. `key`: as a bounce server's. disposal: of mail that it acted on. conditions: in the order in which they are tried."""

    uid: str
    name: str
    provider: str
    email: str
    key: str
    customer: str | None = None
    identify_by: str = "email"
    locked: bool = False
    status: str = "active"
    read_junk: bool = False
    disposal: str = "leave"
    move_to: str | None = None
    dry_run: bool = False
    ignore_machine_mail: bool = True
    plus_addressing: bool = False
    blacklist_scope: str = "global"
    only_mail_from: datetime | None = None
    poll_seconds: int = 600
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """A subscriber as a file names one. `status` None: confirmed if new, else left as it is. `uid` empty: made up if new."""

    list: str
    email: str
    status: str | None = None
    uid: str = ""


@dataclass(frozen=True, slots=True)
class SentMailRecord:
    """One mail in the log of sent mail. `message_id` without angle brackets; `reference`: the X-ApiConnect-Reference header."""

    customer: str
    message_id: str
    reference: str
    recipients: tuple[str, ...]
    sent_at: datetime
    campaign: str | None = None
    list: str | None = None
    sender: str = ""
    actual_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything but subscribers and sent mail, which can be many. Each mapping goes by uid (groups: by name)."""

    settings: Mapping[str, object] = field(default_factory=dict)
    groups: Mapping[str, GroupRecord] = field(default_factory=dict)
    customers: Mapping[str, CustomerRecord] = field(default_factory=dict)
    keys: Mapping[str, KeyRecord] = field(default_factory=dict)
    lists: Mapping[str, ListRecord] = field(default_factory=dict)
    campaign_groups: Mapping[str, CampaignGroupRecord] = field(default_factory=dict)
    campaigns: Mapping[str, CampaignRecord] = field(default_factory=dict)
    bounce_servers: Mapping[str, BounceServerRecord] = field(default_factory=dict)
    delivery_servers: Mapping[str, DeliveryServerRecord] = field(default_factory=dict)
    monitors: Mapping[str, MonitorRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """What an import of many rows would do, or did. `kept`: suppressed rows that the import would have revived (A160)."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    kept: int = 0
    suppressed_new: int = 0
    removed: int = 0
    refused: tuple[str, ...] = ()
