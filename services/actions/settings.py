"""What the actions service takes from the environment."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ProcessSettings


class ActionsSettings(ProcessSettings):
    """batch_size: mails in one transaction. soft_window_days: how far back soft bounces count towards the threshold."""

    batch_size: int = Field(default=200, ge=1, le=2000)
    soft_window_days: int = Field(default=90, ge=1)
