"""What the token refresher takes from the environment."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ProcessSettings, ProviderSettings, SealingSettings


class TokenRefresherSettings(ProcessSettings, SealingSettings, ProviderSettings):
    """tokens_at_once: refreshes under way at the same time."""

    tokens_at_once: int = Field(default=16, ge=1, le=128)
