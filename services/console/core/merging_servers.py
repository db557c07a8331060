"""Bounce servers of a document: which keys they may use (A046, A047, A089), and one key per owner and mailbox (A128)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.console.core.documents import BounceServerPart
from services.console.core.faults import Path, suggest
from services.console.core.merging import Scene, said
from services.console.core.merging_keys import default_uid
from shared.domain.installation import BounceServerRecord, KeyRecord

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
    paths: dict[str, Path] = {}
    for entry in scene.document.bounce_servers:
        part = entry.part
        present = _present(scene, part)
        uid = part.uid or (present.uid if present else default_uid(part.customer, part.name))
        if not scene.only_once((*entry.path, "name"), "bounce_servers", uid):
            continue
        scene.must_exist((*entry.path, "customer"), "customers", part.customer, "customer")
        if present is not None:
            scene.same_customer((*entry.path, "customer"), present.customer, part.customer, "bounce server")
        key = find_key(scene, entry.path, part)
        if key is None:
            continue
        base = present or BounceServerRecord(uid, part.name, part.provider, part.email, key.uid, part.customer)
        record = replace(base, key=key.uid, **_changes(scene, part, present))
        _check(scene, entry.path, record)
        scene.wanted.bounce_servers[uid] = record
        paths[uid] = entry.path
    _names_once(scene, paths)
    _one_key_per_mailbox(scene, paths)


def _present(scene: Scene, part: BounceServerPart) -> BounceServerRecord | None:
    servers = scene.current.bounce_servers
    if part.uid:
        return servers.get(part.uid)
    return next((row for row in servers.values() if (row.customer, row.name) == (part.customer, part.name)), None)


def find_key(scene: Scene, path: Path, part: BounceServerPart) -> KeyRecord | None:
    """The key that a server names, by uid or name: its customer's own first, then the system's. None after noting why not."""
    keys: dict[str, KeyRecord] = scene.known("keys")
    named = [key for key in keys.values() if part.key in (key.uid, key.name)]
    usable = [key for key in named if key.customer in (part.customer, None)]
    usable.sort(key=lambda key: (key.uid != part.key, key.customer is None))
    fitting = [key for key in usable if key.provider == part.provider]
    if fitting:
        return fitting[0]
    at = (*path, "key")
    if usable:
        scene.fault(at, f"is a {usable[0].provider} key", f"name a {part.provider} key, or correct provider")
    elif named:
        who = f"{part.customer}'s keys and system keys" if part.customer else "system keys"
        scene.fault(at, f"belongs to customer {named[0].customer}", f"this server may use {who}")
    elif part.key not in scene.document.excused:
        may_use = [key.name for key in keys.values() if key.customer in (part.customer, None)]
        scene.fault(at, "names no key that there is", suggest(part.key, may_use))
    return None


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


def _names_once(scene: Scene, paths: dict[str, Path]) -> None:
    seen: dict[tuple[str | None, str], str] = {}
    for uid, server in scene.known("bounce_servers").items():
        first = seen.setdefault((server.customer, server.name), uid)
        if first != uid:
            path = paths.get(uid) or paths.get(first) or ()
            scene.fault((*path, "name"), "another server of this owner has this name", "give it another name")


def _one_key_per_mailbox(scene: Scene, paths: dict[str, Path]) -> None:
    keys: dict[str, KeyRecord] = scene.known("keys")
    first: dict[tuple[str | None, str, str], BounceServerRecord] = {}
    for uid, server in scene.known("bounce_servers").items():
        key = keys.get(server.key)
        if key is None:
            continue
        before = first.setdefault((key.customer, server.email, server.provider), server)
        if before.key != server.key:
            path = paths.get(uid) or paths.get(before.uid) or ()
            owner = f"customer {key.customer}" if key.customer else "the system"
            scene.fault(
                (*path, "key"),
                f"{owner} opens {server.email} with key {keys[before.key].name!r} already (server {before.name!r})",
                "use the same key for both servers",
            )
