"""Short words for the messaging tests: messages to send, and waiting until something is so, at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid5

from shared.contracts.envelope import Body, wrap
from shared.contracts.events import MailFetched
from shared.messaging.broker import Broker, Delivery, Outgoing, Subscription

QUEUE = "classifier.mail_fetched"
DEAD = "classifier.mail_fetched.dead"
SPACE = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def mail_fetched(number: int) -> Outgoing:
    """MailFetched for mail `number`, with an id that is always the same for that number."""
    return sent(MailFetched(mail_id=number), uuid5(SPACE, str(number)))


def sent(body: Body, message_id: UUID) -> Outgoing:
    """`body` as a publisher gets it."""
    envelope = wrap(body, message_id=message_id, occurred_at=NOON, correlation_id=message_id)
    return Outgoing(message_id, body.type, envelope.model_dump_json().encode())


def mails(*numbers: int) -> list[Outgoing]:
    """Several MailFetched."""
    return [mail_fetched(number) for number in numbers]


def receive(subscription: Subscription, count: int, at_most_seconds: float = 40.0) -> list[Delivery]:
    """Exactly `count` messages, or fewer when the time is over."""
    end = time.monotonic() + at_most_seconds
    found: list[Delivery] = []
    while len(found) < count and time.monotonic() < end:
        found += subscription.receive(count - len(found), 0.1)
    return found


def until(holds: Callable[[], bool], at_most_seconds: float = 40.0) -> bool:
    """Waits until `holds`; whether it came true in time."""
    end = time.monotonic() + at_most_seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def depth(broker: Broker, queue: str) -> int:
    """Messages ready in `queue`."""
    return broker.depths()[queue]
