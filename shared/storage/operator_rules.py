"""Operators' own rules for the classifier, as the TOML text that they wrote. Every text that was in force is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """One text of rules. id: grows with each text that is put in force. loaded_at: UTC-aware."""

    id: int
    text: str
    loaded_by: str
    loaded_at: datetime


def in_force(connection: Connection) -> RulesInForce | None:
    """The newest text; None if there never was one. An empty text means: no rules."""
    row = connection.execute(
        "select id, text, loaded_by, loaded_at from operator_rules order by id desc limit 1"
    ).fetchone()
    return RulesInForce(*row) if row else None


def newest_id(connection: Connection) -> int:
    """The id of the text in force, 0 without one: what a running classifier asks again and again."""
    row = connection.execute("select coalesce(max(id), 0) from operator_rules").fetchone()
    return int(row[0]) if row else 0


def put_in_force(connection: Connection, text: str, loaded_by: str) -> int:
    """Makes a text the one in force and returns its id. The caller has checked it. loaded_by: a name for the record."""
    row = connection.execute(
        "insert into operator_rules (text, loaded_by) values (%s, %s) returning id", (text, loaded_by)
    ).fetchone()
    assert row is not None  # insert … returning gives one row
    return int(row[0])
