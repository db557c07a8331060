"""Google's published quota for the Gmail API, and what each of our calls costs.

Source: Gmail API usage limits, for projects made since 1 May 2026: 6,000 units a minute for each user of a project.
Older projects have 15,000 and 5 a get for now: give `gmail_record` another GmailQuota for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain import sending
from shared.domain.mailboxes import Disposal, Provider
from shared.domain.sending import SendLimits
from shared.providers.provider import BudgetLimits

WINDOW_SECONDS = 60
SLOTS = 10  # Google names no number ("Too many concurrent requests for user"); 50 at once are refused, 10 are not.
MAX_PAGE = 500
BATCH_IDS = 1_000
BATCH_SIZES: Mapping[Disposal, int] = {disposal: BATCH_IDS for disposal in Disposal if disposal is not Disposal.LEAVE}

# In any window: burst + rate * window, plus what was reserved shortly before it and is spent inside.
_BURST_SHARE = 0.02
_IN_HAND_SHARE = 0.01
_KEPT_SHARE = 0.25  # of the burst; what remains for the rest is well more than a slice and than the dearest call

# Source: Google Workspace Admin Help, "Gmail sending limits in Google Workspace" (trial accounts: 500 mails a day). Recipients of
# one mail sent through the API: 500 in one edition of that page, 100 in another.
SEND_LIMITS = SendLimits(
    messages_per_day=2_000, recipients_per_day=10_000, recipients_per_mail=sending.RECIPIENTS_PER_MAIL[Provider.GOOGLE]
)

LARGEST_MAIL_BYTES = sending.LARGEST_MAIL_BYTES[Provider.GOOGLE] or 0
# A JSON body is taken up to 5 MB; base64 makes four bytes of three.
LARGEST_JSON_MAIL_BYTES = 3_500_000

UNITS: Mapping[str, int] = {
    "get": 20,
    "list": 5,
    "modify": 5,
    "trash": 5,
    "delete": 10,
    "batchModify": 50,
    "batchDelete": 50,
    "send": 100,
    "metadata": 20,
    "drafts.create": 10,
    "drafts.get": 5,
    "drafts.delete": 10,
    "drafts.send": 100,
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
        burst = self.units_per_minute * _BURST_SHARE
        return BudgetLimits(rate, burst=burst, slots=SLOTS, kept_for_sends=burst * _KEPT_SHARE)
