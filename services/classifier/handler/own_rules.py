"""Keeps a running classifier at the operators' newest rules: a mounted file, then the database's text."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from services.classifier.core.own_rules import NO_OWN_RULES, OwnRules, OwnRulesRefused, Source, read_own_rules
from services.classifier.settings import shipped_rules
from shared.storage import operator_rules
from shared.storage.database import Connection
from shared.telemetry import log

LOOK_SECONDS = 5.0  # between two looks; a change is in force for the first batch after one
MOST_BYTES = 2_000_000


class OwnRulesWatch:
    """Looks for a change at most every five seconds, and hands changed rules to `use`.

    Rules that can't be used leave the last good ones in force; the log says why, with file and line, once per change.
    """

    def __init__(
        self,
        use: Callable[[tuple[Source, ...], str], None],
        file: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """use: takes (sources, version of all rules). file: path of a mounted file; may be absent for now."""
        self._use = use
        self._file = Path(file) if file else None
        self._clock = clock
        self._looked = float("-inf")
        self._seen: tuple[str, int] | None = None
        self._own = NO_OWN_RULES
        self._turn = Lock()

    def refresh(self, connection: Connection, strict: bool = False, *, at_once: bool = False) -> None:
        """Looks, if it is time, or `at_once`. Raises SystemExit for rules that can't be used if `strict`, else leaves it at
        the log. Threads take turns."""
        with self._turn:
            now = self._clock()
            if now - self._looked >= LOOK_SECONDS or at_once:
                self._looked = now
                self._look(connection, strict)

    def _look(self, connection: Connection, strict: bool) -> None:
        try:
            text = file_text(self._file)
        except (OSError, UnicodeDecodeError) as error:
            log.error("rules.unread", file=str(self._file), error=type(error).__name__)
            if strict:
                raise SystemExit(f"rules: {self._file}: {type(error).__name__}") from None
            return
        seen = (text, operator_rules.newest_id(connection))
        if seen == self._seen:
            return
        self._seen = seen
        self._take(_sources(connection, self._file, text), strict)

    def _take(self, sources: tuple[Source, ...], strict: bool) -> None:
        try:
            own = own_rules(sources)
        except OwnRulesRefused as refused:
            log.error("rules.refused", problems=list(refused.problems), still=self._own.version or "none")
            if strict:
                raise SystemExit("rules:\n" + "\n".join(refused.problems)) from None
            return
        if own.version == self._own.version:
            return
        self._own = own
        version = shipped_rules().version + (f"+{own.version}" if own.version else "")
        self._use(sources, version)
        log.info("rules.in_force", version=version, rules=len(own.rules))


def file_text(file: Path | None) -> str:
    """The text of a mounted file; '' if there is none. Raises OSError, UnicodeDecodeError."""
    if file is None or not file.exists():
        return ""
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES).decode("utf-8")


def sources_in_force(connection: Connection, file: Path | None) -> tuple[Source, ...]:
    """The operators' rules that count now: those of the file, then those of the database. Raises as file_text does."""
    return _sources(connection, file, file_text(file))


def _sources(connection: Connection, file: Path | None, text: str) -> tuple[Source, ...]:
    row = operator_rules.in_force(connection)
    sources = ((str(file), text), ("database", row.text if row else ""))
    return tuple(source for source in sources if source[1].strip())


def own_rules(sources: tuple[Source, ...]) -> OwnRules:
    """Operators' rules beside the shipped ones. Raises OwnRulesRefused."""
    shipped = shipped_rules()
    return read_own_rules(sources, shipped.sets, frozenset(rule.id for rule in shipped.rules))
