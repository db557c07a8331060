"""The providers' limits per (application, mailbox), and what an observer saw of them.

Two rules hold at once: a sliding window (the documented rule) and, when `starts_empty`, a bucket that begins
without tokens and fills at amount/window per second, so that a short run measures the sustained rate.
Times are seconds of any steady clock, passed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

# Source: developers.google.com/workspace/gmail/api/reference/quota, projects created since 2026-05-01.
GMAIL_UNITS: dict[str, int] = {
    "get": 20, "raw": 20, "attachment": 20, "list": 5, "history": 2, "profile": 1, "labels": 1, "label": 1,
    "create_label": 5, "modify": 5, "trash": 5, "untrash": 5, "delete": 10, "batch_delete": 50, "batch_modify": 50,
    "send": 100, "insert": 25, "drafts": 5, "draft": 5, "create_draft": 10, "update_draft": 15, "delete_draft": 10,
    "send_draft": 100, "upload_begin": 0, "upload_piece": 0, "upload_state": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one application may do to one mailbox: `amount` units in any `window` seconds, `concurrent` at once."""

    amount: float
    window: float
    concurrent: int
    starts_empty: bool = False
    enforced: bool = True


GRAPH_ALLOWANCE = Allowance(amount=10_000, window=600.0, concurrent=4)
GMAIL_ALLOWANCE = Allowance(amount=6_000, window=60.0, concurrent=50)


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a request is refused: "rate" or "concurrency", and in how many seconds another try can succeed."""

    kind: str
    retry_after: float


class Window:
    """A sum over the last `seconds`, and the most it ever was."""

    __slots__ = ("entries", "most", "seconds", "total")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.entries: deque[tuple[float, float]] = deque()
        self.total = 0.0
        self.most = 0.0

    def slide(self, now: float) -> None:
        """Forget what is older than the window."""
        while self.entries and self.entries[0][0] <= now - self.seconds:
            self.total -= self.entries.popleft()[1]

    def add(self, cost: float, now: float) -> None:
        self.slide(now)
        self.entries.append((now, cost))
        self.total += cost
        self.most = max(self.most, self.total)

    def free_in(self, needed: float, now: float) -> float:
        """Seconds until `needed` units have left the window."""
        gone = 0.0
        for moment, cost in self.entries:
            gone += cost
            if gone >= needed:
                return max(0.0, moment + self.seconds - now)
        return self.seconds


@dataclass(slots=True)
class Meter:
    """Admission and observation for one (application, mailbox)."""

    allowance: Allowance
    since: float
    level: float = 0.0
    filled_at: float = 0.0
    in_flight: int = 0
    most_in_flight: int = 0
    admitted: int = 0
    refused: int = 0
    refused_for: dict[str, int] = field(default_factory=dict)
    used: Window = field(init=False)
    asked: Window = field(init=False)

    def __post_init__(self) -> None:
        self.restart(self.allowance, self.since)

    def restart(self, allowance: Allowance, since: float) -> None:
        """As new, under another allowance; requests in flight stay counted until they leave."""
        self.allowance, self.since, self.filled_at = allowance, since, since
        self.used, self.asked = Window(allowance.window), Window(allowance.window)
        self.level = 0.0 if allowance.starts_empty else allowance.amount
        self.most_in_flight = self.in_flight
        self.admitted = self.refused = 0
        self.refused_for = {}

    def enter(self, cost: float, now: float) -> Excess | None:
        """Count a request that arrives now. None: admitted, `leave` must follow. Otherwise it is refused."""
        self.asked.add(cost, now)
        self.most_in_flight = max(self.most_in_flight, self.in_flight + 1)
        excess = self._excess(cost, now) if self.allowance.enforced else None
        if excess is not None:
            self.refused += 1
            self.refused_for[excess.kind] = self.refused_for.get(excess.kind, 0) + 1
            return excess
        self.level -= cost
        self.used.add(cost, now)
        self.in_flight += 1
        self.admitted += 1
        return None

    def leave(self) -> None:
        """An admitted request has ended."""
        self.in_flight -= 1

    def observed(self) -> dict[str, Any]:
        """What a benchmark reads. `over_limit` counts what was ASKED: refused requests do not hide an excess."""
        return {
            "requests": self.admitted + self.refused,
            "admitted": self.admitted,
            "refused": self.refused,
            "refused_for": dict(self.refused_for),
            "max_in_any_window": self.used.most,
            "max_asked_in_any_window": self.asked.most,
            "max_concurrent": self.most_in_flight,
            "limit": self.allowance.amount,
            "window_seconds": self.allowance.window,
            "concurrent_limit": self.allowance.concurrent,
            "over_limit": self.asked.most > self.allowance.amount or self.most_in_flight > self.allowance.concurrent,
        }

    def _excess(self, cost: float, now: float) -> Excess | None:
        if self.in_flight >= self.allowance.concurrent:
            return Excess("concurrency", 1.0)
        rate = self.allowance.amount / self.allowance.window
        self.level = min(self.allowance.amount, self.level + (now - self.filled_at) * rate)
        self.filled_at = now
        self.used.slide(now)
        over = self.used.total + cost - self.allowance.amount
        if over > 0:
            return Excess("rate", self.used.free_in(over, now))
        if self.allowance.starts_empty and self.level < cost:
            return Excess("rate", (cost - self.level) / rate)
        return None


def changed(allowance: Allowance, wishes: dict[str, Any]) -> Allowance:
    """The allowance with the named fields replaced; unknown names raise KeyError naming them."""
    known = {"amount": float, "window": float, "concurrent": int, "starts_empty": bool, "enforced": bool}
    unknown = set(wishes) - set(known)
    if unknown:
        raise KeyError(f"unknown limit {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return replace(allowance, **{name: known[name](value) for name, value in wishes.items()})
