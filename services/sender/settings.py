"""What the sender takes from the environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from services.sender.core.outcomes import LOOKS, MOST_RESENDS
from shared.settings import ProcessSettings, ProviderSettings, SealingSettings


class SenderSettings(ProcessSettings, SealingSettings, ProviderSettings):
    """Bounds of one process."""

    database_connections: int = Field(default=24, ge=1, le=200)
    operator_users: tuple[str, ...] = Field(
        default=("console",),
        description="users at the broker who may ask for any customer, beside the sender's own; JSON",
    )
    accept_batch_size: int = Field(default=200, ge=1, le=1000)
    integrations_seconds: float = Field(default=5.0, gt=0, description="how often new integrations are looked for")
    servers_at_once: int = Field(default=64, ge=1, le=500, description="delivery servers that one process works on")
    sends_per_round: int = Field(default=32, ge=1, le=500, description="sends that are claimed at once for one server")
    calls_per_commit: int = Field(
        default=8, ge=1, le=100, description="sends that are begun at once; as many have to be looked for after a crash"
    )
    lease_seconds: float = Field(default=60.0, ge=1, description="after this long a dead sender's work is taken over")
    look_seconds: tuple[float, ...] = Field(
        default=tuple(look.total_seconds() for look in LOOKS),
        min_length=1,
        description="JSON: waits before each look for an unknown send in Sent Items; then it is sent again",
    )
    most_resends: int = Field(default=MOST_RESENDS, ge=0, description="then it fails, with a reason that says so")
    read_back: bool = Field(default=True, description="read the Message-ID of sent mails back where the key may read")
    read_back_seconds: tuple[float, ...] = Field(
        default=(10.0, 30.0, 120.0, 600.0), min_length=1, description="JSON: waits before each try"
    )
    tell_after_seconds: float = Field(
        default=60.0, ge=0, description="who waits longer than this for a limit is told, or moved where it may be"
    )

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def look_lease(self) -> timedelta:
        """Of a batch of looks; longer than one can take."""
        return timedelta(seconds=max(300.0, self.lease_seconds))

    @property
    def looks(self) -> tuple[timedelta, ...]:
        return tuple(timedelta(seconds=seconds) for seconds in self.look_seconds)

    @property
    def read_backs(self) -> tuple[timedelta, ...]:
        return tuple(timedelta(seconds=seconds) for seconds in self.read_back_seconds)

    @property
    def tell_after(self) -> timedelta:
        return timedelta(seconds=self.tell_after_seconds)
