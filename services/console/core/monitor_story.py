"""What monitors did, as sentences of a story: monitor, condition, the words it hit, before → after, and whether it was undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.domain.monitor_words import change_text, condition_of, effect_of, identified_of
from shared.domain.monitors import MonitorAction


def monitored(facts: Sequence[Any], viewer: str | None) -> list[Any]:
    """Those rows of the monitors' log that a customer may know of: what its own monitors did. None: the operator, all."""
    return [fact for fact in facts if viewer is None or (fact.owner == viewer and fact.customer == viewer)]


def acted_text(fact: Any) -> str:
    """One row of the log: which monitor read the mail, what it hit, whom it found, what it did."""
    whose = f"monitor {fact.monitor}" + (f" of {fact.owner}" if fact.owner else "")
    text = f"{whose} read mail {fact.mail_id} from {fact.sender or 'nobody'}"
    if fact.condition is None:
        return f"{text}: {effect_of(fact)}"
    text += f": {condition_of(fact.condition)}, matched “{fact.matched_text}”"
    if fact.subscriber:
        text += f"; {fact.subscriber}, found by {identified_of(fact.identified_by)}"
    return f"{text}; action {fact.log_id}: {_came(fact)}"


def undone_text(fact: Any) -> str:
    """Who took it back."""
    return f"action {fact.log_id} of monitor {fact.monitor} was undone by {fact.undone_by}"


def _came(fact: Any) -> str:
    # An action that was undone since is told as it was then; the undo has its own line.
    if fact.effect not in ("done", "undone"):
        return effect_of(fact)
    action = MonitorAction(fact.condition["action"])
    return change_text(action, fact.before or {}, fact.after or {}, fact.list or "its list", fact.subscriber_id)
