"""Benchmark: accepting send requests.

Requests of 2 kB stand in the queue of one integration, published by its own user at the broker. One sender process reads,
validates, stores and answers them; the clock runs from the first request that it takes to the last answer in the integration's
results queue. Afterwards every request is a send with its recipients, body and step, and has exactly one answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from bench.processes import check, cpu_seconds, services, used_since
from bench.results import Figure, Result, at_least, at_most
from bench.servers import Place, Servers
from shared.contracts.sending import SEND_EXCHANGE, SEND_KEY
from shared.messaging.broker import Outgoing
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import integration_user, results_queue, send_queue
from shared.storage.database import Database
from shared.storage.migrator import migrate
from tests.sending import a_delivery_server, an_integration

NAME = "accepting"
REQUESTS = 20_000
REQUESTS_PER_SECOND = 800
REQUEST_BYTES = 2_000
_SERVERS = 50
_SUBSCRIBERS = 5_000
_CHUNK = 500
_LIMIT_SECONDS = 240.0
_INTEGRATION = "bench"
_LATER = (datetime.now(UTC) + timedelta(hours=6)).isoformat()

Tell = Callable[[str, int, int], None]


def run(servers: Servers, tell: Tell, *, requests: int = REQUESTS) -> Result:
    """The measurement."""
    with (
        servers.place("accepting") as place,
        Database(place.database_url, name="bench") as database,
    ):
        _plant(database)
        broker = RabbitBroker(place.rabbitmq_url, name="bench")
        broker.know([_INTEGRATION])
        _publish(servers, place, requests, lambda done: tell("publishing", done, requests))
        seconds, cpu = _clock(place, broker, requests, lambda done: tell("accepting", done, requests))
        faults = _faults(place, broker, requests)
        broker.close()
    result = Result(NAME, f"Accepting: {requests} requests of {REQUEST_BYTES} bytes, stored and answered, 1 sender")
    result.figures += [
        at_least("requests_per_second", requests / seconds, "requests/s", REQUESTS_PER_SECOND),
        Figure("seconds", seconds, "s"),
        at_most("differences", len(faults), "facts", 0),
        Figure("cpu_per_request", 1e6 * sum(cpu.values()) / requests, "µs"),
        *(Figure(f"cpu_{side.replace(' ', '_')}", 1e6 * used / requests, "µs/request") for side, used in cpu.items() if used >= 0.05),
    ]  # fmt: skip
    result.notes += faults
    result.detail = {"cpu_seconds": cpu}
    return result


def _plant(database: Database) -> None:
    migrate(database)
    an_integration(database, _INTEGRATION)
    for number in range(_SERVERS):
        a_delivery_server(database, f"server-{number}")
    with database.transaction() as connection:
        connection.execute("insert into lists (uid, customer_id, name) select 'news', id, 'News' from customers")
        connection.execute(
            """
            insert into subscribers (uid, customer_id, list_id, email)
            select 's' || n, l.customer_id, l.id, 'reader-' || n || '@example.net'
            from lists l, generate_series(0, %s - 1) as n
            """,
            (_SUBSCRIBERS,),
        )
        connection.execute(
            "insert into blacklist (address, source) select 'gone-' || n || '@example.net', 'operator'"
            " from generate_series(1, 10000) as n"
        )
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def _request(number: int) -> bytes:
    """Half of them to a subscriber of a list, half to one address; any server."""
    request = {
        "idempotency_key": f"order-{number}",
        "to": [{"email": f"reader-{number % _SUBSCRIBERS}@example.net", "name": "A Reader"}],
        "subject": f"Your order {number}",
        "headers": [{"name": "X-Order", "value": str(number)}],
        "tags": ["orders"],
        "not_before": _LATER,  # accepting is what is measured: none may leave meanwhile
    }
    if number % 2:
        request["list"] = "news"
    words = f"Thank you for your order {number}. It leaves us today, and will be with you within three days. "
    request["html"] = "<p>"
    missing = REQUEST_BYTES - len(json.dumps(request))
    request["html"] = "<p>" + (words * (missing // len(words) + 1))[:missing]
    return json.dumps(request).encode()


def _publish(servers: Servers, place: Place, requests: int, done: Callable[[int], None]) -> None:
    user = integration_user(_INTEGRATION)
    with servers.broker_user(place, user) as url:
        broker = RabbitBroker(url, name="integration", creates=False)
        publisher = broker.publisher()
        for start in range(0, requests, _CHUNK):
            publisher.publish(
                [
                    Outgoing(
                        uuid4(), SEND_KEY, _request(number), exchange=SEND_EXCHANGE,
                        routing_key=f"{SEND_KEY}.{_INTEGRATION}", user_id=user, correlation_id=str(number),
                    )
                    for number in range(start, min(start + _CHUNK, requests))
                ]
            )  # fmt: skip
            done(start)
        broker.close()


def _clock(
    place: Place, broker: RabbitBroker, requests: int, done: Callable[[int], None]
) -> tuple[float, dict[str, float]]:
    with services(["sender"], place.environment, place.logs) as running:
        give_up_at = time.monotonic() + _LIMIT_SECONDS
        while broker.depths()[send_queue(_INTEGRATION)] == requests:
            check(running, give_up_at)
            time.sleep(0.01)
        before, started = cpu_seconds(), time.monotonic()
        while (answered := broker.depths()[results_queue(_INTEGRATION)]) < requests:
            check(running, give_up_at)
            done(answered)
            time.sleep(0.1)
        return time.monotonic() - started, used_since(before)


def _faults(place: Place, broker: RabbitBroker, requests: int) -> list[str]:
    """What is not as it must be."""
    with psycopg.connect(place.database_url) as connection:
        row = connection.execute(
            """
            select count(*), count(*) filter (where state = 'accepted'),
                   (select count(*) from send_recipients), (select count(*) from send_bodies),
                   (select count(*) from send_steps)
            from sends
            """
        ).fetchone()
    counts = dict(zip(("sends", "accepted", "recipients", "bodies", "steps"), row or (), strict=False))
    counts["answers"] = broker.depths()[results_queue(_INTEGRATION)]
    return [f"{what}: {found} instead of {requests}" for what, found in counts.items() if found != requests]
