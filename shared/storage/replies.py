"""What monitors made of a reply, as the JSON that is stored within a finding, and back."""

from __future__ import annotations

from typing import Any

from shared.domain.monitors import Condition, Field, MonitorAction, MonitorFinding, Operator, ReplyFinding, Verdict
from shared.storage.texts import clean


def condition_to_json(condition: Condition) -> dict[str, Any]:
    """A condition as it stands in findings and in the monitors' log."""
    return {
        "value": clean(condition.value),
        "action": condition.action.value,
        "operator": condition.operator.value,
        "field": condition.field.value,
        "ignore_case": condition.ignore_case,
        "any_content": condition.any_content,
        "target": condition.target,
    }


def condition_from_json(plain: dict[str, Any]) -> Condition:
    """What condition_to_json was given."""
    return Condition(
        plain["value"],
        MonitorAction(plain["action"]),
        Operator(plain["operator"]),
        Field(plain["field"]),
        plain["ignore_case"],
        plain["any_content"],
        plain["target"],
    )


def to_json(reply: ReplyFinding) -> dict[str, Any]:
    """Plain values only."""
    return {
        "sender": clean(reply.sender),
        "subscriber_uids": [clean(uid) for uid in reply.subscriber_uids],
        "monitors": [
            {
                "monitor_id": one.monitor_id,
                "verdict": one.verdict.value,
                "position": one.position,
                "condition": condition_to_json(one.condition) if one.condition else None,
                "matched_text": clean(one.matched_text),
                "note": clean(one.note),
            }
            for one in reply.monitors
        ],
    }


def from_json(plain: dict[str, Any]) -> ReplyFinding:
    """What to_json was given."""
    return ReplyFinding(
        plain["sender"],
        tuple(plain["subscriber_uids"]),
        tuple(
            MonitorFinding(
                one["monitor_id"],
                Verdict(one["verdict"]),
                one["position"],
                condition_from_json(one["condition"]) if one["condition"] else None,
                one["matched_text"],
                one["note"],
            )
            for one in plain["monitors"]
        ),
    )
