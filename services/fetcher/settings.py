"""What the fetcher takes from the environment."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ProcessSettings, ProviderSettings, SealingSettings


class FetcherSettings(ProcessSettings, SealingSettings, ProviderSettings):
    """Bounds of one process and of one poll."""

    database_connections: int = Field(default=24, ge=1, le=200)
    mailboxes_at_once: int = Field(default=64, ge=1, le=512)
    mails_per_round: int = Field(default=20, ge=1, le=500, description="stored in one transaction")
    mails_per_poll: int = Field(default=10_000, ge=1)
    poll_seconds: float = Field(default=300.0, gt=0, description="after that a poll ends, and the next is due at once")
    linger_seconds: float = Field(
        default=3.0, ge=0, description="how long a poll waits for what it fetched to be served"
    )
    mail_max_bytes: int = Field(default=2 * 1024 * 1024, ge=64 * 1024, description="a larger mail is stored cut")
    waiting_mails_max: int = Field(default=20_000, ge=1, description="unclassified mails at which fetching pauses")
    waiting_bytes_max: int = Field(default=1024**3, ge=1)
