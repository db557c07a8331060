"""Switches and settings that hold for everyone, and the customers' limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.mailboxes import Provider
from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Switches:
    """The rows of `settings`. match_within_days: how long after a send a report still counts. 0 soft bounces: off (A121).

    hold_…: the blast guard; 0 hard bounces: off, 0 hours: a hold ends by a person's decision only.
    """

    extension_enabled: bool
    enabled_providers: frozenset[Provider]
    soft_bounces_to_blacklist: int
    global_blacklist: bool
    match_within_days: int
    hold_after_hard_bounces: int = 50
    hold_within_minutes: int = 10
    hold_times_weekly_rate: float = 5.0
    hold_ends_when_quiet_hours: int = 0


def switches(connection: Connection) -> Switches:
    """All switches, read at once."""
    rows: dict[str, Any] = dict(connection.execute("select key, value from settings").fetchall())
    return Switches(
        extension_enabled=bool(rows.get("extension_enabled", True)),
        enabled_providers=frozenset(p for p in Provider if rows.get(f"{p.value}_enabled", True)),
        soft_bounces_to_blacklist=int(rows.get("soft_bounces_to_blacklist", 0)),
        global_blacklist=rows.get("bounce_blacklist_scope", "customer") == "global",
        match_within_days=int(rows.get("match_within_days", 90)),
        hold_after_hard_bounces=int(rows.get("hold_after_hard_bounces", 50)),
        hold_within_minutes=int(rows.get("hold_within_minutes", 10)),
        hold_times_weekly_rate=float(rows.get("hold_times_weekly_rate", 5)),
        hold_ends_when_quiet_hours=int(rows.get("hold_ends_when_quiet_hours", 0)),
    )


def put_setting(connection: Connection, key: str, value: Any) -> bool:
    """Sets one switch; says whether that changed it."""
    changed = connection.execute(
        """
        insert into settings (key, value) values (%s, %s)
        on conflict (key) do update set value = excluded.value where settings.value <> excluded.value
        """,
        (key, Jsonb(value)),
    )
    return changed.rowcount > 0
