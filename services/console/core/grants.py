"""What an administrator has to grant, in the words that the provider's own page asks for (A009, A024)."""

from __future__ import annotations

from dataclasses import dataclass

_READONLY = "https://www.googleapis.com/auth/gmail.readonly"
_MODIFY = "https://www.googleapis.com/auth/gmail.modify"
_SEND = "https://www.googleapis.com/auth/gmail.send"
_FULL = "https://mail.google.com/"


@dataclass(frozen=True, slots=True)
class Grant:
    """purpose: what it is enough for. paste: exactly what to paste or tick. where: the page that wants it."""

    provider: str
    purpose: str
    paste: str
    where: str


_DELEGATION = "Google Admin console, Security, API controls, Domain-wide delegation: OAuth scopes"
_CONSENT = "Entra, App registrations, API permissions: Application permissions, then Grant admin consent"

GRANTS = (
    Grant("google", "send, read, mark read, move, trash", f"{_SEND},{_READONLY},{_MODIFY}", _DELEGATION),
    Grant("google", "the same, and delete for good", f"{_SEND},{_READONLY},{_MODIFY},{_FULL}", _DELEGATION),
    Grant("google", "read only (mail stays as it is)", f"{_SEND},{_READONLY}", _DELEGATION),
    Grant("microsoft", "send, read, mark read, move, trash, delete", "Mail.Send, Mail.Read, Mail.ReadWrite", _CONSENT),
    Grant("microsoft", "read only (mail stays as it is)", "Mail.Send, Mail.Read", _CONSENT),
)
