"""Accepting: a batch of send requests is validated, stored and answered in one unit."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from services.sender.core import answers
from services.sender.core.accepting import OPERATOR, Asked, Outcome, Refused, Repeated, addresses, again, decide
from services.sender.core.checking import check
from services.sender.core.recipient_checks import recipients_of
from services.sender.core.references import new_message_id, new_reference
from services.sender.handler.parked import ParkedRequests
from services.sender.handler.queues import IntegrationQueues
from services.sender.handler.requests import decoder
from services.sender.settings import SenderSettings
from shared.domain.send_requests import NewSend, RefusedRequest, SendFacts
from shared.messaging.broker import Broker
from shared.messaging.process import Runner
from shared.messaging.received import Received, Source
from shared.messaging.runner import BatchRunner
from shared.messaging.topology import SEND_QUEUE, send_queue
from shared.messaging.unit import Unit, UnitFactory
from shared.storage import attachments, sealed_values, send_facts, sends
from shared.storage.database import Connection, Database
from shared.storage.sealing import Sealer
from shared.telemetry import REQUESTS

_REFERENCE_KEY: Final = "reference header"


@dataclass(slots=True)
class Batch:
    """What a batch is judged by. assigned: sends of the batch given to each server so far."""

    facts: SendFacts
    now: datetime
    assigned: Counter[int] = field(default_factory=Counter)


class AcceptingHandler:
    """One batch of requests becomes one transaction: rows, and an answer to each."""

    consumer = "sender.send_mail"

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._keys: Mapping[str, bytes] = {}

    def read(self, messages: Sequence[Received[Asked]]) -> Batch:
        """What the database says of the whole batch."""
        asked = [message.body for message in messages]
        with self._database.transaction() as connection:
            if not self._keys:
                name = sealed_values.fingerprints(connection, self._sealer)
                self._keys = {"r1": name(_REFERENCE_KEY).encode()}
            facts = _facts(connection, asked)
        return Batch(facts, _now())

    def decide(self, message: Received[Asked], facts: Batch) -> Outcome:
        """What becomes of one request."""
        outcome = decide(message.body, facts.facts, partial(check, now=facts.now), facts.assigned, facts.now)
        if isinstance(outcome, NewSend):
            facts.assigned[outcome.server_id] += 1
        return outcome

    def write(self, unit: Unit, outcomes: Sequence[tuple[Received[Asked], Outcome]]) -> None:
        """Sends first: whose key another one has taken meanwhile is told how that one stands. Then refusals, then answers."""
        now = _now()
        plans = [self._named(message.body, outcome) for message, outcome in outcomes if isinstance(outcome, NewSend)]
        stored = sends.accept(unit.connection, self._sealer, plans) if plans else set()
        taken = {(one.plan.customer_id, one.plan.idempotency_key) for one in plans if one.plan.uid not in stored}
        known = send_facts.known(unit.connection, taken) if taken else {}
        settled: list[tuple[Asked, Outcome]] = []
        for message, outcome in outcomes:
            if isinstance(outcome, NewSend) and outcome.uid not in stored:
                there = known[outcome.customer_id, outcome.idempotency_key]
                outcome = again(message.body, there, outcome.customer_id, outcome.customer)
            settled.append((message.body, outcome))
        sends.record_refused(unit.connection, [_refused(asked, o) for asked, o in settled if isinstance(o, Refused)])
        ids = {one.plan.uid: one.message_id for one in plans}
        for asked, outcome in settled:
            if isinstance(outcome, NewSend):
                event_id = uuid5(NAMESPACE_OID, f"{outcome.uid}/accepted")
                result = answers.accepted(outcome, ids[outcome.uid], event_id, now)
            elif isinstance(outcome, Repeated):
                result = answers.repeated(asked, outcome)
            else:
                result = answers.rejected(asked, outcome, now)
            answer_to = outcome.reply_to if isinstance(outcome, NewSend) else outcome.answer_to
            unit.publish_result(
                result, integration=asked.integration, correlation_id=asked.correlation_id, reply_to=answer_to
            )
        for _, outcome in settled:
            REQUESTS.labels(*_counted(outcome)).inc()

    def _named(self, asked: Asked, plan: NewSend) -> sends.Accepted:
        return sends.Accepted(
            plan,
            new_message_id(plan.uid.hex, plan.server_email),
            new_reference(self._keys, plan.customer_id, plan.uid, None),
            asked.payload,
        )


def _refused(asked: Asked, outcome: Refused) -> RefusedRequest:
    said = outcome.rejection
    return RefusedRequest(outcome.customer_id, asked.integration, asked.key, said.reason, said.field, said.detail)


def _counted(outcome: Outcome) -> tuple[str, str]:
    """How a request was answered, and why, for /metrics."""
    if isinstance(outcome, Refused):
        return "rejected", outcome.rejection.reason.value
    return ("accepted" if isinstance(outcome, NewSend) else "repeated"), ""


def _facts(connection: Connection, asked: Sequence[Asked]) -> SendFacts:
    askers = send_facts.askers(connection, {one.integration for one in asked} - {OPERATOR})
    own = {one.customer for one in askers.values() if one.customer}
    customers = send_facts.customers(connection, own | {one.customer for one in asked if one.customer})

    def customer_of(one: Asked) -> int | None:
        asker = askers.get(one.integration)
        uid = asker.customer if asker is not None and asker.customer else one.customer
        return customers.get(uid) if uid else None

    of = [(found, one.request) for one in asked if one.request is not None and (found := customer_of(one)) is not None]
    if not of:
        return SendFacts(askers, customers)
    people = [
        (customer_id, form)
        for customer_id, request in of
        for _, recipient in recipients_of(request)
        for form in addresses(recipient.email)
    ]
    named_lists = {request.list_uid for _, request in of if request.list_uid}
    named_campaigns = {request.campaign for _, request in of if request.campaign}
    lists = send_facts.lists(connection, named_lists) if named_lists else {}
    campaigns = send_facts.campaigns(connection, named_campaigns) if named_campaigns else {}
    list_ids = {*lists.values(), *(one.list_id for one in campaigns.values() if one.list_id is not None)}
    groups = {request.campaign_group for _, request in of if request.campaign_group}
    stored = {part.stored for _, request in of for part in request.attachments if part.stored}
    return SendFacts(
        askers=askers,
        customers=customers,
        servers=send_facts.servers(connection, {(customer_id, request.server or "") for customer_id, request in of}),
        lists=lists,
        campaigns=campaigns,
        unsubscribing=send_facts.unsubscribing(connection, list_ids) if list_ids else {},
        groups=send_facts.groups(connection, groups) if groups else {},
        subscribers=send_facts.subscribers(connection, people) if list_ids else {},
        stopped=send_facts.stopped(connection, people) if groups or named_campaigns else frozenset(),
        blacklisted=send_facts.blacklisted(connection, sorted({address for _, address in people})),
        stored=attachments.known(connection, stored) if stored else {},
        known=send_facts.known(connection, {(customer_id, request.idempotency_key) for customer_id, request in of}),
    )


def runners(
    broker: Broker, units: UnitFactory, sealer: Sealer, settings: SenderSettings, new_id: Callable[[], UUID]
) -> Sequence[Runner]:
    """What reads the queues of send requests: the operator's, and one for each integration."""
    handler = AcceptingHandler(units.database, sealer)
    operators = frozenset({broker.publisher().user, *settings.operator_users})

    def runner(integration: str | None) -> BatchRunner[Asked, Batch, Outcome]:
        queue = SEND_QUEUE if integration is None else send_queue(integration)
        source = Source(queue, decoder(integration, operators, new_id), outside=sealer)
        return BatchRunner(broker, units, handler, source=source, batch_size=settings.accept_batch_size)

    return [
        runner(None),
        IntegrationQueues(broker, units.database, runner, settings.integrations_seconds),
        ParkedRequests(broker, units.database, sealer),
    ]


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
