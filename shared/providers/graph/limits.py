"""Microsoft's published limits for mail, and what each of our calls costs against them.

Source: Graph throttling limits, "Outlook service limits": 10,000 requests in 10 minutes and 4 concurrent requests for
each app and mailbox. A `$batch` counts as the number of its items and runs up to 4 of them at once.
"""

from __future__ import annotations

from shared.domain import sending
from shared.domain.mailboxes import Disposal, Provider
from shared.domain.sending import SendLimits
from shared.providers.provider import BudgetLimits

REQUESTS_PER_WINDOW = 10_000
WINDOW_SECONDS = 600
SLOTS = 4

# In any window: burst + rate * window, plus what was reserved shortly before it and is spent inside (100 is generous).
_BURST = 60
_IN_HAND = 100
_KEPT = 15.0  # of the burst, for sends

LIMITS = BudgetLimits(
    units_per_second=(REQUESTS_PER_WINDOW - _BURST - _IN_HAND) / WINDOW_SECONDS,
    burst=float(_BURST),
    slots=SLOTS,
    kept_for_sends=_KEPT,
)

# Source: Exchange Online limits, "Sending limits": what is over 30 a minute is held back and delivered later, what is over the
# recipients of a day is refused; 500 recipients of one mail is the default of a mailbox.
SEND_LIMITS = SendLimits(
    per_minute=30, recipients_per_day=10_000, recipients_per_mail=sending.RECIPIENTS_PER_MAIL[Provider.MICROSOFT]
)

# Source: user-post-messages, "The size of the MIME payload": a request is at most 4 MB, and base64 makes four bytes of three.
LARGEST_REQUEST_BYTES = 4 * 1024 * 1024
LARGEST_MIME_BYTES = LARGEST_REQUEST_BYTES // 4 * 3
# Source: outlook-large-attachments: a session takes an attachment of up to 150 MB in ranges below 4 MB, in order.
LARGEST_ATTACHMENT_BYTES = sending.LARGEST_ATTACHMENT_BYTES[Provider.MICROSOFT] or 0
RANGE_BYTES = 12 * 320 * 1024

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
