"""What holds and runs did to somebody's bounces, as lines of a story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from services.console.core.run_words import KEPT

Told = tuple[datetime, str, str]
"""When, the kind of line, its text."""

_RUNS = {
    "replay": "replay",
    "release": "release of held bounces",
    "discard": "discard of held bounces",
    "take_back": "taking back what came before a hold",
}


def held_line(fact: Any, viewer: str | None) -> Told:
    """A bounce that the guard held. By which pattern is an operator's business: other customers' reports are in it."""
    what = f"domain {fact.name}" if fact.kind == "domain" else f"“{fact.name}”"
    why = "" if viewer is not None else f" by hold {fact.hold_id}: {what}"
    return fact.held_at, "held", f"the bounce of {fact.recipient} was held for review{why}"


def effect_lines(fact: Any) -> Iterator[Told]:
    """One effect of a run: when it was applied, and when it was undone or why it was not."""
    run = f"run {fact.run_id} ({_RUNS.get(fact.kind, fact.kind)})"
    text = _said(fact)
    if fact.applied_at is not None:
        yield fact.applied_at, "run", f"{run}: {text}"
    elif fact.kept:
        yield fact.finished_at, "run", f"{run} left {fact.address} as it is: {KEPT.get(fact.kept, fact.kept)}"
    if fact.undone_at is not None:
        yield fact.undone_at, "undone", f"{run} undone: {_said(fact, back=True)}"
    elif fact.applied_at is not None and fact.run_undone_at is not None:
        why = KEPT.get(fact.kept or "", "")
        yield fact.run_undone_at, "undone", f"{run} undone, but not this ({text}): {why}"


def _said(fact: Any, *, back: bool = False) -> str:
    before, after = (fact.after, fact.before) if back else (fact.before, fact.after)
    if fact.what == "blacklist":
        if before is None or after is None:
            return f"{fact.address} {'is blacklisted' if before is None else 'is freed'}"
        return f"{fact.address} stays blacklisted, because of another bounce"
    parts = []
    for name, word in (("bounce_class", ""), ("rule", "rule "), ("effect", "")):
        was, now = (before or {}).get(name), (after or {}).get(name)
        if was != now:
            parts.append(f"{word}{was or 'nothing'} → {now or 'nothing'}")
    return f"the bounce of {fact.address or 'a redacted recipient'}: {', '.join(parts) or 'as before'}"
