"""Monitors in words: conditions, how a subscriber was found, what came of it, before → after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from shared.domain.monitors import ACTIONS, Condition, MonitorAction

EFFECTS: Mapping[str, str] = {
    "done": "done",
    "already": "nothing to do",
    "dry_run": "nothing: dry run",
    "no_subscriber": "nothing: no subscriber was found",
    "invalid": "nothing: the condition is invalid",
    "no_text": "nothing: no text of the person's own was found",
    "undone": "undone",
}
FOUND_BY: Mapping[str, str] = {
    "email": "address",
    "reference": "our reference",
    "message_id": "the mail that it answers",
    "tracking_link": "a tracking link",
}


class Outcome(Protocol):
    """A row of the monitors' log."""

    @property
    def effect(self) -> str: ...
    @property
    def detail(self) -> str: ...


def condition_text(condition: Condition) -> str:
    """`body contains 'stop', any case → unsubscribe`."""
    return condition_of(
        {
            "field": condition.field.value,
            "operator": condition.operator.value,
            "value": condition.value,
            "ignore_case": condition.ignore_case,
            "action": condition.action.value,
            "target": condition.target,
        }
    )


def condition_of(condition: Mapping[str, Any] | None) -> str:
    """The same of a condition as a log keeps it; '' for none."""
    if condition is None:
        return ""
    words = str(condition["operator"]).replace("_", " ")
    case = ", any case" if condition.get("ignore_case") else ""
    target = f" {condition['target']}" if condition.get("target") else ""
    action = ACTIONS[MonitorAction(condition["action"])].label.lower()
    return f"{condition['field']} {words} {condition['value']!r}{case} → {action}{target}"


def identified_of(method: str | None) -> str:
    """How the subscriber was found; '' for nobody."""
    return FOUND_BY.get(method or "", method or "")


def effect_of(row: Outcome) -> str:
    """What came of an action, with its detail."""
    said = EFFECTS.get(row.effect, row.effect)
    return f"{said} ({row.detail})" if row.detail else said


def change_text(
    action: MonitorAction, before: Mapping[str, Any], after: Mapping[str, Any], on: str, subscriber_id: int | None
) -> str:
    """What an action changed about one subscriber, from what shared/storage/monitor_effects.py keeps of before and after.

    on: its list. A blacklisting may have changed other customers' rows too: they are not told of.
    """
    match action:
        case MonitorAction.UNSUBSCRIBE | MonitorAction.UNCONFIRM:
            return f"{before['status']} → {after['status']} on {on}"
        case MonitorAction.BLACKLIST:
            entry = "everybody's blacklist" if after["everywhere"] else "the customer's blacklist"
            own = [one["status"] for one in before["subscribers"] if one["subscriber"] == subscriber_id]
            parts = [f"on {entry}"] if after["entry"] else []
            return "; ".join([*parts, *(f"{status} → blacklisted" for status in own)])
        case MonitorAction.DELETE:
            return f"{before['status']} on {on} → deleted"
        case MonitorAction.MOVE_TO_LIST:
            known = ", which had the address already" if after.get("removed") else ""
            return f"{before['status']} on {on} → moved to {after['list']}{known}"
        case MonitorAction.COPY_TO_LIST:
            return f"copied to {after['list']} as {after['status']}"
        case MonitorAction.STOP_CAMPAIGN_GROUP:
            waiting = sends_cancelled(after.get("cancelled", 0))
            return f"gets no more mail of {after['group_uid']}" + (f"; {waiting}" if waiting else "")


def sends_cancelled(count: int) -> str:
    """`3 waiting sends cancelled`; '' for none."""
    return f"{count} waiting send{'' if count == 1 else 's'} cancelled" if count else ""
