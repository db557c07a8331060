"""What the product asks of a message broker. Two things keep these promises: rabbitmq.RabbitBroker and memory.MemoryBroker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from shared.messaging.topology import integration_of

# Headers that a message carries beside its payload.
ATTEMPT = "attempt"  # which try this is, 1 when absent
FIRST_FAILED_AT = "first_failed_at"  # seconds since 1970 of the first failure, absent before it
PARKED = "parked"  # on a copy in a .dead queue: its row in PostgreSQL exists
# Who published it first, on what one of us published again (a retry, a replay). Counts only from a user of ours.
ASKED_BY = "asked_by"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. `type` is its routing key, `payload` the envelope's JSON in UTF-8.

    exchange, routing_key: of a message that does not go to the internal exchange by its type. correlation_id, reply_to,
    user_id: AMQP properties; a broker refuses a user_id that is not the connection's own.
    """

    message_id: UUID
    type: str
    payload: bytes
    headers: Mapping[str, str | int | float] = field(default_factory=dict)
    exchange: str | None = None
    routing_key: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came, not yet acknowledged.

    message_id, type: properties as the sender set them, None or "" if it set none; the envelope is what counts.
    attempt: 1 on the first try. redelivered: it was handed out before, and not acknowledged.
    token: the broker's own note; only the subscription that delivered it may look inside.
    user_id: who published it, checked by the broker; "" if it does not say.
    """

    payload: bytes
    message_id: str | None
    attempt: int
    redelivered: bool
    token: Any
    type: str = ""
    first_failed_at: float | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    user_id: str = ""
    correlation_id: str | None = None
    reply_to: str | None = None
    content_type: str = ""


def again_headers(
    delivery: Delivery, attempt: int, first_failed_at: float | None = None
) -> dict[str, str | int | float]:
    """Headers under which one of us publishes `delivery` again, as try number `attempt`."""
    first = first_failed_at if first_failed_at is not None else delivery.first_failed_at
    headers: dict[str, str | int | float] = {ATTEMPT: attempt}
    if first is not None:
        headers[FIRST_FAILED_AT] = first
    if who := asked_by(delivery):
        headers[ASKED_BY] = who
    return headers


def ours(delivery: Delivery) -> bool:
    """Whether one of our own users published it, and not an integration, nor somebody who does not say."""
    return bool(delivery.user_id) and integration_of(delivery.user_id) is None


def asked_by(delivery: Delivery) -> str:
    """The user who published it first: the header counts only from one of ours."""
    said = delivery.headers.get(ASKED_BY)
    return said if isinstance(said, str) and said and ours(delivery) else delivery.user_id


class Publisher(Protocol):
    """Sends messages; returns when the broker has taken responsibility for all of them. Safe to use from several threads.

    Every method raises BrokerOrDatabaseDown when the broker does not confirm in time, refuses, or has no queue for a
    message; some of the messages may then have been sent. A result for an integration needs no queue: nobody has to
    listen, and the queue that a request named for its answer may be gone.
    """

    @property
    def user(self) -> str:
        """Our user at the broker."""
        ...

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """To the exchange and key that each names, else to the queue that the table names for its type."""
        ...

    def publish_to(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Straight into `queue`, such as a dead-letter queue or, for a replay, a work queue."""
        ...

    def publish_retry(
        self, queue: str, delivery: Delivery, attempt: int, tier: str, *, first_failed_at: float | None = None
    ) -> None:
        """`delivery` again into `queue`, after the tier's delay, as try number `attempt`. The original is not acknowledged.

        first_failed_at: seconds since 1970; None keeps the delivery's own.
        """
        ...


class Subscription(Protocol):
    """One consumer of one queue. Used by one thread only; it reconnects by itself."""

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """At most `limit` messages: what is there, or else the first that comes within `wait_seconds`.

        Empty while the broker is down. `limit=0` only keeps the connection alive. Call it at least every few seconds.
        """
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """These are done. Those of an earlier connection are ignored: the broker has put them back already."""
        ...

    def reject(self, delivery: Delivery) -> None:
        """Back into the queue, to be redelivered; counts towards the delivery limit."""
        ...

    def close(self) -> None:
        """Stops consuming; what was not acknowledged goes back into the queue."""
        ...


class Broker(Protocol):
    """The way in."""

    def publisher(self) -> Publisher:
        """A publisher; all of a broker's publishers share one connection."""
        ...

    def subscribe(self, queue: str, prefetch: int, consumer_tag: str) -> Subscription:
        """A consumer that holds at most `prefetch` unacknowledged messages. Does not fail while the broker is down."""
        ...

    def declare(self) -> None:
        """Creates exchanges, queues and bindings that are missing. Raises BrokerOrDatabaseDown."""
        ...

    def know(self, integrations: Collection[str]) -> None:
        """The integrations there are: their queues belong to what is declared from now on, and are declared now if there
        is a new one. Raises BrokerOrDatabaseDown."""
        ...

    def known(self) -> frozenset[str]:
        """What know() was told last."""
        ...

    def depths(self) -> dict[str, int]:
        """Messages ready in each work queue, dead-letter queue, retry queue and results queue. Raises BrokerOrDatabaseDown."""
        ...

    def ping(self) -> bool:
        """Whether the broker answers."""
        ...

    def close(self) -> None:
        """Closes the publishing connection. Subscriptions are closed by who holds them."""
        ...
