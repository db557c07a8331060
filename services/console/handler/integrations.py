"""Integrations: a row here, and a user with its queues at the broker. What the broker has lost is made again from the row."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from shared.domain.errors import ApiConnectError, BrokerOrDatabaseDown
from shared.messaging.definitions import password_hash
from shared.messaging.integrations import fragment, queues, unusable
from shared.messaging.management import Management
from shared.messaging.topology import integration_user, send_queue
from shared.storage.database import Database
from shared.storage.provisioning import integrations
from shared.storage.provisioning.integrations import IntegrationLine

_PASSWORD_BYTES = 24
_SALT_BYTES = 4
_DIGITS_BYTES = 4
_BETWEEN_TRIES_SECONDS = 1.0


class IntegrationRefused(ApiConnectError):
    """It can't be made, found, or removed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where integrations come in. address: amqp(s)://host:port, as they see it. management: None where there is none."""

    vhost: str
    address: str
    management: Management | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A password just made, as part of the URL; nobody can read it again.

    by_hand: a shell command for the broker's machine, if we could not do it ourselves.
    """

    integration: IntegrationLine
    url: str = field(repr=False)
    by_hand: str = ""


def create(database: Database, door: Door, name: str, customer: str | None, *, unguessable: bool = False) -> Issued:
    """A new integration. customer: uid; None for the operator's own. unguessable: with random digits after the name.

    Raises IntegrationRefused, BrokerOrDatabaseDown.
    """
    if unguessable:
        name = f"{name}-{secrets.token_hex(_DIGITS_BYTES)}"
    reason = unusable(name)
    if reason:
        raise IntegrationRefused(f"{name!r} can't be an integration's name: {reason}.")
    password, hashed = _new_password()
    with database.transaction() as connection:
        if customer is not None and not integrations.customer_exists(connection, customer):
            raise IntegrationRefused(f"There is no customer {customer!r}.")
        if not integrations.add(connection, name, customer, hashed):
            raise IntegrationRefused(
                f"There is an integration {name!r} already: `integration rotate` gives it a new URL."
            )
        line = _found(integrations.find(connection, name), name)
        by_hand = _put(door, [line])  # before the commit: no row without its user
    return Issued(line, _url(door, name, password), by_hand)


def rotate(database: Database, door: Door, name: str) -> Issued:
    """Another password. The old one ends at once, and its connections with it. Raises as create()."""
    password, hashed = _new_password()
    with database.transaction() as connection:
        line = replace(_found(integrations.find(connection, name), name), password_hash=hashed)
        integrations.set_password(connection, name, hashed)
        by_hand = _drop_user(door, name)
        if line.enabled:
            by_hand += _put(door, [line])
    return Issued(line, _url(door, name, password), by_hand)


def disable(database: Database, door: Door, name: str) -> str:
    """Shuts it out; its queues stay, and what was accepted is sent. Returns what is to be done by hand. Raises as create()."""
    with database.transaction() as connection:
        _found(integrations.find(connection, name), name)
        integrations.set_enabled(connection, name, False)
        return _drop_user(door, name)


def enable(database: Database, door: Door, name: str) -> str:
    """Lets it in again, with the URL that it had. Returns what is to be done by hand. Raises as create()."""
    with database.transaction() as connection:
        line = replace(_found(integrations.find(connection, name), name), enabled=True)
        integrations.set_enabled(connection, name, True)
        return _put(door, [line])


def remove(database: Database, door: Door, name: str, *, force: bool = False) -> str:
    """Ends it, with its queues. force: although requests wait that nobody has answered yet. Returns what is to be done by hand.

    Raises as create().
    """
    with database.transaction() as connection:
        _found(integrations.find(connection, name), name)
        by_hand = _drop_user(door, name)
        if door.management is not None:
            state = door.management.queues().get(send_queue(name))
            if state is not None and state.ready + state.unacked and not force:
                # Shut out, but not yet gone: the transaction is undone, so the row says so.
                _put(door, [line for line in integrations.lines(connection) if line.name == name])
                raise IntegrationRefused(
                    f"{state.ready + state.unacked} requests of {name} were not answered yet: "
                    "disable it, wait until the queue is empty, or say --force."
                )
        integrations.remove(connection, name)
        for queue in queues(name):
            if door.management is not None:
                door.management.delete_queue(queue)
            else:
                by_hand += f"rabbitmqctl --vhost {door.vhost} delete_queue {queue}\n"
    return by_hand


def restore(database: Database, door: Door, *, patience_seconds: float = 0.0) -> tuple[Sequence[str], str]:
    """Puts users, queues and rights of all that are enabled back, as after the broker lost everything.

    Returns their names, and what is to be done by hand. Raises BrokerOrDatabaseDown, after patience_seconds.
    """
    with database.transaction() as connection:
        lines = [line for line in integrations.lines(connection) if line.enabled]
    end = time.monotonic() + patience_seconds
    while lines:
        try:
            return [line.name for line in lines], _put(door, lines)
        except BrokerOrDatabaseDown:
            if time.monotonic() > end:
                raise
            time.sleep(_BETWEEN_TRIES_SECONDS)
    return [], ""


def _put(door: Door, lines: Sequence[IntegrationLine]) -> str:
    document = fragment(door.vhost, {line.name: line.password_hash for line in lines if line.enabled})
    if door.management is not None:
        door.management.load(document)
        return ""
    return f"rabbitmqctl import_definitions <<'END'\n{json.dumps(document, indent=1)}\nEND\n"


def _drop_user(door: Door, name: str) -> str:
    if door.management is not None:
        door.management.delete_user(integration_user(name))
        return ""
    return f"rabbitmqctl delete_user {integration_user(name)}\n"


def _found(line: IntegrationLine | None, name: str) -> IntegrationLine:
    if line is None:
        raise IntegrationRefused(f"There is no integration {name!r}.")
    return line


def _new_password() -> tuple[str, str]:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    return password, password_hash(password, secrets.token_bytes(_SALT_BYTES))


def _url(door: Door, name: str, password: str) -> str:
    scheme, _, host = door.address.rpartition("://")
    return f"{scheme or 'amqp'}://{integration_user(name)}:{password}@{host}/{quote(door.vhost, safe='')}"
