"""Access tokens: when one is fresh enough, and what identifies it. The token itself is sealed in `shared.storage.tokens`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.mailboxes import Provider

REFRESH_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """What one access token is for: a credential, whom it stands for, and its scopes.

    credential: fingerprint of the key's credentials, secret included, so that nobody gets a token by naming another's id.
    subject: the tenant for Microsoft (one token opens every mailbox), the mailbox's address for Google.
    scopes: space-separated, sorted.
    """

    provider: Provider
    credential: str
    subject: str
    scopes: str


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token in the clear. Never logged: its repr shows no secret."""

    value: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"AccessToken(value=…, expires_at={self.expires_at.isoformat()})"


def needs_refresh(expires_at: datetime | None, now: datetime, margin: timedelta = REFRESH_MARGIN) -> bool:
    """Whether a token must be renewed at `now`: there is none, or it ends within `margin`. Both times aware UTC.

    Source: guide §7 "Tokens are refreshed if expiring within 10 minutes".
    """
    return expires_at is None or expires_at - now < margin
