"""What becomes of a blacklist entry when the bounce that it came from is none any more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Keep(StrEnum):
    """Why something was left as it is; the values are the words of the tables."""

    OPERATOR = "operator"  # an operator wants the entry, whatever becomes of the bounce
    OTHER_SOURCE = "other_source"  # it is there for something else than a hard bounce
    CHANGED = "changed"  # something later changed it
    THERE_AGAIN = "there_again"  # somebody put an entry there since
    OTHER_BOUNCE = "other_bounce"  # another hard bounce holds it
    CAUSE_CHANGED = "cause_changed"  # the bounce that it came from was changed since, and does not hold it


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry whose bounce no longer blacklists. other: another bounce that does, for the same address and owner."""

    source: str
    by_operator: bool
    other: int | None


@dataclass(frozen=True, slots=True)
class Fate:
    """free: the entry goes. cause: it stays, from now on because of this bounce. keep: it stays as it is, and why."""

    free: bool = False
    cause: int | None = None
    keep: Keep | None = None


def fate(entry: Entry) -> Fate:
    """Nobody is freed whom anything else holds."""
    if entry.source != "hard_bounce":
        return Fate(keep=Keep.OTHER_SOURCE)
    if entry.by_operator:
        return Fate(keep=Keep.OPERATOR)
    if entry.other is not None:
        return Fate(cause=entry.other)
    return Fate(free=True)
