"""Which bounce servers an apply touches so that their mailboxes have to be tried (A069, A070, A091)."""

from __future__ import annotations

from dataclasses import dataclass

from services.console.core.merging import Wanted
from shared.domain.installation import BounceServerRecord, Installation, KeyRecord

_ACCESS = ("credential", "authority_url", "api_url", "tenant_id", "client_id", "service_account_email")
_MAILBOX = ("email", "provider", "key")


@dataclass(frozen=True, slots=True)
class Touched:
    """Uids of active bounce servers. created: new ones, which a failed check makes inactive. all: with the changed ones."""

    created: frozenset[str] = frozenset()
    all: frozenset[str] = frozenset()


def touched(current: Installation, wanted: Wanted) -> Touched:
    """New servers, those that look elsewhere now, and those whose key has new credentials or endpoints (A050)."""
    servers = {**current.bounce_servers, **wanted.bounce_servers}
    active = {uid: server for uid, server in servers.items() if server.status == "active"}
    created = frozenset(uid for uid in active if uid not in current.bounce_servers)
    keys = {uid for uid, key in wanted.keys.items() if _differs(current.keys.get(uid), key, _ACCESS)}
    changed = {
        uid
        for uid, server in active.items()
        if server.key in keys or _differs(current.bounce_servers.get(uid), server, _MAILBOX) or _awakes(current, server)
    }
    return Touched(created, created | changed)


def _differs(
    before: KeyRecord | BounceServerRecord | None, after: KeyRecord | BounceServerRecord, names: tuple[str, ...]
) -> bool:
    return before is not None and any(getattr(before, name) != getattr(after, name) for name in names)


def _awakes(current: Installation, server: BounceServerRecord) -> bool:
    before = current.bounce_servers.get(server.uid)
    return before is not None and before.status != "active"
