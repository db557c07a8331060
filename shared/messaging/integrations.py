"""What an integration is at the broker: a user of its own, its queues, and rights that end there.

Its queues are made for it; it may declare only reply queues of its own name, and can put nothing into them: what is in them are
answers of ours. RabbitMQ's direct reply-to is not offered: a name of that kind made up by a hostile integration ends the connection
of whoever answers it (seen with RabbitMQ 3.10 and 4.0). All of it is a fragment of RabbitMQ's definitions, the same for the HTTP API and for
`rabbitmqctl import_definitions`. Sources: RabbitMQ's pages "Access Control", "Topic Authorisation", "Validated User-ID".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from shared.contracts.sending import RESULTS_EXCHANGE, SEND_EXCHANGE, SEND_KEY
from shared.messaging.definitions import NOTHING, broker_user, laid_out
from shared.messaging.management import Management
from shared.messaging.topology import (
    bindings,
    dead_queue,
    exchanges,
    integration_user,
    queue_arguments,
    results_queue,
    send_queue,
)

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# `sender.send_mail.dead` is where unreadable requests are parked; `delivery.operator.*` are the results of the operator's commands.
RESERVED: Final = frozenset({"dead", "operator"})
# More than any program needs, and far less than what harms a broker.
_LIMITS: Final = {"max-connections": 50, "max-channels": 500}


def unusable(name: str) -> str | None:
    """Why an integration can't be called so; None if it can."""
    if not NAME.fullmatch(name):
        return "a name has 1 to 40 of a-z, 0-9 and '-', and begins with a letter or digit"
    return f"the name {name!r} is taken by the product itself" if name in RESERVED else None


def fragment(vhost: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Definitions of these integrations: name -> password hash (definitions.password_hash()). Loading it again changes nothing."""
    ours = {queue for name in hashes for queue in queues(name)}
    return {
        "users": [broker_user(integration_user(name), hashed) | {"limits": _LIMITS} for name, hashed in hashes.items()],
        "permissions": [_permission(name, vhost) for name in hashes],
        "topic_permissions": [each for name in hashes for each in _topic_permissions(name, vhost)],
        **laid_out(
            vhost,
            {name: kind for name, kind in exchanges().items() if name in (SEND_EXCHANGE, RESULTS_EXCHANGE)},
            {queue: arguments for queue, arguments in queue_arguments({}, hashes).items() if queue in ours},
            [binding for binding in bindings({}, hashes) if binding[1] in ours],
        ),
    }


def put_back(management: Management, hashes: Mapping[str, str]) -> list[str]:
    """Makes those of these integrations again that the broker has lost, and returns their names. Raises BrokerOrDatabaseDown."""
    there = management.users()
    missing = {name: hashed for name, hashed in hashes.items() if integration_user(name) not in there}
    if missing:
        management.load(fragment(management.vhost, missing))
    return list(missing)


def queues(name: str) -> tuple[str, ...]:
    """Every queue that is there for one integration: requests, those that can't be read, results."""
    requests = send_queue(name)
    return requests, dead_queue(requests), results_queue(name)


def _permission(name: str, vhost: str) -> dict[str, str]:
    replies = rf"{re.escape(integration_user(name))}\..+"
    return {
        "user": integration_user(name), "vhost": vhost,
        "configure": f"^{replies}$",
        "write": f"^{re.escape(SEND_EXCHANGE)}$",
        "read": f"^({re.escape(results_queue(name))}|{replies})$",
    }  # fmt: skip


def _topic_permissions(name: str, vhost: str) -> list[dict[str, str]]:
    user = integration_user(name)
    return [
        {
            "user": user, "vhost": vhost, "exchange": SEND_EXCHANGE,
            "write": rf"^{re.escape(SEND_KEY)}(\.{re.escape(name)})?$", "read": NOTHING,
        },
        {
            "user": user, "vhost": vhost, "exchange": RESULTS_EXCHANGE,
            "write": NOTHING, "read": rf"^delivery\.{re.escape(name)}\..*",
        },
    ]  # fmt: skip
