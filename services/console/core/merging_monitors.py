"""Monitors of a document (A134-A149): who may have which action, and that every target is the customer's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.console.core.faults import Path
from services.console.core.merging import Scene, said
from services.console.core.monitor_documents import ConditionPart, MonitorPart
from services.console.core.server_keys import find_key, place_server
from shared.domain.installation import MonitorRecord
from shared.domain.monitors import ACTIONS, Condition, Target

_PLAIN = (
    "name",
    "provider",
    "email",
    "locked",
    "status",
    "read_junk",
    "disposal",
    "move_to",
    "dry_run",
    "ignore_machine_mail",
    "plus_addressing",
)
_SECTIONS = {
    Target.LIST: ("lists", "list", "list"),
    Target.CAMPAIGN_GROUP: ("campaign_groups", "campaign_group", "campaign group"),
}


def merge_monitors(scene: Scene) -> None:
    """Monitors, each with a key that it may use and at least one condition."""
    for entry in scene.document.monitors:
        part = entry.part
        placed = place_server(scene, entry, "monitors", "monitor")
        key = find_key(scene, entry.path, part) if placed else None
        if placed is None or key is None:
            continue
        present: MonitorRecord | None = placed.present
        base = present or _new(scene, placed.uid, part, key.uid)
        record = replace(base, key=key.uid, **_changes(scene, entry.path, part, present))
        _check(scene, entry.path, record)
        scene.wanted.monitors[placed.uid] = record


def _new(scene: Scene, uid: str, part: MonitorPart, key: str) -> MonitorRecord:
    scope = {**scene.current.settings, **scene.wanted.settings}.get("monitor_blacklist_scope", "global")
    return MonitorRecord(
        uid, part.name, part.provider, part.email, key, part.customer, blacklist_scope=str(scope), conditions=()
    )


def _changes(scene: Scene, path: Path, part: MonitorPart, present: MonitorRecord | None) -> dict[str, Any]:
    changes = said(part, *_PLAIN)
    if "identify_by" in part.model_fields_set:
        changes["identify_by"] = part.identify_by.value
    if part.blacklist_scope is not None:
        changes["blacklist_scope"] = part.blacklist_scope
    if "poll_minutes" in part.model_fields_set:
        changes["poll_seconds"] = part.poll_minutes * 60
    if part.only_mail_from == "now":
        # "From now on" is the moment it was first asked for; a second run must not move it.
        changes["only_mail_from"] = (present.only_mail_from if present else None) or scene.outside.now
    elif "only_mail_from" in part.model_fields_set:
        changes["only_mail_from"] = part.only_mail_from
    if part.conditions is not None:
        changes["conditions"] = tuple(
            _condition(scene, (*path, "conditions", position), each, part.customer)
            for position, each in enumerate(part.conditions)
        )
    return changes


def _condition(scene: Scene, path: Path, part: ConditionPart, customer: str | None) -> Condition:
    record = ACTIONS[part.action]
    if record.customers_only and customer is None:
        scene.fault(
            (*path, "action"), f"{record.label} is for customers' own monitors", "name a customer, or another action"
        )
    if not part.value.strip(" *"):
        if not part.value.strip():
            scene.fault((*path, "value"), "is empty", "write the words to look for")
        elif not part.any_content:
            scene.fault((*path, "value"), "* alone matches every mail", "say any_content: true if that is meant")
    target = _target(scene, path, part, record.target, customer)
    return Condition(part.value, part.action, part.operator, part.field, part.ignore_case, part.any_content, target)


def _target(scene: Scene, path: Path, part: ConditionPart, kind: Target, customer: str | None) -> str | None:
    named = {Target.LIST: part.list_uid, Target.CAMPAIGN_GROUP: part.campaign_group}
    for other, uid in named.items():
        if uid is not None and other is not kind:
            scene.fault((*path, other.value), f"{part.action.value} has no such target", "leave it out")
    if kind is Target.NONE:
        return None
    section, field, what = _SECTIONS[kind]
    uid = named[kind]
    if uid is None:
        scene.fault(
            (*path, field), f"is missing: {part.action.value} needs one", f"name a {what} of the customer's own"
        )
    elif scene.must_exist((*path, field), section, uid, what):
        owner = scene.known(section).get(uid)
        if owner is not None and owner.customer != customer:
            scene.fault((*path, field), "is another customer's", f"name a {what} of the customer's own")
    return uid


def _check(scene: Scene, path: Path, monitor: MonitorRecord) -> None:
    if not monitor.conditions:
        scene.fault((*path, "conditions"), "there is none", "add at least one condition")
    if monitor.disposal == "move" and not monitor.move_to:
        scene.fault(
            (*path, "move_to"), "is missing, and disposal is move", "name the folder or label that mail is moved to"
        )
