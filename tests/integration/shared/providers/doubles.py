"""A budget and a token source that remember what was asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from shared.domain.tokens import AccessToken


class RecordingBudget:
    """Lets everything pass and remembers it."""

    def __init__(self) -> None:
        self.spent: list[tuple[float, int]] = []
        self.refusals: list[float | None] = []

    @contextmanager
    def spend(self, units: float, slots: int = 1) -> Iterator[None]:
        self.spent.append((units, slots))
        yield

    def refused(self, retry_after: float | None) -> None:
        self.refusals.append(retry_after)


class Tokens:
    """Hands out token-1, and the next one each time a renewal is asked for."""

    def __init__(self) -> None:
        self.renewals = 0

    def __call__(self, renew: bool) -> AccessToken:
        self.renewals += renew
        return AccessToken(f"token-{self.renewals + 1}", datetime(2030, 1, 1, tzinfo=UTC))
