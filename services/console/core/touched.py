"""Which servers an apply touches so that their mailboxes have to be tried (A069, A070, A091)."""

from __future__ import annotations

from dataclasses import dataclass

from services.console.core.merging import Wanted
from shared.domain.installation import BounceServerRecord, DeliveryServerRecord, Installation, KeyRecord, MonitorRecord

_ACCESS = ("credential", "authority_url", "api_url", "tenant_id", "client_id", "service_account_email")
_MAILBOX = ("email", "provider", "key")
Server = BounceServerRecord | DeliveryServerRecord | MonitorRecord


@dataclass(frozen=True, slots=True)
class Touched:
    """Uids of active servers of every kind. created: new ones, which a failed check makes inactive. all: with the changed ones."""

    created: frozenset[str] = frozenset()
    all: frozenset[str] = frozenset()


def touched(current: Installation, wanted: Wanted) -> Touched:
    """New servers, those that look elsewhere now, and those whose key has new credentials or endpoints (A050)."""
    before: dict[str, Server] = {**current.bounce_servers, **current.delivery_servers, **current.monitors}
    servers = {**before, **wanted.bounce_servers, **wanted.delivery_servers, **wanted.monitors}
    active = {uid: server for uid, server in servers.items() if server.status == "active"}
    created = frozenset(uid for uid in active if uid not in before)
    keys = {uid for uid, key in wanted.keys.items() if _differs(current.keys.get(uid), key, _ACCESS)}
    changed = {
        uid
        for uid, server in active.items()
        if server.key in keys or _differs(before.get(uid), server, _MAILBOX) or _awakes(before.get(uid))
    }
    return Touched(created, created | changed)


def _differs(before: KeyRecord | Server | None, after: KeyRecord | Server, names: tuple[str, ...]) -> bool:
    return before is not None and any(getattr(before, name) != getattr(after, name) for name in names)


def _awakes(before: Server | None) -> bool:
    return before is not None and before.status != "active"
