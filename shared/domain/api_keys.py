"""API keys: app-only credentials at Microsoft or Google, and how what a person pastes is read (A026, A027, A051)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Self

from shared.domain.mailboxes import Provider


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs of one key: national clouds and the simulator are the same field (A220). No trailing slash.

    authority: Microsoft login host, `https://login.microsoftonline.com`; for Google the token URI.
    api: `https://graph.microsoft.com` or `https://gmail.googleapis.com`.
    """

    authority: str
    api: str


MICROSOFT_ENDPOINTS = Endpoints("https://login.microsoftonline.com", "https://graph.microsoft.com")
GOOGLE_ENDPOINTS = Endpoints("https://oauth2.googleapis.com/token", "https://gmail.googleapis.com")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key with its secrets in the clear: made by storage for a provider client, never logged, never on the wire.

    api_key_id: the row's id, 0 for a key that is not stored yet (a connection test before saving).
    customer_id: None for a system key.
    credential: fingerprint over the ids and the secret; changes when either does.
    Microsoft: tenant_id, client_id, client_secret. Google: service_account_email, private_key (PEM), private_key_id.
    next_secret: one that waits until it has worked, tried before the one in use; empty: none waits, or not now.
    send_limits: fields of SendLimits in which the key's mailboxes differ from the provider's figures (a trial, a plan).
    """

    api_key_id: int
    uid: str
    customer_id: int | None
    provider: Provider
    name: str
    credential: str
    endpoints: Endpoints
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    service_account_email: str = ""
    private_key: str = field(default="", repr=False)
    private_key_id: str = ""
    secret_expires_on: date | None = None
    next_secret: str = field(default="", repr=False)
    next_credential: str = ""
    next_private_key_id: str = ""
    send_limits: Mapping[str, int | None] = field(default_factory=dict, hash=False)

    def with_next_secret(self) -> Self:
        """The key as it will be once its new secret has worked."""
        google = self.provider is Provider.GOOGLE
        return replace(
            self,
            credential=self.next_credential,
            client_secret="" if google else self.next_secret,
            private_key=self.next_secret if google else "",
            private_key_id=self.next_private_key_id,
            next_secret="",
        )


SECRET_WARNINGS = (timedelta(days=7), timedelta(days=14), timedelta(days=30))


def warned_at(expires_on: date | None, today: date) -> timedelta | None:
    """The narrowest of SECRET_WARNINGS that the end of a secret has come within; zero once it is over; None: not yet, or no end.

    Source: operators are told 30, 14 and 7 days before (A015).
    """
    if expires_on is None:
        return None
    left = expires_on - today
    if left < timedelta():
        return timedelta()
    return next((limit for limit in SECRET_WARNINGS if left < limit), None)
