"""RabbitMQ's definitions file: the virtual host, everything of topology.py, and a user with least rights for each service.

Loaded by the broker at every start (`load_definitions`), it makes a broker whose volume is gone whole again before anybody
connects. Sources: RabbitMQ's pages "Definitions", "Access Control", and "Passwords" for the hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.messaging.topology import EXCHANGE, RETRY_TIERS, ROUTES, queue_arguments, retry_exchange, retry_queue

MONITOR: Final = "monitor"
_NOTHING: Final = "^$"
_CONSUMERS: Final = "|".join(route.consumer for route in ROUTES)
_OURS: Final = rf"^({EXCHANGE}(\.retry\..+)?|retry\..+|({_CONSUMERS})\..+)$"
# The nameless exchange leads to any queue by its name. Who handles messages parks there what it can't handle.
_DIRECT: Final = r"amq\.default"
_RETRY: Final = rf"{EXCHANGE}\.retry\..+"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do, as RabbitMQ's regular expressions; `keys`: routing keys that it may publish with."""

    configure: str = _NOTHING
    write: str = _NOTHING
    read: str = _NOTHING
    keys: str = _NOTHING


def _consumer(service: str, publishes: str = _NOTHING) -> Rights:
    return Rights(
        write=rf"^({EXCHANGE}|{_RETRY}|{_DIRECT})$" if publishes != _NOTHING else rf"^({_RETRY}|{_DIRECT})$",
        read=rf"^{service}\..+(?<!\.dead)$",
        keys=publishes,
    )


# The scheduler looks after the broker: it alone creates what is missing (a queue that somebody deleted), publishes again
# what got lost, and empties the dead-letter queues into rows. All others only check that the queues are there.
RIGHTS: Final[Mapping[str, Rights]] = {
    "scheduler": Rights(configure=_OURS, write=rf"({_OURS}|^{_DIRECT}$)", read=_OURS, keys=".*"),
    "token_refresher": _consumer("token_refresher"),
    "fetcher": _consumer("fetcher", r"^mail\.fetched$"),
    "classifier": _consumer("classifier", r"^mail\.classified$"),
    "actions": _consumer("actions"),
    "console": Rights(write=rf"^({EXCHANGE}|{_DIRECT})$", keys=r"^(mailbox\.poll|mail\.fetched)$"),
    MONITOR: Rights(),
}


def password_hash(password: str, salt: bytes) -> str:
    """As RabbitMQ stores it: base64 of salt and SHA-256 over salt and password. salt: 4 bytes."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def definitions(vhost: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The file's content. hashes: user -> password_hash(); a user of RIGHTS that is not in it is left out."""
    users = [user for user in RIGHTS if user in hashes]
    return {
        "vhosts": [{"name": vhost}],
        "users": [_user(user, hashes[user]) for user in users],
        "permissions": [_permission(user, vhost) for user in users],
        "topic_permissions": [_topic_permission(user, vhost) for user in users if user != MONITOR],
        "exchanges": [
            {"name": name, "type": kind, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": {}}
            for name, kind in ((EXCHANGE, "topic"), *((retry_exchange(tier), "fanout") for tier in RETRY_TIERS))
        ],
        "queues": [
            {"name": name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": arguments}
            for name, arguments in queue_arguments().items()
        ],
        "bindings": [_binding(vhost, EXCHANGE, route.queue, route.message.type) for route in ROUTES]
        + [_binding(vhost, retry_exchange(tier), retry_queue(tier), "") for tier in RETRY_TIERS],
    }


def _user(name: str, hashed: str) -> dict[str, Any]:
    # The tag `monitoring` shows everything in the management pages; without rights in the host it changes nothing there.
    return {
        "name": name,
        "password_hash": hashed,
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["monitoring"] if name == MONITOR else [],
    }


def _permission(user: str, vhost: str) -> dict[str, str]:
    rights = RIGHTS[user]
    return {
        "user": user, "vhost": vhost, "configure": rights.configure, "write": rights.write, "read": rights.read,
    }  # fmt: skip


def _topic_permission(user: str, vhost: str) -> dict[str, str]:
    keys = RIGHTS[user].keys
    return {
        "user": user,
        "vhost": vhost,
        "exchange": EXCHANGE,
        "write": keys,
        "read": keys if keys == ".*" else _NOTHING,
    }


def _binding(vhost: str, source: str, queue: str, key: str) -> dict[str, Any]:
    return {
        "source": source, "vhost": vhost, "destination": queue, "destination_type": "queue", "routing_key": key,
        "arguments": {},
    }  # fmt: skip
