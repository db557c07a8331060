"""The end's table, and the look at what was removed when, which several parts of it take."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.demo.core.comparing import Line


@dataclass
class Verdict:
    """lines: expected and actual. wrong: a sentence each."""

    lines: list[Line] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything is as it must be."""
        return not self.wrong and all(line.good for line in self.lines)

    def nothing(self, what: str, found: Sequence[str]) -> None:
        """A line that must say 0."""
        self.lines.append(Line(what, 0, len(found)))
        self.wrong += found


def removed_wrongly(
    removals: Sequence[Mapping[str, Any]],
    committed: Mapping[tuple[str, str], datetime],
    reports: Collection[tuple[str, str]],
) -> tuple[list[str], list[str]]:
    """Sentences on mails that were removed before their rows were committed, and on those that nobody should have removed.

    removals: the simulator's log, oldest first. committed: (mailbox, lasting id) -> time of the last of its rows.
    """
    first: dict[tuple[str, str], datetime] = {}
    for one in removals:
        first.setdefault((one["mailbox"], one["lasting_id"]), datetime.fromisoformat(one["at"]))
    early, others = [], []
    for mail, at in first.items():
        if mail not in reports:
            others.append(f"{mail}: removed, but it is no report")
        elif mail not in committed:
            early.append(f"{mail}: removed at {at}, has no row whose commit is known")
        elif at < committed[mail]:
            early.append(f"{mail}: removed at {at}, its rows were committed at {committed[mail]}")
    return early, others
