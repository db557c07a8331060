"""What the providers' limits allow, as plain arithmetic. Sources: the limits' own pages, named in shared/providers/*/limits.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """A provider's limit for one mailbox, and the least that one mail costs: fetched, disposed of, its share of a listing.

    units and window_seconds: the limit. per_mail: units. formula: how per_mail comes about, for the reader.
    """

    units: float
    window_seconds: float
    per_mail: float
    formula: str

    def mails(self, seconds: float) -> float:
        """How many mails one mailbox may give in that time, when nothing was saved up before."""
        return self.units / self.window_seconds * seconds / self.per_mail


ALLOWANCES = {
    "microsoft": Allowance(
        10_000, 600, 2.02, "10,000 requests in 600 s / (1 get + 1 move in a batch + 1/50 of a listing)"
    ),
    "google": Allowance(
        6_000,
        60,
        20 + 5 / 500 + 50 / 1_000,
        "6,000 units in 60 s / (20 a get + 5/500 of a list + 50/1,000 of a batchModify)",
    ),
}
