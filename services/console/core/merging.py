"""What a document wants, given what there is: every record complete, every reference resolved, every contradiction a fault.

A field that the document leaves out keeps its present value; a new record gets the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.console.core.documents import GroupPart, Part, SentMailPart, SettingsPart, SubscriberPart
from services.console.core.faults import Fault, Path, suggest
from services.console.core.reading import Document
from shared.domain.installation import (
    BounceServerRecord,
    CampaignGroupRecord,
    CampaignRecord,
    CustomerRecord,
    DeliveryServerRecord,
    GroupRecord,
    Installation,
    KeyRecord,
    ListRecord,
    MonitorRecord,
    SentMailRecord,
    SubscriberRecord,
)

SERVER_TYPES: Mapping[str, str] = {"microsoft": "microsoft-graph-api", "google": "gmail-api"}


@dataclass(frozen=True, slots=True)
class Outside:
    """What the document names but does not hold: read by the handler beforehand.

    secrets: path of a reference -> the text there. subscribers: list's path -> rows of its CSV file.
    fingerprint: keyed hash of credentials. now: the time that `only_mail_from: now` means.
    """

    secrets: Mapping[Path, str]
    subscribers: Mapping[Path, tuple[SubscriberPart, ...]]
    sent_mail: tuple[SentMailPart, ...]
    fingerprint: Callable[..., str]
    now: datetime


@dataclass(slots=True)
class Wanted:
    """The records that a document asks for. secrets: key uid -> the secret to seal, for keys that bring one.

    resubscribe: whether subscribers who unsubscribed may come back.
    """

    resubscribe: bool = False
    settings: dict[str, object] = field(default_factory=dict)
    groups: dict[str, GroupRecord] = field(default_factory=dict)
    customers: dict[str, CustomerRecord] = field(default_factory=dict)
    keys: dict[str, KeyRecord] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    lists: dict[str, ListRecord] = field(default_factory=dict)
    subscribers: dict[str, tuple[SubscriberRecord, ...]] = field(default_factory=dict)
    campaign_groups: dict[str, CampaignGroupRecord] = field(default_factory=dict)
    campaigns: dict[str, CampaignRecord] = field(default_factory=dict)
    sent_mail: list[SentMailRecord] = field(default_factory=list)
    bounce_servers: dict[str, BounceServerRecord] = field(default_factory=dict)
    delivery_servers: dict[str, DeliveryServerRecord] = field(default_factory=dict)
    monitors: dict[str, MonitorRecord] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scene:
    """What every step of the merge looks at and adds to."""

    document: Document
    current: Installation
    outside: Outside
    wanted: Wanted

    def fault(self, path: Path, reason: str, fix: str) -> None:
        """Notes a fault."""
        self.wanted.faults.append(Fault(path, reason, fix))

    def known(self, section: str) -> dict[str, Any]:
        """Records of a section: the present ones, and over them the wanted ones."""
        return {**getattr(self.current, section), **getattr(self.wanted, section)}

    def must_exist(self, path: Path, section: str, name: str | None, what: str) -> bool:
        """Whether `name` is None or known; notes a fault otherwise, unless its own entry is faulty already."""
        if name is None or name in self.known(section) or name in self.document.excused:
            return True
        self.fault(path, f"names no {what} that there is", suggest(name, self.known(section)))
        return False

    def only_once(self, path: Path, section: str, name: str) -> bool:
        """Whether `name` was not wanted before; notes a fault otherwise."""
        if name not in getattr(self.wanted, section):
            return True
        self.fault(path, f"{name!r} is already an entry above", "keep one of them, or give this one another uid")
        return False

    def same_customer(self, path: Path, before: str | None, after: str | None, what: str) -> None:
        """Notes a fault if a record would change hands."""
        if before != after:
            owner = f"belongs to {before}" if before else "is the system's own"
            self.fault(path, f"this {what} {owner}, and can't change hands", f"make another {what} with its own uid")


def said(part: Part, *names: str) -> dict[str, Any]:
    """Those of the named fields that the document really holds."""
    return {name: getattr(part, name) for name in names if name in part.model_fields_set}


def enabled_types(settings: Mapping[str, object]) -> frozenset[str]:
    """Delivery server types of the providers that are switched on."""
    return frozenset(kind for provider, kind in SERVER_TYPES.items() if settings.get(f"{provider}_enabled", True))


def merge_settings(scene: Scene, part: SettingsPart | None) -> None:
    """Settings that the document holds; the others are not wanted, and so not touched."""
    if part is not None:
        scene.wanted.settings.update(said(part, *SettingsPart.model_fields))


def switched(current: Mapping[str, object], wanted: Mapping[str, object]) -> dict[str, bool]:
    """Providers that the document switches on or off, compared with now."""
    return {
        provider: bool(wanted[f"{provider}_enabled"])
        for provider in SERVER_TYPES
        if f"{provider}_enabled" in wanted and wanted[f"{provider}_enabled"] != current.get(f"{provider}_enabled", True)
    }


def after_switches(group: GroupRecord, switches: Mapping[str, bool]) -> GroupRecord:
    """A group as the provider switches leave it: enabling adds the type to all groups, disabling takes it out (A030-A034)."""
    added = {SERVER_TYPES[provider] for provider, on in switches.items() if on}
    taken = {SERVER_TYPES[provider] for provider, on in switches.items() if not on}
    return replace(group, server_types=(group.server_types | added) - taken)


def merge_groups(scene: Scene) -> None:
    """Groups. A new one gets the enabled providers' server types unless the document lists them (A036)."""
    settings = {**scene.current.settings, **scene.wanted.settings}
    switches = switched(scene.current.settings, scene.wanted.settings)
    for entry in scene.document.groups:
        part: GroupPart = entry.part
        if not scene.only_once((*entry.path, "name"), "groups", part.name):
            continue
        present = scene.current.groups.get(part.name)
        base = (
            after_switches(present, switches)
            if present
            else GroupRecord(part.name, server_types=enabled_types(settings))
        )
        changes = said(part, "max_bounce_servers", "max_monitors")
        if part.server_types is not None:
            changes["server_types"] = frozenset(part.server_types)
        scene.wanted.groups[part.name] = replace(base, **changes)


def merge_customers(scene: Scene) -> None:
    """Customers, each in a group that exists, or in none."""
    for entry in scene.document.customers:
        part = entry.part
        if not scene.only_once((*entry.path, "uid"), "customers", part.uid):
            continue
        scene.must_exist((*entry.path, "group"), "groups", part.group, "group")
        base = scene.current.customers.get(part.uid) or CustomerRecord(part.uid, part.name or part.uid)
        changes = said(part, "group", "tracking_url")
        if part.name:
            changes["name"] = part.name
        scene.wanted.customers[part.uid] = replace(base, **changes)
