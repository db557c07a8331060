"""Bounce servers and monitors as rows of a CSV file (A174, A176): columns, cells to values, records to cells. Never a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from services.console.core.csv_text import Row, RowFault
from shared.domain.access import Feature, Role
from shared.domain.installation import BounceServerRecord, MonitorRecord
from shared.domain.monitors import ACTIONS, Condition, Field, Operator

_FIRST = ("uid", "name", "provider", "email", "key", "customer")
_LAST = (
    "status",
    "locked",
    "disposal",
    "move_to",
    "read_junk",
    "dry_run",
    "blacklist_scope",
    "only_mail_from",
    "poll_minutes",
)
COLUMNS: Final[Mapping[Feature, tuple[str, ...]]] = {
    Feature.BOUNCE_SERVERS: (*_FIRST, *_LAST),
    Feature.MONITORS: (*_FIRST, "identify_by", *_LAST, "ignore_machine_mail", "plus_addressing", "conditions"),
}
NEEDED: Final = ("name", "provider", "email")
_OPERATORS_ONLY = frozenset({"customer", "locked", "blacklist_scope"})
_SWITCHES = frozenset({"locked", "read_junk", "dry_run", "ignore_machine_mail", "plus_addressing"})
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}

ServerRecord = BounceServerRecord | MonitorRecord


def columns_for(feature: Feature, role: Role) -> tuple[str, ...]:
    """The columns of a role's file. Owner, lock and the blacklist's scope are the operator's to say."""
    return tuple(name for name in COLUMNS[feature] if role.is_operator or name not in _OPERATORS_ONLY)


def values_of(row: Row) -> tuple[dict[str, Any], list[RowFault]]:
    """A row's cells as the values of a document's part; and what of it can't be read."""
    values: dict[str, Any] = {}
    faults: list[RowFault] = []
    for name, cell in row.cells.items():
        if name in _SWITCHES:
            known = _WORDS.get(cell.strip().lower())
            if known is None:
                faults.append(RowFault(row.line, name, "is neither yes nor no", "write yes or no"))
            values[name] = known or False
        elif name == "poll_minutes":
            text = cell.strip()
            values[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text
        elif name == "conditions":
            values[name], wrong = _conditions(row.line, cell)
            faults += wrong
        else:
            values[name] = cell if name == "name" else cell.strip()
    return values, faults


def _conditions(line: int, cell: str) -> tuple[Any, list[RowFault]]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        fix = 'write it like [{"value": "unsubscribe me", "action": "unsubscribe"}]'
        return [], [RowFault(line, "conditions", f"is not JSON{where}", fix)]
    if not isinstance(found, list):
        return [], [RowFault(line, "conditions", "is not a JSON list", "put [ ] around the conditions")]
    if not _storable(found):
        return [], [
            RowFault(line, "conditions", "holds a character that is none", "take out \\u0000 and halves of pairs")
        ]
    return found, []


def _storable(value: object) -> bool:
    """JSON can write what no text can hold: NUL, and one half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False).replace("\\\\", "")  # what is left of backslashes escapes
    return "\\u0000" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def cells_of(record: ServerRecord, key: str) -> dict[str, str]:
    """A record's cells. key: how the file names its key; '' for one that the reader is not told."""
    cells = {
        "uid": record.uid,
        "name": record.name,
        "provider": record.provider,
        "email": record.email,
        "key": key,
        "customer": record.customer or "",
        "status": record.status,
        "locked": _yes(record.locked),
        "disposal": record.disposal,
        "move_to": record.move_to or "",
        "read_junk": _yes(record.read_junk),
        "dry_run": _yes(record.dry_run),
        "blacklist_scope": record.blacklist_scope,
        "only_mail_from": record.only_mail_from.isoformat() if record.only_mail_from else "",
        "poll_minutes": str(record.poll_seconds // 60),
    }
    if isinstance(record, MonitorRecord):
        cells |= {
            "identify_by": record.identify_by,
            "ignore_machine_mail": _yes(record.ignore_machine_mail),
            "plus_addressing": _yes(record.plus_addressing),
            "conditions": json.dumps([_condition(one) for one in record.conditions], ensure_ascii=False),
        }
    return cells


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _condition(condition: Condition) -> dict[str, Any]:
    """What differs from the defaults is all that is written."""
    found: dict[str, Any] = {"value": condition.value, "action": condition.action.value}
    if condition.operator is not Operator.CONTAINS:
        found["operator"] = condition.operator.value
    if condition.field is not Field.BODY:
        found["field"] = condition.field.value
    for name in ("ignore_case", "any_content"):
        if getattr(condition, name):
            found[name] = True
    if condition.target:
        found[str(ACTIONS[condition.action].target.value)] = condition.target
    return found
