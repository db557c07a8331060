"""A mail that we sent, as far as a report about it needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SentRecipient:
    """One recipient: normalized address, and the subscriber if it was one."""

    address: str
    subscriber_id: int | None


@dataclass(frozen=True, slots=True)
class SentMail:
    """sent_at: aware UTC. campaign_id and list_id are None for a plain send request."""

    sent_mail_id: int
    customer_id: int
    campaign_id: int | None
    list_id: int | None
    sent_at: datetime
    recipients: tuple[SentRecipient, ...]

    def recipient(self, address: str) -> SentRecipient | None:
        """The recipient with that (normalized) address."""
        return next((recipient for recipient in self.recipients if recipient.address == address), None)
