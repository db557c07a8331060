"""The demo's third act: an integration sends through the queue with its client, and some of it bounces."""

from __future__ import annotations

import importlib
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.console.handler.apply import apply_document
from services.demo.core.sends import (
    BOUNCING,
    CUSTOMER,
    INTEGRATION,
    OUTBOXES,
    SENDS,
    SendsOutcome,
    bounce_servers,
    document,
)
from services.demo.handler.amqp import AmqpServer
from services.simulator.http.control_client import ControlClient
from shared.messaging.memory import MemoryBroker
from shared.storage import demo_counts
from shared.storage.database import Database
from shared.storage.provisioning import integrations
from shared.storage.sealing import Sealer

_IDLE_SECONDS = 1.0


@dataclass(slots=True)
class Told:
    """What the integration has read so far."""

    states: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    reasons: dict[str, str] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    repeats: int = 0

    def take(self, result: Any) -> None:
        """Results come at least once: an event that is known counts no more."""
        if result.event_id in self.events:
            return
        self.events.add(result.event_id)
        if result.repeated:
            self.repeats += 1
            return
        self.states[result.idempotency_key].append(result.state)
        if result.state == "rejected":
            self.reasons[result.idempotency_key] = result.reason

    @property
    def results(self) -> int:
        """How many, repeats left out."""
        return sum(len(found) for found in self.states.values())

    def count(self, *states: str) -> int:
        """Results in these states."""
        return sum(state in states for found in self.states.values() for state in found)


def play_sends(
    control: ControlClient,
    database: Database,
    sealer: Sealer,
    broker: MemoryBroker,
    now: datetime,
    new_id: Callable[[], UUID],
    at_most_seconds: float,
) -> SendsOutcome:
    """Publishes the requests with the pika client, reads what comes back, and has the bounces processed."""
    for outbox in OUTBOXES:
        control.register_mailbox(outbox.provider, outbox.address)
    for address in BOUNCING:
        control.answer_sends("hard", recipient=address)
    apply_document(database, sealer, document(), now=now)
    with database.transaction() as connection:
        integrations.add(connection, INTEGRATION, CUSTOMER, "no RabbitMQ, no password")
    broker.know([INTEGRATION])
    server = AmqpServer(broker, {INTEGRATION: secrets.token_urlsafe(12)}, new_id)
    server.start()
    try:
        told = _as_the_integration(server.url(INTEGRATION), database, sealer, now, at_most_seconds)
    finally:
        server.stop()
    left = [address for one in control.deliveries() for address in one["recipients"]]
    with database.transaction() as connection:
        statuses = demo_counts.statuses(connection)
    return SendsOutcome(told.states, told.reasons, told.repeats, left, statuses)


def _as_the_integration(url: str, database: Database, sealer: Sealer, now: datetime, at_most_seconds: float) -> Told:
    # What integrations install; a service never needs it, so the image has it not.
    client_package: Any = importlib.import_module("apiconnect_client")
    told = Told()
    wanted = sum(len(send.states) for send in SENDS)
    repeats = sum(send.times - 1 for send in SENDS)
    settled = sum("sent" in send.states or "rejected" in send.states for send in SENDS)
    watched = False
    ends_at = time.monotonic() + at_most_seconds
    with client_package.Client(url) as client:
        for send in SENDS:
            for _ in range(send.times):
                client.send(send.request())
        while time.monotonic() < ends_at and not (told.results >= wanted and told.repeats >= repeats):
            for result in client.results(idle_timeout=_IDLE_SECONDS):
                told.take(result)
                result.ack()
            if told.count("sent", "rejected") >= settled and not watched:
                # Only now: a bounce server looks at once when it is new, and then each minute.
                apply_document(database, sealer, bounce_servers(), now=now)
                watched = True
    return told
