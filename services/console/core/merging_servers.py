"""Bounce servers of a document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.console.core.documents import BounceServerPart
from services.console.core.faults import Path
from services.console.core.merging import Scene, said
from services.console.core.server_keys import find_key, place_server
from shared.domain.installation import BounceServerRecord

_PLAIN = (
    "name",
    "provider",
    "email",
    "locked",
    "status",
    "disposal",
    "move_to",
    "read_junk",
    "dry_run",
    "blacklist_scope",
)


def merge_bounce_servers(scene: Scene) -> None:
    """Bounce servers, each with a key that it may use."""
    for entry in scene.document.bounce_servers:
        part = entry.part
        placed = place_server(scene, entry, "bounce_servers", "bounce server")
        key = find_key(scene, entry.path, part) if placed else None
        if placed is None or key is None:
            continue
        present: BounceServerRecord | None = placed.present
        base = present or BounceServerRecord(placed.uid, part.name, part.provider, part.email, key.uid, part.customer)
        record = replace(base, key=key.uid, **_changes(scene, part, present))
        _check(scene, entry.path, record)
        scene.wanted.bounce_servers[placed.uid] = record


def _changes(scene: Scene, part: BounceServerPart, present: BounceServerRecord | None) -> dict[str, Any]:
    changes = said(part, *_PLAIN)
    if "poll_minutes" in part.model_fields_set:
        changes["poll_seconds"] = part.poll_minutes * 60
    if part.only_mail_from == "now":
        # "From now on" is the moment it was first asked for; a second run must not move it.
        changes["only_mail_from"] = (present.only_mail_from if present else None) or scene.outside.now
    elif "only_mail_from" in part.model_fields_set:
        changes["only_mail_from"] = part.only_mail_from
    return changes


def _check(scene: Scene, path: Path, server: BounceServerRecord) -> None:
    if server.disposal == "move" and not server.move_to:
        scene.fault(
            (*path, "move_to"), "is missing, and disposal is move", "name the folder or label that mail is moved to"
        )
    if server.blacklist_scope == "global" and server.customer is not None:
        scene.fault(
            (*path, "blacklist_scope"), "a customer's server can't blacklist for everybody",
            "write customer, or leave out `customer` above",
        )  # fmt: skip
