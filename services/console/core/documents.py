"""The document that `apply` reads. A field that is left out keeps its stored value, or gets the default of a new row.

Sections name each other by uid; groups by name; keys and lists by uid or name. Secrets stand in files or in the
environment and are only named here.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from shared.domain.mailboxes import normalize_address
from shared.domain.unsubscribing import checked_mailto, checked_url
from shared.mail.tracking_links import UrlPattern

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+\.[^\s@<>,;:\"]+\Z|[^\s@<>,;:\"]+@localhost\Z")


def check_address(text: str) -> str:
    """The address as it is compared (A131). Raises ValueError when it is none (A051)."""
    address = normalize_address(text)
    if not _ADDRESS.match(address):
        raise ValueError("is not an e-mail address; write name@domain.example, without a display name")
    return address


def _guid(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise ValueError(
            "is not a GUID; copy it from the app's Overview page (8-4-4-4-12 hexadecimal digits)"
        ) from None


def _limit(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < -1:
        raise ValueError("is not a limit; write -1 (unlimited), 0 (not allowed) or a whole number above 0")
    return value


def _url(text: str) -> str:
    if not re.match(r"https?://[^\s/]+(/\S*)?\Z", text):
        raise ValueError("is not a base URL; write https://host, without a query")
    return text.rstrip("/")


def _tracking_url(text: str) -> str:
    UrlPattern.parse(text)
    return text.strip()


def _bare_message_id(text: str) -> str:
    bare = text.strip().removeprefix("<").removesuffix(">")
    if not bare or any(letter.isspace() for letter in bare):
        raise ValueError("is not a Message-ID; write it as in the mail's header, with or without angle brackets")
    return bare


def _since(value: Any) -> Any:
    if isinstance(value, str) and value != "now":
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("is no time; write now, or a time such as 2026-11-21T09:30:00Z") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("has no time zone; write it as in 2026-11-21T09:30:00Z")
    if value is not None and value != "now" and not isinstance(value, datetime):
        raise ValueError("is no time; write now, or a time such as 2026-11-21T09:30:00Z")
    return value


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Address = Annotated[str, AfterValidator(check_address)]
Guid = Annotated[str, AfterValidator(_guid)]
Limit = Annotated[StrictInt | None, BeforeValidator(_limit)]
Url = Annotated[str, AfterValidator(_url)]
MessageId = Annotated[str, AfterValidator(_bare_message_id)]
Since = Annotated[datetime | str | None, BeforeValidator(_since)]
ProviderName = Literal["microsoft", "google"]
SubscriberStatus = Literal["confirmed", "unconfirmed", "unsubscribed", "blacklisted"]


class Part(BaseModel):
    """A piece of the document: nothing unknown in it, and no fault that would repeat a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _by_reference(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic collects ValueErrors
            "a secret must not stand in this file, it would end up in backups and version control; "
            "write {file: path} or {env: NAME}"
        )
    if isinstance(value, dict) and len(value) != 1:
        raise ValueError("names no single place; write either {file: path} or {env: NAME}")
    return value


class SecretAt(Part):
    """Where a secret lies: a file, relative to the document, or a variable of the environment."""

    file: str | None = None
    env: str | None = None


SecretReference = Annotated[SecretAt, BeforeValidator(_by_reference)]


class SettingsPart(Part):
    """System-wide switches and defaults."""

    extension_enabled: StrictBool = True
    microsoft_enabled: StrictBool = True
    google_enabled: StrictBool = True
    microsoft_customer_keys: StrictBool = True
    google_customer_keys: StrictBool = True
    max_bounce_servers: Annotated[StrictInt, BeforeValidator(_limit)] = 0
    max_monitors: Annotated[StrictInt, BeforeValidator(_limit)] = 0
    soft_bounces_to_blacklist: StrictInt = Field(default=0, ge=0)
    bounce_blacklist_scope: Literal["customer", "global"] = "customer"
    monitor_blacklist_scope: Literal["customer", "global"] = "global"
    match_within_days: StrictInt = Field(default=90, ge=1)
    hold_after_hard_bounces: StrictInt = Field(default=50, ge=0)
    hold_within_minutes: StrictInt = Field(default=10, ge=1, le=1440)
    hold_times_weekly_rate: StrictInt = Field(default=5, ge=1)
    hold_ends_when_quiet_hours: StrictInt = Field(default=0, ge=0)


class GroupPart(Part):
    """A customer group. A limit of null: the system default applies."""

    name: Name
    max_bounce_servers: Limit = None
    max_monitors: Limit = None
    server_types: list[Literal["microsoft-graph-api", "gmail-api"]] | None = None


class CustomerPart(Part):
    """A customer. `name` left out: its uid. `tracking_url`: the shape of its tracking links, with {subscriber} in it."""

    uid: Name
    name: Name | None = None
    group: Name | None = None
    tracking_url: Annotated[str, AfterValidator(_tracking_url)] | None = None


class EndpointsPart(Part):
    """Base URLs of one key: a national cloud, or the simulator."""

    authority: Url | None = None
    api: Url | None = None


class SendLimitsPart(Part):
    """What the mailboxes of one key may send where it differs from the provider's figures; null: no such limit."""

    per_minute: PositiveInt | None = None
    messages_per_day: PositiveInt | None = None
    recipients_per_day: PositiveInt | None = None
    recipients_per_mail: PositiveInt | None = None


class KeyPart(Part):
    """An API key. `customer` left out: a system key. The secret may be left out for a key that is stored already."""

    name: Name
    uid: Name | None = None
    provider: ProviderName
    customer: Name | None = None
    tenant_id: Guid | None = None
    client_id: Guid | None = None
    client_secret: SecretReference | None = None
    secret_expires_on: date | None = None
    service_account_email: Address | None = None
    private_key: SecretReference | None = None
    send_limits: SendLimitsPart | None = None
    endpoints: EndpointsPart | None = None


class SubscriberPart(Part):
    """A subscriber. `status` left out: confirmed if new, else as it is."""

    email: Address
    uid: Name | None = None
    status: SubscriberStatus | None = None


def _subscriber(value: Any) -> Any:
    return {"email": value} if isinstance(value, str) else value


class ListPart(Part):
    """A list. Its subscribers are addresses or `{email, status, uid}`, here or in a CSV file with these columns.

    unsubscribe_url, unsubscribe_mailto: List-Unsubscribe of its mails, with {subscriber}, {list} and {campaign}; null: none.
    """

    uid: Name
    customer: Name
    name: Name | None = None
    unsubscribe_url: Annotated[str, AfterValidator(checked_url)] | None = None
    unsubscribe_mailto: Annotated[str, AfterValidator(checked_mailto)] | None = None
    subscribers: list[Annotated[SubscriberPart, BeforeValidator(_subscriber)]] | None = None
    subscribers_csv: str | None = None


class CampaignPart(Part):
    """A campaign."""

    uid: Name
    customer: Name
    name: Name | None = None
    list_uid: Name | None = Field(default=None, alias="list")
    campaign_group: Name | None = None


class SentMailPart(Part):
    """One sent mail. `customer` may be left out if the campaign says it."""

    message_id: MessageId
    reference: Name
    recipients: list[Address] = Field(min_length=1)
    sent_at: AwareDatetime
    campaign: Name | None = None
    customer: Name | None = None
    list_uid: Name | None = Field(default=None, alias="list")
    sender: str = ""
    actual_message_id: MessageId | None = None


class BounceServerPart(Part):
    """A bounce server. `customer` left out: the operator's own, for every customer's mail."""

    name: Name
    uid: Name | None = None
    provider: ProviderName
    email: Address
    key: Name
    customer: Name | None = None
    locked: StrictBool = False
    status: Literal["active", "inactive"] = "active"
    disposal: Literal["leave", "mark_read", "move", "trash", "delete"] = "trash"
    move_to: Name | None = None
    read_junk: StrictBool = True
    dry_run: StrictBool = False
    only_mail_from: Since = None
    poll_minutes: StrictInt = Field(default=10, ge=1, le=1440)
    blacklist_scope: Literal["customer", "global"] = "customer"
