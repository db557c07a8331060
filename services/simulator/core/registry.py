"""Who may ask for tokens, and what a token grants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

GRAPH_ROLES = frozenset({"Mail.Send", "Mail.Read", "Mail.ReadWrite"})
_SCOPE = "https://www.googleapis.com/auth/gmail."
FULL_SCOPE = "https://mail.google.com/"

# Any ONE of these scopes allows the operation. Source: the discovery document gmail v1.
_READING = ("metadata", "readonly", "modify")
_CHANGING = ("modify",)
_SENDING = ("send", "compose", "modify")
_DRAFTING = ("compose", "modify")
_SCOPES_BY_OPERATION: dict[str, tuple[str, ...]] = {
    "send": _SENDING, "list": _READING, "get": _READING, "raw": ("readonly", "modify"),
    "attachment": ("readonly", "modify"), "history": _READING, "profile": (*_READING, "compose"),
    "labels": (*_READING, "labels"), "label": (*_READING, "labels"), "create_label": ("modify", "labels"),
    "modify": _CHANGING, "batch_modify": _CHANGING, "trash": _CHANGING, "untrash": _CHANGING,
    "drafts": ("readonly", "compose", "modify"), "draft": ("readonly", "compose", "modify"),
    "create_draft": _DRAFTING, "update_draft": _DRAFTING, "send_draft": _DRAFTING, "delete_draft": _DRAFTING,
    "delete": (), "batch_delete": (), "insert": ("insert", "modify"),
}  # fmt: skip
GMAIL_SCOPES: dict[str, frozenset[str]] = {
    operation: frozenset({*(_SCOPE + name for name in names), FULL_SCOPE})
    for operation, names in _SCOPES_BY_OPERATION.items()
}
METADATA_SCOPE = _SCOPE + "metadata"

# Any ONE of these application roles allows the operation.
_READ = frozenset({"Mail.Read", "Mail.ReadWrite"})
_WRITE = frozenset({"Mail.ReadWrite"})
_SEND = frozenset({"Mail.Send"})
GRAPH_ROLES_BY_OPERATION: dict[str, frozenset[str]] = {
    "list": _READ, "get": _READ, "raw": _READ, "folders": _READ, "folder": _READ, "delta": _READ, "send": _SEND,
    "send_draft": _SEND, "create_draft": _WRITE, "update": _WRITE, "move": _WRITE, "copy": _WRITE, "delete": _WRITE,
    "permanent_delete": _WRITE, "create_folder": _WRITE, "attach": _WRITE, "create_upload": _WRITE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class App:
    """An Entra app registration, consented in one tenant. `names`: domains that mean the same tenant."""

    tenant: str
    client_id: str
    secret: str = field(repr=False)
    secret_expires_at: datetime | None = None
    roles: frozenset[str] = GRAPH_ROLES
    names: tuple[str, ...] = ()
    certificate_public_key: str = ""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A Google service account with domain-wide delegation: `scopes` for `domains` (empty = every domain)."""

    email: str
    public_key: str
    scopes: frozenset[str]
    domains: tuple[str, ...] = ()
    project: str = "1234567890"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for. Microsoft: `rights` are roles; Google: scopes, and `subject` the mailbox."""

    provider: str
    client: str
    rights: frozenset[str]
    expires_at: float
    tenant: str = ""
    subject: str = ""
    project: str = ""
