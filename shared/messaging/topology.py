"""The table of messages and queues, and what is declared for it. Adding a queue is a line in ROUTES. No broker client here.

The edge: what integrations publish to and read from. Each row of `integrations` has queues of its own there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.commands import ClassifyReplay, PollMailbox, RefreshToken
from shared.contracts.envelope import Body
from shared.contracts.events import MailClassified, MailFetched, ReplayClassified
from shared.contracts.sending import RESULTS_EXCHANGE, SEND_EXCHANGE, SEND_KEY

EXCHANGE: Final = "apiconnect"

# A message that comes back this often, by reject or by a lost connection, has killed its consumers: the broker parks it.
DELIVERY_LIMIT: Final = 20

# The parking place is read by people and by the collector; coming back from there must never drop a message.
DEAD_DELIVERY_LIMIT: Final = 1_000_000

# Results that an integration never fetches: the oldest go, so that nothing of ours ever waits for a reader outside.
RESULTS_KEPT_MS: Final = 14 * 24 * 3600 * 1000
RESULTS_KEPT_BYTES: Final = 1_000_000_000

SEND_QUEUE: Final = "sender.send_mail"  # the operator's own tools; an integration's is send_queue(name)
_USER_PREFIX: Final = "integration."


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
    Route(ClassifyReplay, "classifier.classify_replay"),
    Route(ReplayClassified, "actions.replay_classified"),
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


def send_queue(integration: str) -> str:
    """Where an integration's requests wait."""
    return f"{SEND_QUEUE}.{integration}"


def results_queue(integration: str) -> str:
    """Where an integration reads what became of its sends."""
    return f"results.{integration}"


def integration_user(integration: str) -> str:
    """The integration's user at the broker."""
    return f"{_USER_PREFIX}{integration}"


def integration_of(user: str) -> str | None:
    """The integration that a user at the broker is; None for any other user."""
    return user.removeprefix(_USER_PREFIX) if user.startswith(_USER_PREFIX) else None


def work_queues(integrations: Iterable[str] = ()) -> tuple[str, ...]:
    """Every queue that a service reads."""
    return (*(route.queue for route in ROUTES), SEND_QUEUE, *map(send_queue, sorted(integrations)))


def exchanges(tiers: Mapping[str, float] = RETRY_TIERS) -> dict[str, str]:
    """Exchange -> its type."""
    topics = dict.fromkeys((EXCHANGE, SEND_EXCHANGE, RESULTS_EXCHANGE), "topic")
    return topics | {retry_exchange(tier): "fanout" for tier in tiers}


def bindings(
    tiers: Mapping[str, float] = RETRY_TIERS, integrations: Iterable[str] = ()
) -> tuple[tuple[str, str, str], ...]:
    """(exchange, queue, key) of every binding."""
    names = sorted(integrations)
    return (
        *((EXCHANGE, route.queue, route.message.type) for route in ROUTES),
        *((retry_exchange(tier), retry_queue(tier), "") for tier in tiers),
        (SEND_EXCHANGE, SEND_QUEUE, SEND_KEY),
        *((SEND_EXCHANGE, send_queue(name), f"{SEND_KEY}.{name}") for name in names),
        *((RESULTS_EXCHANGE, results_queue(name), f"delivery.{name}.#") for name in names),
    )


def queue_arguments(
    tiers: Mapping[str, float] = RETRY_TIERS, integrations: Iterable[str] = ()
) -> dict[str, dict[str, Any]]:
    """Queue name -> x-arguments, for every queue that is declared; targets of dead-lettering come before their sources.

    integrations: names, each of which has its own queues at the edge.
    at-least-once dead-lettering needs reject-publish and keeps a message until its target has confirmed it.
    """
    quorum = {"x-queue-type": "quorum"}
    safe = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish", "x-dead-letter-exchange": ""}
    declared: dict[str, dict[str, Any]] = {}
    names = sorted(integrations)
    for queue in work_queues(names):
        dead = dead_queue(queue)
        declared[dead] = {**quorum, "x-delivery-limit": DEAD_DELIVERY_LIMIT}
        declared[queue] = {**quorum, **safe, "x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-routing-key": dead}
    for tier, seconds in tiers.items():
        # The TTL is the queue's and static. No dead-letter key: the message keeps its own, which names the work queue.
        waits = {"x-message-ttl": int(seconds * 1000), "x-delivery-limit": DELIVERY_LIMIT}
        declared[retry_queue(tier)] = {**quorum, **safe, **waits}
    for name in names:
        bounds = {"x-message-ttl": RESULTS_KEPT_MS, "x-max-length-bytes": RESULTS_KEPT_BYTES, "x-overflow": "drop-head"}
        declared[results_queue(name)] = {**quorum, **bounds, "x-delivery-limit": DEAD_DELIVERY_LIMIT}
    return declared
