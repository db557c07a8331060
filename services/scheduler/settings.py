"""What the scheduler takes from the environment."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ManagementSettings, ProcessSettings


class SchedulerSettings(ProcessSettings, ManagementSettings):
    """Periods, and how long things are kept."""

    tick_seconds: float = Field(default=5.0, gt=0, description="how often due mailboxes are looked for")
    polls_per_tick: int = Field(default=1_000, ge=1)
    stage_overdue_seconds: float = Field(
        default=120.0, gt=0, description="a mail that stands still longer is published again"
    )
    sweep_seconds: float = Field(default=30.0, gt=0)
    raw_days: int = Field(default=30, ge=1, description="raw copies of reports")
    send_days: int = Field(
        default=90, ge=30, description="how long a send that is settled, and so its idempotency key, is kept"
    )
    inbox_days: int = Field(default=7, ge=1, description="how long a second delivery is known")
