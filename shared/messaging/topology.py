"""The table of messages and queues, and what is declared for it. Adding a queue is a line in ROUTES. No broker client here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.commands import PollMailbox, RefreshToken
from shared.contracts.envelope import Body
from shared.contracts.events import MailClassified, MailFetched

EXCHANGE: Final = "apiconnect"

# A message that comes back this often, by reject or by a lost connection, has killed its consumers: the broker parks it.
DELIVERY_LIMIT: Final = 20

# The parking place is read by people and by the collector; coming back from there must never drop a message.
DEAD_DELIVERY_LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Route:
    """`message`'s type is the routing key that leads to `queue` (`<consumer>.<message>`)."""

    message: type[Body]
    queue: str

    @property
    def consumer(self) -> str:
        """The service that reads the queue."""
        return self.queue.partition(".")[0]


ROUTES: Final[tuple[Route, ...]] = (
    Route(RefreshToken, "token_refresher.refresh_token"),
    Route(PollMailbox, "fetcher.poll_mailbox"),
    Route(MailFetched, "classifier.mail_fetched"),
    Route(MailClassified, "actions.mail_classified"),
)

# Tier -> seconds. Four fixed tiers for all services: RabbitMQ expires messages only at a queue's head, so a queue that
# mixed delays would hold short ones behind long ones.
RETRY_TIERS: Final[dict[str, float]] = {"10s": 10.0, "1m": 60.0, "10m": 600.0, "1h": 3600.0}


def queue_for(message: type[Body] | str) -> str:
    """The queue of a message class, or of a message type such as `mail.fetched`. Raises KeyError for one not in the table."""
    wanted = message if isinstance(message, str) else message.type
    for route in ROUTES:
        if route.message.type == wanted:
            return route.queue
    raise KeyError(f"no queue for message {wanted!r}")


def dead_queue(queue: str) -> str:
    """Where `queue` parks what can't be handled."""
    return f"{queue}.dead"


def retry_exchange(tier: str) -> str:
    """Publish here with the work queue's name as routing key; the message comes home after the tier's delay."""
    return f"{EXCHANGE}.retry.{tier}"


def retry_queue(tier: str) -> str:
    """The queue in which the tier's messages wait; nobody consumes it."""
    return f"retry.{tier}"


def work_queues() -> tuple[str, ...]:
    """Every queue that a service reads."""
    return tuple(route.queue for route in ROUTES)


def queue_arguments(tiers: Mapping[str, float] = RETRY_TIERS) -> dict[str, dict[str, Any]]:
    """Queue name -> x-arguments, for every queue that is declared; targets of dead-lettering come before their sources.

    at-least-once dead-lettering needs reject-publish and keeps a message until its target has confirmed it.
    """
    quorum = {"x-queue-type": "quorum"}
    safe = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish", "x-dead-letter-exchange": ""}
    declared: dict[str, dict[str, Any]] = {}
    for queue in work_queues():
        dead = dead_queue(queue)
        declared[dead] = {**quorum, "x-delivery-limit": DEAD_DELIVERY_LIMIT}
        declared[queue] = {**quorum, **safe, "x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-routing-key": dead}
    for tier, seconds in tiers.items():
        # The TTL is the queue's and static. No dead-letter key: the message keeps its own, which names the work queue.
        waits = {"x-message-ttl": int(seconds * 1000), "x-delivery-limit": DELIVERY_LIMIT}
        declared[retry_queue(tier)] = {**quorum, **safe, **waits}
    return declared
