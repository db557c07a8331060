"""From rows of a CSV file to records, by the rules of the role: what there is already, whose it is, which key, how many (A174-A177)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.console.core.csv_text import Row, RowFault
from services.console.core.faults import Fault, suggest
from services.console.core.merging import Outside, Scene, Wanted
from services.console.core.merging_keys import default_uid
from services.console.core.merging_monitors import merge_monitors
from services.console.core.merging_servers import merge_bounce_servers
from services.console.core.reading import read_document
from services.console.core.server_keys import check_servers
from services.console.core.server_rows import ServerRecord, values_of
from shared.domain.access import Feature, Role
from shared.domain.installation import Installation
from shared.domain.mailboxes import normalize_address

Mailbox = tuple[str, str, str | None]
"""Provider, address, owner: what a row means if it says no uid."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that was left alone, and why."""

    line: int
    name: str
    why: str


@dataclass(slots=True)
class Merged:
    """What a file asks for. wanted: by uid, complete. faults: if there are any, nothing is to be written."""

    wanted: dict[str, ServerRecord] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)


def visible(installation: Installation, role: Role) -> Installation:
    """What of an installation a role knows: a customer its own, and the system keys that its servers were given."""
    if role.is_operator:
        return installation
    own = {
        section: {uid: one for uid, one in getattr(installation, section).items() if one.customer == role.customer}
        for section in (
            "keys",
            "lists",
            "campaign_groups",
            "campaigns",
            "bounce_servers",
            "delivery_servers",
            "monitors",
        )
    }
    servers = [*own["bounce_servers"].values(), *own["delivery_servers"].values(), *own["monitors"].values()]
    given = {one.key: installation.keys[one.key] for one in servers}
    customers = {uid: one for uid, one in installation.customers.items() if uid == role.customer}
    return replace(installation, customers=customers, groups={}, **(own | {"keys": given | own["keys"]}))


def merge_rows(
    rows: Sequence[Row], feature: Feature, role: Role, installation: Installation, places: int | None, now: datetime
) -> Merged:
    """The records that a file's rows lead to. places: how many more the customer may make; None: no limit."""
    view = visible(installation, role)
    found = Merged()
    reader = _Rows(rows, feature, role, view, frozenset(getattr(installation, feature.value)), found)
    values = reader.values()
    lines = [line for line, _ in values]
    document = read_document({feature.value: [one for _, one in values]})
    outside = Outside({}, {}, (), lambda *_: "", now)
    scene = Scene(document, view, outside, Wanted())
    (merge_monitors if feature is Feature.MONITORS else merge_bounce_servers)(scene)
    check_servers(scene)
    found.faults += [_located(fault, lines) for fault in (*document.faults, *scene.wanted.faults)]
    found.wanted = getattr(scene.wanted, feature.value)
    new = [(line, one) for line, one in values if one.get("uid") not in getattr(view, feature.value)]
    if places is not None and len(new) > places:
        left = f"{places} more" if places > 0 else "no more"
        found.faults += [
            RowFault(
                line,
                "row",
                f"would be new, and the limit allows {left}",
                f"delete a {feature.one}, or ask the operator",
            )
            for line, _ in new[max(0, places) :]
        ]
    return found


def _located(fault: Fault, lines: Sequence[int]) -> RowFault:
    """A fault of the document as one of the row: ("monitors", 3, "key") is the key of the fourth row that was read."""
    at = fault.path[1] if len(fault.path) > 1 and isinstance(fault.path[1], int) else None
    name = Fault(fault.path[2:], "", "").field if len(fault.path) > 2 else "row"
    return RowFault(lines[at] if at is not None else None, name, fault.reason, fault.fix)


class _Rows:
    """Rows as parts of a document, each with the uid of what it means."""

    def __init__(
        self,
        rows: Sequence[Row],
        feature: Feature,
        role: Role,
        view: Installation,
        taken: frozenset[str],
        found: Merged,
    ) -> None:
        self._rows, self._feature, self._role, self._view, self._found = rows, feature, role, view, found
        self._servers: Mapping[str, ServerRecord] = getattr(view, feature.value)
        self._taken = set(taken)
        self._at: dict[Mailbox, list[ServerRecord]] = defaultdict(list)
        for server in self._servers.values():
            self._at[server.provider, server.email, server.customer].append(server)
        self._lines: dict[Mailbox, int] = {}
        self._said = {row.cells["uid"].strip() for row in rows if "uid" in row.cells}
        self._own_keys = {
            key.uid: key for key in view.keys.values() if role.may_choose_key(key.customer, role.customer)
        }

    def values(self) -> list[tuple[int, dict[str, Any]]]:
        """Line and values of each row that is to be merged."""
        read = [(row, *values_of(row)) for row in self._rows]
        named = {(self._mailbox(values), values.get("name")) for _, values, _ in read}
        merged = []
        for row, values, faults in read:
            self._found.faults += faults
            if not faults and self._complete(row, values, named):
                merged.append((row.line, values))
        return merged

    def _mailbox(self, values: Mapping[str, Any]) -> Mailbox:
        owner = self._role.customer or values.get("customer")
        return str(values.get("provider", "")), normalize_address(str(values.get("email", ""))), owner

    def _complete(self, row: Row, values: dict[str, Any], named: set[tuple[Mailbox, Any]]) -> bool:
        """Fills in uid, owner and key; False if the row has a fault or is left alone."""
        before = len(self._found.faults)
        present = self._present(row, values, named)
        if len(self._found.faults) > before:
            return False
        if present is not None and not self._role.may_change(present.customer, locked=present.locked):
            self._found.skipped.append(Skipped(row.line, present.name, "locked by the operator"))
            return False
        owner = self._role.customer or values.get("customer") or (present.customer if present else None)
        if owner is not None:
            values["customer"] = owner
        values["uid"] = (
            present.uid if present else values.get("uid") or self._new_uid(owner, str(values.get("name", "")))
        )
        self._key(row, values, present)
        return len(self._found.faults) == before

    def _present(self, row: Row, values: Mapping[str, Any], named: set[tuple[Mailbox, Any]]) -> ServerRecord | None:
        uid = values.get("uid")
        if uid:
            found = self._servers.get(uid)
            if found is None and not self._role.is_operator:
                fix = "leave the uid out to make a new one"
                self._fault(row, "uid", f"names no {self._feature.one} that there is", fix)
            return found
        mailbox = self._mailbox(values)
        if self._feature is Feature.BOUNCE_SERVERS:
            first = self._lines.setdefault(mailbox, row.line)
            if first != row.line:
                self._fault(row, "email", f"has a row of this owner already, in line {first}", "keep one of the two")
        there = self._at.get(mailbox, [])
        by_name = [one for one in there if one.name == values.get("name")]
        # One that another row of the file calls by its uid or name is not meant by this one.
        free = by_name or [one for one in there if one.uid not in self._said and (mailbox, one.name) not in named]
        if len(free) > 1:
            names = ", ".join(one.name for one in free)
            self._fault(
                row, "name", f"several {self._feature.many} are at this mailbox ({names})", "say which by uid or name"
            )
            return None
        if free and not by_name:
            there.remove(free[0])  # taken by this row
        return free[0] if free else None

    def _key(self, row: Row, values: dict[str, Any], present: ServerRecord | None) -> None:
        named = values.get("key")
        if named is None:
            if present is not None:
                values["key"] = present.key
                self._same_mailbox(row, values, present)
            return
        if self._role.is_operator:
            return
        own = [key for key in self._own_keys.values() if named in (key.uid, key.name)]
        own.sort(key=lambda key: key.provider != values.get("provider"))
        if own:
            values["key"] = own[0].uid
        else:
            self._fault(
                row, "key", "names no key that there is", suggest(named, [key.name for key in self._own_keys.values()])
            )

    def _same_mailbox(self, row: Row, values: Mapping[str, Any], present: ServerRecord) -> None:
        """With the operator's key a customer can't look into another mailbox than the one that it was given."""
        if self._role.is_operator or present.key in self._own_keys:
            return
        if self._mailbox(values)[:2] != (present.provider, present.email):
            self._fault(row, "email", "can't be changed while the key is the operator's", "name a key of your own")

    def _new_uid(self, owner: str | None, name: str) -> str:
        wanted = uid = default_uid(owner, name)
        number = 1
        while uid in self._taken:
            number += 1
            uid = f"{wanted}-{number}"
        self._taken.add(uid)
        return uid

    def _fault(self, row: Row, name: str, reason: str, fix: str) -> None:
        self._found.faults.append(RowFault(row.line, name, reason, fix))
