"""Google's published quota for the Gmail API, and what each of our calls costs.

Source: Gmail API usage limits, for projects made since 1 May 2026: 6,000 units a minute for each user of a project.
Older projects have 15,000 and 5 a get for now: give `gmail_record` another GmailQuota for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.mailboxes import Disposal
from shared.providers.provider import BudgetLimits

WINDOW_SECONDS = 60
SLOTS = 10  # Google names no number ("Too many concurrent requests for user"); 50 at once are refused, 10 are not.
MAX_PAGE = 500
BATCH_IDS = 1_000
BATCH_SIZES: Mapping[Disposal, int] = {disposal: BATCH_IDS for disposal in Disposal if disposal is not Disposal.LEAVE}

# In any window: burst + rate * window, plus what was reserved shortly before it and is spent inside.
_BURST_SHARE = 0.02
_IN_HAND_SHARE = 0.01

UNITS: Mapping[str, int] = {
    "get": 20,
    "list": 5,
    "modify": 5,
    "trash": 5,
    "delete": 10,
    "batchModify": 50,
    "batchDelete": 50,
    "send": 100,
    "profile": 1,
    "labels.list": 1,
    "labels.create": 5,
}


@dataclass(frozen=True, slots=True)
class GmailQuota:
    """A project's quota: units a minute for each user, and the cost of each call in units."""

    units_per_minute: int = 6_000
    units: Mapping[str, int] = field(default_factory=lambda: dict(UNITS))

    def limits(self) -> BudgetLimits:
        """As a token bucket that stays inside the quota in every window of a minute."""
        rate = self.units_per_minute * (1 - _BURST_SHARE - _IN_HAND_SHARE) / WINDOW_SECONDS
        return BudgetLimits(rate, burst=self.units_per_minute * _BURST_SHARE, slots=SLOTS)
