"""`keys rotate` and `keys verify`: every sealed value again under the first key of the ring, and which keys nothing needs any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.storage import sealed_values
from shared.storage.database import Database
from shared.storage.sealed_values import KINDS
from shared.storage.sealing import Sealer

Progress = Callable[[str, int], None]
"""progress(kind, values done so far)"""


@dataclass(frozen=True, slots=True)
class Ring:
    """What is sealed under which key. counts: kind -> key id -> values. unneeded: keys of the setting that may go.

    missing: keys that something is sealed under and that the setting lacks. broken: why values do not open.
    """

    current: str
    counts: Mapping[str, Mapping[str, int]]
    handled: Mapping[str, int]
    broken: tuple[str, ...]
    unneeded: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def faulty(self) -> bool:
        """Whether something can't be opened."""
        return bool(self.broken or self.missing)


def rotate(database: Database, sealer: Sealer, *, raw_mail: bool, progress: Progress) -> Ring:
    """Seals again what is not under the current key, in batches of one transaction each: it may be stopped and run again.

    raw_mail: raw copies too; else they go with their time (30 days by default), and their keys stay needed until then.
    """
    return _each(database, sealer, write=True, bulky=raw_mail, progress=progress)


def verify(database: Database, sealer: Sealer, *, raw_mail: bool, progress: Progress) -> Ring:
    """Opens every sealed value and counts them by key. Writes nothing."""
    return _each(database, sealer, write=False, bulky=raw_mail, progress=progress)


def _each(database: Database, sealer: Sealer, *, write: bool, bulky: bool, progress: Progress) -> Ring:
    handled: dict[str, int] = {}
    broken: list[str] = []
    for kind in KINDS:
        if kind.bulky and not bulky:
            continue
        handled[kind.name] = 0
        for batch in sealed_values.in_batches(database, sealer, kind, write=write):
            handled[kind.name] += batch.done
            broken += batch.broken
            progress(kind.name, handled[kind.name])
    with database.transaction() as connection:
        counts = sealed_values.counts(connection)
    used = {key_id for by_key in counts.values() for key_id in by_key}
    return Ring(
        current=sealer.current,
        counts=counts,
        handled=handled,
        broken=tuple(broken),
        unneeded=tuple(key_id for key_id in sealer.ring if key_id != sealer.current and key_id not in used),
        missing=tuple(sorted(used - set(sealer.ring))),
    )
