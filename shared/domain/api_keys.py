"""API keys: app-only credentials at Microsoft or Google, and how what a person pastes is read (A026, A027, A051)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

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
