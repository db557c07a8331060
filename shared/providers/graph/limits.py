"""Microsoft's published limits for mail, and what each of our calls costs against them.

Source: Graph throttling limits, "Outlook service limits": 10,000 requests in 10 minutes and 4 concurrent requests for
each app and mailbox. A `$batch` counts as the number of its items and runs up to 4 of them at once.
"""

from __future__ import annotations

from shared.domain.mailboxes import Disposal
from shared.providers.provider import BudgetLimits

REQUESTS_PER_WINDOW = 10_000
WINDOW_SECONDS = 600
SLOTS = 4

# In any window: burst + rate * window, plus what was reserved shortly before it and is spent inside (100 is generous).
_BURST = 60
_IN_HAND = 100

LIMITS = BudgetLimits(
    units_per_second=(REQUESTS_PER_WINDOW - _BURST - _IN_HAND) / WINDOW_SECONDS, burst=float(_BURST), slots=SLOTS
)

BATCH_ITEMS = 20
MAX_PAGE = 1_000
BATCH_SIZES = {
    Disposal.MARK_READ: BATCH_ITEMS,
    Disposal.MOVE: BATCH_ITEMS,
    Disposal.TRASH: BATCH_ITEMS,
    Disposal.DELETE: BATCH_ITEMS,
}
MAX_CUSTOM_HEADERS = 5

# permanentDelete is offered in the global cloud only; elsewhere DELETE moves to Deleted Items or the recoverable items.
WITHOUT_PERMANENT_DELETE = frozenset(
    {"graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
)
