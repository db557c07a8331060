"""`integration create|list|show|rotate|disable|enable|remove|restore`: programs outside that send through the queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from services.console.cli import screen
from services.console.cli.opening import FAULT_FOUND, REFUSED, opened_database
from services.console.cli.screen import Json
from services.console.core.durations import counted
from services.console.core.integration_examples import URL_VARIABLE, python_example, shell_example
from services.console.handler import integrations
from services.console.handler.integrations import Door, Issued
from shared.contracts.sending import SEND_EXCHANGE, SEND_KEY
from shared.messaging.integrations import queues
from shared.messaging.management import Management
from shared.messaging.topology import integration_user, results_queue, send_queue
from shared.settings import BrokerSettings, ManagementSettings
from shared.storage.provisioning import integrations as stored
from shared.storage.provisioning.integrations import IntegrationLine

Name = Annotated[str, typer.Argument(help="a-z, 0-9 and '-', such as shop.")]


def create(
    name: Name,
    customer: Annotated[str | None, typer.Option("--customer", help="uid of the customer that it sends for.")] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="Yours: it names a customer in each request, any of them.")
    ] = False,
    unguessable: Annotated[
        bool,
        typer.Option("--unguessable", help="Random digits after the name: others can't find out that it is there."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Makes a RabbitMQ user with queues of its own, and prints its URL once, with programs that use it."""
    if (customer is None) != operator:
        screen.complain("Say whom it sends for: --customer UID, or --operator for any customer of yours.")
        raise typer.Exit(REFUSED)
    with opened_database() as database, _door() as door:
        issued = integrations.create(database, door, name, customer, unguessable=unguessable)
    _tell(issued, as_json, f"Integration {issued.integration.name} is made.")


def rotate(name: Name, as_json: Json = False) -> None:
    """Gives it a new URL. The old one ends at once, with its connections."""
    with opened_database() as database, _door() as door:
        issued = integrations.rotate(database, door, name)
    _tell(issued, as_json, f"Integration {name} has a new password; the old one has ended.")


def list_all(as_json: Json = False) -> None:
    """Every integration, and whether the broker has it."""
    with opened_database() as database, database.transaction() as connection:
        lines = stored.lines(connection)
        there = _at_broker()
    documents = [_document(line, there) for line in lines]
    if as_json:
        screen.as_json({"integrations": documents})
        return
    screen.table(
        ("integration", "customer", "state", "made"),
        [
            (each["name"], each["customer"] or "any (yours)", each["state"], f"{each['created_at']:%F}")
            for each in documents
        ],
    )


def show(name: Name, as_json: Json = False) -> None:
    """One integration: its user, keys and queues, and how many messages are in them. Never its password."""
    with opened_database() as database:
        with database.transaction() as connection:
            line = stored.find(connection, name)
        if line is None:
            screen.complain(f"There is no integration {name!r}.")
            raise typer.Exit(FAULT_FOUND)
        document = _document(line, _at_broker()) | {
            "exchange": SEND_EXCHANGE,
            "routing_key": f"{SEND_KEY}.{name}",
            "user": integration_user(name),
            "queues": _depths(name),
        }
    if as_json:
        screen.as_json(document)
        return
    for label in ("name", "customer", "state", "created_at", "user", "exchange", "routing_key"):
        screen.say(f"{label.replace('_', ' '):12} {document[label]}")
    screen.table(("queue", "messages"), [(queue, "?" if n is None else n) for queue, n in document["queues"].items()])


def disable(name: Name) -> None:
    """Shuts it out and closes its connections. Its queues stay, and what was accepted is sent."""
    with opened_database() as database, _door() as door:
        by_hand = integrations.disable(database, door, name)
    _done(f"Integration {name} is shut out.", by_hand)


def enable(name: Name) -> None:
    """Lets it in again, with the URL that it had."""
    with opened_database() as database, _door() as door:
        by_hand = integrations.enable(database, door, name)
    _done(f"Integration {name} may come in again.", by_hand)


def remove(
    name: Name, force: Annotated[bool, typer.Option("--force", help="Although requests were not answered yet.")] = False
) -> None:
    """Ends it: user, queues, and results that were not read. What was accepted is sent all the same."""
    with opened_database() as database, _door() as door:
        by_hand = integrations.remove(database, door, name, force=force)
    _done(f"Integration {name} is removed.", by_hand)


def restore(
    patience: Annotated[float, typer.Option("--patience", help="Seconds to wait for a broker that only starts.")] = 0.0,
) -> None:
    """Puts users, queues and rights back, after RabbitMQ lost them. Their URLs are the same as before."""
    with opened_database() as database, _door() as door:
        names, by_hand = integrations.restore(database, door, patience_seconds=patience)
    _done(f"{counted(len(names), 'integration')} put back{': ' if names else ''}{', '.join(names)}.", by_hand)


@contextmanager
def _door() -> Iterator[Door]:
    broker, settings = BrokerSettings.read(), ManagementSettings.read()
    url = broker.rabbitmq_url.get_secret_value()
    parts = urlsplit(url)
    seen = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    address = settings.rabbitmq_public_address or seen
    if "://" not in address:
        address = f"{parts.scheme}://{address}"
    vhost = unquote(parts.path[1:]) or "/"
    base_url = settings.rabbitmq_management_url.get_secret_value()
    if not base_url:
        yield Door(vhost, address, None)
        return
    with Management(url, base_url, ca_file=broker.rabbitmq_ca_file) as management:
        yield Door(vhost, address, management)


def _at_broker() -> frozenset[str] | None:
    """The broker's users; None where nobody can say."""
    with _door() as door:
        return door.management.users() if door.management is not None else None


def _depths(name: str) -> dict[str, int | None]:
    with _door() as door:
        if door.management is None:
            return dict.fromkeys(queues(name))
        there = door.management.queues()
    return {queue: there[queue].ready + there[queue].unacked if queue in there else None for queue in queues(name)}


def _document(line: IntegrationLine, there: frozenset[str] | None) -> dict[str, Any]:
    missing = there is not None and line.enabled and integration_user(line.name) not in there
    state = "disabled" if not line.enabled else "missing at the broker" if missing else "enabled"
    return {"name": line.name, "customer": line.customer, "state": state, "created_at": line.created_at}


def _tell(issued: Issued, as_json: bool, done: str) -> None:
    line, name = issued.integration, issued.integration.name
    if as_json:
        screen.as_json(
            {
                "name": name, "customer": line.customer, "user": integration_user(name), "url": issued.url,
                "exchange": SEND_EXCHANGE, "routing_key": f"{SEND_KEY}.{name}", "send_queue": send_queue(name),
                "results_queue": results_queue(name), "by_hand": issued.by_hand or None,
            }
        )  # fmt: skip
        return
    _done(done, issued.by_hand)
    screen.say("Its URL, shown this once; `integration rotate` makes another:")
    typer.echo(f"\nexport {URL_VARIABLE}='{issued.url}'")
    screen.heading("Python")
    typer.echo(python_example(name, line.customer))
    screen.heading("Shell")
    typer.echo(shell_example(line.customer))
    screen.say("Fields, states and errors: docs/integrations.md.")


def _done(text: str, by_hand: str) -> None:
    if not by_hand:
        screen.say(text, mark="ok")
        return
    screen.say(
        "Nothing is changed at RabbitMQ: APICONNECT_RABBITMQ_MANAGEMENT_URL is not set. Run there:", mark="warning"
    )
    typer.echo(f"\n{by_hand}")
