"""The difference between what is wanted and what there is, as a plan that a person can read before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from services.console.core.faults import Fault
from services.console.core.merging import Wanted, after_switches, switched
from shared.domain.installation import Installation, Tally
from shared.domain.monitor_words import condition_text
from shared.domain.monitors import Condition

Verb = Literal["create", "update", "unchanged", "remove", "keep"]

# Written in this order, removed in the opposite one: nothing ever names what is not there.
SECTIONS: Mapping[str, str] = {
    "groups": "group",
    "customers": "customer",
    "keys": "key",
    "lists": "list",
    "campaign_groups": "campaign group",
    "campaigns": "campaign",
    "bounce_servers": "bounce server",
    "delivery_servers": "delivery server",
    "monitors": "monitor",
}
_HIDDEN = frozenset({"uid", "credential", "private_key_id", "next_credential", "previous_credential"})


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan. `details`: what changes, in words; never a secret. `record`: what is to be written."""

    verb: Verb
    kind: str
    name: str
    details: tuple[str, ...] = ()
    record: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an apply will do. removals: by section. tallies: by uid of the list. sent: the log of sent mail."""

    changes: list[Change]
    removals: dict[str, list[Change]]
    tallies: dict[str, Tally]
    sent: Tally


def plan_settings(current: Mapping[str, object], wanted: Mapping[str, object], groups: int) -> list[Change]:
    """Settings, and what switching a provider on or off does to the groups (A030, A031, A034)."""
    switches = switched(current, wanted)
    changes = []
    for key, value in wanted.items():
        if current.get(key) == value:
            changes.append(Change("unchanged", "setting", key))
            continue
        details = [f"{_shown(current.get(key))} → {_shown(value)}"]
        provider = key.removesuffix("_enabled")
        if switches.get(provider):
            details.append(f"its server type is added to all groups ({groups})")
        elif provider in switches:
            details.append(f"its server type is taken out of all groups ({groups}); keys and tokens stay")
        changes.append(Change("update", "setting", key, tuple(details)))
    return changes


def plan_records(kind: str, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Change]:
    """Records of one section by uid: new, changed field by field, or as they are."""
    changes = []
    for uid, record in wanted.items():
        present = current.get(uid)
        if present is None:
            changes.append(Change("create", kind, label(record), _creation(record), record))
        elif present == record:
            changes.append(Change("unchanged", kind, label(record), (), record))
        else:
            changes.append(Change("update", kind, label(record), differences(present, record), record))
    return changes


def plan_removals(kind: str, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Change]:
    """Records of one section that a document does not name any more."""
    return [Change("remove", kind, label(record), (), record) for uid, record in current.items() if uid not in wanted]


def refused_removals(current: Installation, wanted: Wanted, removed: Mapping[str, Iterable[str]]) -> list[Fault]:
    """Removals that would leave something without what it needs, each with those who need it (A049).

    removed: section -> uids that go.
    """
    gone = {section: set(uids) for section, uids in removed.items()}
    left = {
        section: {
            uid: record
            for uid, record in {**getattr(current, section), **getattr(wanted, section)}.items()
            if uid not in gone.get(section, set())
        }
        for section in SECTIONS
    }
    servers = ("bounce_servers", "delivery_servers", "monitors")
    needs = (
        ("groups", "group", ("customers",)),
        ("customers", "customer", ("keys", "lists", "campaign_groups", "campaigns", *servers)),
        ("keys", "key", servers),
        ("lists", "list", ("campaigns",)),
        ("campaign_groups", "campaign_group", ("campaigns",)),
    )
    faults = []
    for section, column, users in needs:
        for uid in sorted(gone.get(section, ())):
            using = [
                f"{SECTIONS[user]} {label(record)}"
                for user in users
                for record in left[user].values()
                if getattr(record, column) == uid
            ]
            if using:
                name = label(getattr(current, section)[uid])
                reason = f"{SECTIONS[section]} {name} is not named any more, but is used by {', '.join(using)}"
                faults.append(Fault((section,), reason, "remove these too, or name it again"))
    return faults


def current_after_switches(current: Installation, wanted: Wanted) -> dict[str, Any]:
    """Groups as they stand once the provider switches have been thrown: what the wanted groups are compared with."""
    switches = switched(current.settings, wanted.settings)
    return {name: after_switches(group, switches) for name, group in current.groups.items()}


def differences(before: Any, after: Any) -> tuple[str, ...]:
    """Fields that differ, `field: before → after`; of credentials only that they are new."""
    found = [
        f"{item.name}: {_shown(getattr(before, item.name))} → {_shown(getattr(after, item.name))}"
        for item in fields(before)
        if item.name not in _HIDDEN and getattr(before, item.name) != getattr(after, item.name)
    ]
    if getattr(before, "credential", "") != getattr(after, "credential", ""):
        found.append("new credentials: its tokens are dropped and its mailboxes are checked again")
    return tuple(found)


def label(record: Any) -> str:
    """How a person knows a record: by name, and for what may be named alike by two owners, the owner."""
    kind = type(record).__name__
    if kind == "GroupRecord":
        return str(record.name)
    if kind in ("KeyRecord", "BounceServerRecord", "DeliveryServerRecord", "MonitorRecord"):
        return f"{record.name} ({record.customer or 'system'})"
    return str(record.uid)


def _creation(record: Any) -> tuple[str, ...]:
    if type(record).__name__ == "BounceServerRecord":
        return (f"{record.email} at {record.provider}", record.disposal, *(("dry run",) if record.dry_run else ()))
    if type(record).__name__ == "DeliveryServerRecord":
        quotas = [(record.hourly_quota, "an hour"), (record.daily_quota, "a day"), (record.monthly_quota, "in 30 days")]
        limits = [f"{limit} {span}" for limit, span in quotas if limit]
        return (f"{record.email} at {record.provider}", ", ".join(limits) or "no quota")
    if type(record).__name__ == "MonitorRecord":
        lines = [_shown(condition) for condition in record.conditions]
        return (f"{record.email} at {record.provider}", *lines, *(("dry run",) if record.dry_run else ()))
    if type(record).__name__ == "KeyRecord":
        return (record.provider,)
    return ()


def _shown(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if isinstance(value, Condition):
        return condition_text(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int):  # a step of a warm-up plan
        return f"day {value[0]}: {value[1]}"
    if isinstance(value, tuple):
        return "; ".join(_shown(item) for item in value) or "none"
    return str(value)


def plan_tally(kind: str, name: str, tally: Tally) -> list[Change]:
    """An import of many rows as at most three lines: what is new, what changes, what goes; or that nothing does."""
    lines = [
        Change("create", kind, name, (f"{tally.new} new",)) if tally.new else None,
        Change("update", kind, name, (f"{tally.changed} with another status",)) if tally.changed else None,
        Change("remove", kind, name, (f"{tally.removed} not named any more",)) if tally.removed else None,
    ]
    return [line for line in lines if line] or [Change("unchanged", kind, name, (f"{tally.unchanged} known",))]
