"""Errors forced by the control API: which request they hit, how often, and when (before or after the work)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

KINDS = (
    "status", "429", "500", "502", "503", "504", "cut", "slow", "expired_token", "aadsts", "invalid_grant", "google_error",
    "graph_error", "not_json", "truncated_json", "empty",
)  # fmt: skip
MATCH_KEYS = ("provider", "mailbox", "operation", "client")
OPERATIONS: dict[str, frozenset[str]] = {
    "microsoft": frozenset({
        "discovery", "token", "batch", "list", "get", "raw", "delta", "update", "delete", "permanent_delete", "move",
        "copy", "send", "create_draft", "send_draft", "folders", "folder", "create_folder", "attach", "create_upload",
        "upload_range", "upload_state",
    }),
    "google": frozenset({
        "token", "batch", "list", "get", "raw", "attachment", "history", "profile", "labels", "label", "create_label",
        "modify", "trash", "untrash", "delete", "batch_modify", "batch_delete", "send", "drafts", "draft",
        "create_draft", "update_draft", "send_draft", "delete_draft", "upload_begin", "upload_piece", "upload_state",
    }),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule can match: provider "microsoft"|"google", operation, mailbox address, client id or account."""

    provider: str
    operation: str
    mailbox: str = ""
    client: str = ""


@dataclass(slots=True)
class FaultRule:
    """One forced error. Empty match fields match everything; `times` None means without end.

    kind: one of KINDS. detail: the AADSTS number, the invalid_grant variant, the Graph code or the Google reason,
    the status for kind "status", or the seconds for "slow" (the answer is right, but late). after: the work is done first, then the answer is replaced.
    retry_after: seconds for the header (Gmail: for the text); None leaves it out.
    """

    number: int
    kind: str
    match: dict[str, str]
    after: bool = False
    times: int | None = None
    probability: float = 1.0
    retry_after: float | None = None
    detail: str = ""
    body: str | None = None
    hits: int = 0

    def hits_call(self, call: Call) -> bool:
        """Whether the rule is still alive and speaks of such a call. Operation and mailbox may use `*`."""
        if self.times is not None and self.hits >= self.times:
            return False
        return all(_fits(wanted, getattr(call, key)) for key, wanted in self.match.items() if wanted)

    def described(self) -> dict[str, Any]:
        """For the control API."""
        return {
            "number": self.number, "kind": self.kind, "detail": self.detail, "match": self.match,
            "when": "after" if self.after else "before", "times": self.times, "probability": self.probability,
            "retry_after": self.retry_after, "hits": self.hits,
        }  # fmt: skip


def choose(rules: Iterable[FaultRule], call: Call, chance: Callable[[], float]) -> FaultRule | None:
    """The first rule that hits the call, counted; `chance` gives numbers in [0, 1) for probabilities."""
    for rule in rules:
        if rule.hits_call(call) and (rule.probability >= 1.0 or chance() < rule.probability):
            rule.hits += 1
            return rule
    return None


def rule_from(document: dict[str, Any], number: int) -> FaultRule:
    """A rule as the control API takes it; ValueError names what is wrong.

    "aadsts:700016" and {"kind": "aadsts", "detail": 700016} mean the same; 429 may be a number.
    """
    known = {"match", "kind", "detail", "when", "times", "probability", "retry_after", "body"}
    if unknown := set(document) - known:
        raise ValueError(f"unknown field in rule: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    kind, _, detail = str(document.get("kind", "")).partition(":")
    if re.fullmatch(r"[45]\d\d", kind):
        kind, detail = "status", kind
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    match = _match_from(dict(document.get("match") or {}))
    when = document.get("when", "before")
    if when not in ("before", "after"):
        raise ValueError("when must be before or after")
    return FaultRule(
        number=number, kind=kind, match=match, after=when == "after", times=document.get("times"),
        probability=float(document.get("probability", 1.0)), retry_after=document.get("retry_after"),
        detail=str(document.get("detail") or detail), body=document.get("body"),
    )  # fmt: skip


def _match_from(document: dict[str, Any]) -> dict[str, str]:
    """A match whose words exist: a rule that can never hit would make a test pass for the wrong reason."""
    match = {str(key): str(value) for key, value in document.items() if value}
    if unknown := set(match) - set(MATCH_KEYS):
        raise ValueError(f"unknown match {', '.join(sorted(unknown))}; known: {', '.join(MATCH_KEYS)}")
    provider, operation = match.get("provider", "*"), match.get("operation", "*")
    if provider != "*" and provider not in OPERATIONS:
        raise ValueError(f"unknown provider {provider!r}; known: {', '.join(OPERATIONS)}")
    known = OPERATIONS[provider] if provider != "*" else frozenset().union(*OPERATIONS.values())
    if not any(_fits(operation, name) for name in known):
        raise ValueError(f"unknown operation {operation!r}; known: {', '.join(sorted(known))}")
    return match


def _fits(wanted: str, actual: str) -> bool:
    pattern = ".*".join(re.escape(piece) for piece in wanted.lower().split("*"))
    return re.fullmatch(pattern, actual.lower()) is not None
