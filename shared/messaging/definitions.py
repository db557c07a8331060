"""RabbitMQ's definitions file: the virtual host, everything of topology.py, and a user with least rights for each service.

Loaded by the broker at every start (`load_definitions`), it makes a broker whose volume is gone whole again before anybody
connects. Sources: RabbitMQ's pages "Definitions", "Access Control", and "Passwords" for the hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.contracts.sending import RESULTS_EXCHANGE, SEND_EXCHANGE
from shared.messaging.topology import EXCHANGE, ROUTES, bindings, exchanges, queue_arguments

MONITOR: Final = "monitor"
ADMINISTRATOR: Final = "administrator"  # makes and removes the users of integrations: known to the console only
NOTHING: Final = "^$"
_CONSUMERS: Final = "|".join((*(route.consumer for route in ROUTES), "sender"))
_INSIDE: Final = rf"{EXCHANGE}(\.(retry\..+|send|results))?|retry\..+|({_CONSUMERS})\..+"
_OURS: Final = rf"^({_INSIDE}|results\..+)$"
# The nameless exchange leads to any queue by its name. Who handles messages parks there what it can't handle.
_DIRECT: Final = r"amq\.default"
_RETRY: Final = rf"{EXCHANGE}\.retry\..+"
_SENDS: Final = re.escape(SEND_EXCHANGE)
_RESULTS: Final = re.escape(RESULTS_EXCHANGE)
_ANY_RESULT: Final = r"^delivery\..+$"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do, as RabbitMQ's regular expressions.

    keys, sends, results: routing keys that it may publish with on the internal exchange, and on the two at the edge.
    """

    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING
    keys: str = NOTHING
    sends: str = NOTHING
    results: str = NOTHING


def _consumer(service: str, publishes: str = NOTHING, results: str = NOTHING) -> Rights:
    exchanges = [name for name, keys in ((EXCHANGE, publishes), (_RESULTS, results)) if keys != NOTHING]
    return Rights(
        write=rf"^({'|'.join((*exchanges, _RETRY, _DIRECT))})$",
        read=rf"^{service}\..+(?<!\.dead)$",
        keys=publishes,
        results=results,
    )


# The scheduler looks after the broker: it alone creates what is missing (a queue that somebody deleted), publishes again
# what got lost, and empties the dead-letter queues of our own messages into rows. All others only check that the queues are there.
# Results that wait for an integration are nobody's here to read.
RIGHTS: Final[Mapping[str, Rights]] = {
    "scheduler": Rights(
        configure=_OURS, write=rf"({_OURS}|^{_DIRECT}$)", read=rf"^({_INSIDE})$", keys=".*", sends=".*", results=".*"
    ),
    "token_refresher": _consumer("token_refresher"),
    "fetcher": _consumer("fetcher", r"^mail\.fetched$"),
    "classifier": _consumer("classifier", r"^(mail|replay)\.classified$"),
    "actions": _consumer("actions", results=_ANY_RESULT),
    # It has the keys to seal what programs outside have published, so it empties their dead-letter queues itself.
    "sender": replace(_consumer("sender", results=_ANY_RESULT), read=r"^sender\..+$"),
    "console": Rights(
        write=rf"^({EXCHANGE}|{_SENDS}|{_RESULTS}|{_DIRECT})$",
        keys=r"^(mailbox\.poll|mail\.fetched|replay\.classify)$",
        sends=r"^mail\.send$",
        results=_ANY_RESULT,
    ),
    MONITOR: Rights(),
    # An integration that is removed takes its queues with it; what it may do besides comes from its tag.
    ADMINISTRATOR: Rights(configure=r"^(sender\.send_mail|results)\..+$"),
}


def password_hash(password: str, salt: bytes) -> str:
    """As RabbitMQ stores it: base64 of salt and SHA-256 over salt and password. salt: 4 bytes."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def definitions(vhost: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The file's content. hashes: user -> password_hash(); a user of RIGHTS that is not in it is left out."""
    users = [user for user in RIGHTS if user in hashes]
    return {
        "vhosts": [{"name": vhost}],
        "users": [broker_user(user, hashes[user]) for user in users],
        "permissions": [_permission(user, vhost) for user in users],
        "topic_permissions": [each for user in users for each in _topic_permissions(user, vhost)],
        **laid_out(vhost, exchanges(), queue_arguments(), bindings()),
    }


def laid_out(
    vhost: str,
    kinds: Mapping[str, str],
    queues: Mapping[str, Mapping[str, Any]],
    bound: Iterable[tuple[str, str, str]],
) -> dict[str, Any]:
    """Exchanges, queues and bindings as definitions. kinds: exchange -> type. queues: name -> arguments. bound: see bindings()."""
    lasting = {"vhost": vhost, "durable": True, "auto_delete": False}
    return {
        "exchanges": [{"name": name, "type": kind, **lasting, "arguments": {}} for name, kind in kinds.items()],
        "queues": [{"name": name, **lasting, "arguments": arguments} for name, arguments in queues.items()],
        "bindings": [
            {
                "source": source, "vhost": vhost, "destination": queue, "destination_type": "queue", "routing_key": key,
                "arguments": {},
            }
            for source, queue, key in bound
        ],
    }  # fmt: skip


def broker_user(name: str, hashed: str) -> dict[str, Any]:
    """A user with the hash of its password."""
    # The tag `monitoring` shows everything in the management pages; without rights in the host it changes nothing there.
    tags = {MONITOR: ["monitoring"], ADMINISTRATOR: ["administrator"]}
    return {
        "name": name,
        "password_hash": hashed,
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": tags.get(name, []),
    }


def _permission(user: str, vhost: str) -> dict[str, str]:
    rights = RIGHTS[user]
    return {
        "user": user, "vhost": vhost, "configure": rights.configure, "write": rights.write, "read": rights.read,
    }  # fmt: skip


def _topic_permissions(user: str, vhost: str) -> list[dict[str, str]]:
    rights = RIGHTS[user]
    keys = {EXCHANGE: rights.keys, SEND_EXCHANGE: rights.sends, RESULTS_EXCHANGE: rights.results}
    return [
        {
            "user": user, "vhost": vhost, "exchange": exchange,
            "write": written, "read": written if written == ".*" else NOTHING,
        }
        for exchange, written in keys.items()
    ]  # fmt: skip
