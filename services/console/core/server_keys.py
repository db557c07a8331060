"""What every kind of server has in common: one owner, a key that it may use (A046, A047, A089), one key per mailbox (A128)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from services.console.core.faults import Path, suggest
from services.console.core.merging import Scene
from services.console.core.merging_keys import default_uid
from services.console.core.reading import Entry
from shared.domain.installation import KeyRecord

SECTIONS = ("bounce_servers", "delivery_servers", "monitors")


class ServerPart(Protocol):
    """A part of the document that is a server."""

    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str | None: ...
    @property
    def provider(self) -> str: ...
    @property
    def customer(self) -> str | None: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Placed:
    """A server of the document: its lasting name, and its present record if there is one."""

    uid: str
    present: Any


def place_server(scene: Scene, entry: Entry[Any], section: str, what: str) -> Placed | None:
    """Which server an entry means: by uid, else by owner and name. None after noting that it stands there twice."""
    part: ServerPart = entry.part
    servers = getattr(scene.current, section)
    if part.uid:
        present = servers.get(part.uid)
    else:
        present = next(
            (row for row in servers.values() if (row.customer, row.name) == (part.customer, part.name)), None
        )
    uid = part.uid or (present.uid if present else default_uid(part.customer, part.name))
    if not scene.only_once((*entry.path, "name"), section, uid):
        return None
    scene.must_exist((*entry.path, "customer"), "customers", part.customer, "customer")
    if present is not None:
        scene.same_customer((*entry.path, "customer"), present.customer, part.customer, what)
    return Placed(uid, present)


def find_key(scene: Scene, path: Path, part: ServerPart) -> KeyRecord | None:
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


def check_servers(scene: Scene) -> None:
    """After all servers are merged: names are unique for an owner and kind, and a mailbox has one key per owner."""
    paths = {section: _paths(scene, section) for section in SECTIONS}
    for section in SECTIONS:
        _names_once(scene, section, paths[section])
    _one_key_per_mailbox(scene, paths)


def _paths(scene: Scene, section: str) -> dict[str, Path]:
    wanted = getattr(scene.wanted, section)
    by_name = {(server.customer, server.name): uid for uid, server in wanted.items()}
    found = {}
    for entry in getattr(scene.document, section):
        part: ServerPart = entry.part
        for uid in (part.uid, by_name.get((part.customer, part.name))):
            if uid in wanted:
                found[str(uid)] = entry.path
    return found


def _names_once(scene: Scene, section: str, paths: dict[str, Path]) -> None:
    seen: dict[tuple[str | None, str], str] = {}
    for uid, server in scene.known(section).items():
        first = seen.setdefault((server.customer, server.name), uid)
        if first != uid:
            path = paths.get(uid) or paths.get(first) or ()
            scene.fault((*path, "name"), "another server of this owner has this name", "give it another name")


def _one_key_per_mailbox(scene: Scene, paths: dict[str, dict[str, Path]]) -> None:
    keys: dict[str, KeyRecord] = scene.known("keys")
    first: dict[tuple[str | None, str, str], tuple[str, Any]] = {}
    for section in SECTIONS:
        for uid, server in scene.known(section).items():
            key = keys.get(server.key)
            if key is None:
                continue
            at, before = first.setdefault((key.customer, server.email, server.provider), (section, server))
            if before.key != server.key:
                path = paths[section].get(uid) or paths[at].get(before.uid) or ()
                owner = f"customer {key.customer}" if key.customer else "the system"
                scene.fault(
                    (*path, "key"),
                    f"{owner} opens {server.email} with key {keys[before.key].name!r} already (server {before.name!r})",
                    "use the same key for both servers",
                )
