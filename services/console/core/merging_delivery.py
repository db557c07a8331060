"""Delivery servers of a document (A064-A086)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.console.core.faults import Path
from services.console.core.merging import Scene, said
from services.console.core.sending_documents import DeliveryServerPart
from services.console.core.server_keys import find_key, place_server
from shared.domain.installation import DeliveryServerRecord

_PLAIN = (
    "name",
    "provider",
    "email",
    "from_name",
    "reply_to",
    "locked",
    "status",
    "hourly_quota",
    "daily_quota",
    "monthly_quota",
    "mode",
    "draft_first",
)


def merge_delivery_servers(scene: Scene) -> None:
    """Delivery servers, each with a key that it may use."""
    for entry in scene.document.delivery_servers:
        part = entry.part
        placed = place_server(scene, entry, "delivery_servers", "delivery server")
        key = find_key(scene, entry.path, part) if placed else None
        if placed is None or key is None:
            continue
        present: DeliveryServerRecord | None = placed.present
        base = present or DeliveryServerRecord(placed.uid, part.name, part.provider, part.email, key.uid, part.customer)
        record = replace(base, key=key.uid, **_changes(scene, entry.path, part, base))
        if record.mode == "json" and record.provider != "microsoft":
            scene.fault((*entry.path, "mode"), "json is Microsoft's alone", "write mime, or leave it out")
        scene.wanted.delivery_servers[placed.uid] = record


def _changes(scene: Scene, path: Path, part: DeliveryServerPart, base: DeliveryServerRecord) -> dict[str, Any]:
    changes = said(part, *_PLAIN)
    if "pause_seconds" in part.model_fields_set:
        changes["pause_seconds"] = float(part.pause_seconds)
    if "warm_up" in part.model_fields_set:
        plan = tuple((step.from_day, step.daily) for step in part.warm_up or ())
        days = [day for day, _ in plan]
        if days != sorted(set(days)):
            scene.fault((*path, "warm_up"), "its days are not in order", "list each from_day once, the smallest first")
        changes["warm_up"] = plan
        # The plan's first day is the day it was first asked for; a second run must not start it again.
        same = plan == base.warm_up
        changes["warm_up_from"] = (base.warm_up_from if same else scene.outside.now.date()) if plan else None
    return changes
