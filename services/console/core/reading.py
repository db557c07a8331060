"""From a plain document (what YAML or a caller gave) to its parts, with every fault and not only the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from services.console.core.documents import (
    BounceServerPart,
    CampaignPart,
    CustomerPart,
    GroupPart,
    KeyPart,
    ListPart,
    Part,
    SentMailPart,
    SettingsPart,
)
from services.console.core.faults import Fault, Path, faults_of, suggest
from services.console.core.monitor_documents import MonitorPart
from services.console.core.sending_documents import CampaignGroupPart, DeliveryServerPart

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Entry(Generic[P]):
    """One part and where it stands in the document."""

    path: Path
    part: P


@dataclass(frozen=True, slots=True)
class Document:
    """The parts of a document, section by section; what was faulty is left out.

    sections: those that the document has, an empty one included (--prune looks at nothing else).
    excused: names and uids of faulty entries, so that whoever refers to them is not called faulty as well.
    """

    sections: frozenset[str] = frozenset()
    settings: SettingsPart | None = None
    groups: tuple[Entry[GroupPart], ...] = ()
    customers: tuple[Entry[CustomerPart], ...] = ()
    keys: tuple[Entry[KeyPart], ...] = ()
    lists: tuple[Entry[ListPart], ...] = ()
    campaign_groups: tuple[Entry[CampaignGroupPart], ...] = ()
    campaigns: tuple[Entry[CampaignPart], ...] = ()
    sent_mail: tuple[Entry[SentMailPart], ...] = ()
    sent_mail_csv: str | None = None
    bounce_servers: tuple[Entry[BounceServerPart], ...] = ()
    delivery_servers: tuple[Entry[DeliveryServerPart], ...] = ()
    monitors: tuple[Entry[MonitorPart], ...] = ()
    faults: tuple[Fault, ...] = ()
    excused: frozenset[str] = frozenset()


_PARTS: Mapping[str, type[Part]] = {
    "groups": GroupPart,
    "customers": CustomerPart,
    "keys": KeyPart,
    "lists": ListPart,
    "campaign_groups": CampaignGroupPart,
    "campaigns": CampaignPart,
    "sent_mail": SentMailPart,
    "bounce_servers": BounceServerPart,
    "delivery_servers": DeliveryServerPart,
    "monitors": MonitorPart,
}
_SECTIONS = ("settings", "sent_mail_csv", *_PARTS)


@dataclass(slots=True)
class _Found:
    faults: list[Fault] = field(default_factory=list)
    excused: set[str] = field(default_factory=set)


def read_document(raw: object) -> Document:
    """All good parts of `raw` and all its faults of shape. References between parts are not looked at here."""
    found = _Found()
    if not isinstance(raw, Mapping):
        return Document(faults=(Fault((), "is not a document", "write sections such as `customers:`"),))
    for name in raw:
        if name not in _SECTIONS:
            found.faults.append(Fault((str(name),), "is not a section", suggest(str(name), _SECTIONS)))
    sections: dict[str, Any] = {
        name: _entries(name, model, raw[name], found) for name, model in _PARTS.items() if name in raw
    }
    csv_file = raw.get("sent_mail_csv")
    if csv_file is not None and not isinstance(csv_file, str):
        found.faults.append(Fault(("sent_mail_csv",), "is not a file name", "write the path of a CSV file"))
        csv_file = None
    return Document(
        sections=frozenset(name for name in raw if name in _SECTIONS),
        settings=_part(SettingsPart, raw["settings"] or {}, ("settings",), found) if "settings" in raw else None,
        sent_mail_csv=csv_file,
        faults=tuple(found.faults),
        excused=frozenset(found.excused),
        **sections,
    )


def read_rows(model: type[P], rows: list[dict[str, str]], file: str) -> tuple[list[P], list[Fault]]:
    """Rows of a CSV file, their header line being line 1. Empty cells count as left out; recipients part at spaces."""
    parts: list[P] = []
    found = _Found()
    for number, row in enumerate(rows, start=2):
        values: dict[str, Any] = {
            name: cell for name, cell in row.items() if name is not None and cell not in ("", None)
        }
        if isinstance(values.get("recipients"), str):
            values["recipients"] = values["recipients"].replace(";", " ").split()
        part = _part(model, values, (f"{file} line {number}",), found)
        if part is not None:
            parts.append(part)
    return parts, found.faults


def _entries(name: str, model: type[P], value: object, found: _Found) -> tuple[Entry[P], ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        found.faults.append(Fault((name,), "is not a list", "write one `- ` entry per line below it"))
        return ()
    entries = []
    for position, item in enumerate(value):
        part = _part(model, item, (name, position), found)
        if part is not None:
            entries.append(Entry((name, position), part))
    return tuple(entries)


def _part(model: type[P], value: object, path: Path, found: _Found) -> P | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found.faults.extend(faults_of(error, model, path))
        if isinstance(value, Mapping):
            found.excused.update(str(value[name]) for name in ("uid", "name") if value.get(name))
        return None
