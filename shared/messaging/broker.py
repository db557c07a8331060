"""What the product asks of a message broker. Two things keep these promises: rabbitmq.RabbitBroker and memory.MemoryBroker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

# Headers that a message carries beside its payload.
ATTEMPT = "attempt"  # which try this is, 1 when absent
FIRST_FAILED_AT = "first_failed_at"  # seconds since 1970 of the first failure, absent before it
PARKED = "parked"  # on a copy in a .dead queue: its row in PostgreSQL exists


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. `type` is its routing key, `payload` the envelope's JSON in UTF-8."""

    message_id: UUID
    type: str
    payload: bytes
    headers: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came, not yet acknowledged.

    message_id, type: properties as the sender set them, None or "" if it set none; the envelope is what counts.
    attempt: 1 on the first try. redelivered: it was handed out before, and not acknowledged.
    token: the broker's own note; only the subscription that delivered it may look inside.
    """

    payload: bytes
    message_id: str | None
    attempt: int
    redelivered: bool
    token: Any
    type: str = ""
    first_failed_at: float | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)


class Publisher(Protocol):
    """Sends messages; returns when the broker has taken responsibility for all of them. Safe to use from several threads.

    Every method raises BrokerOrDatabaseDown when the broker does not confirm in time, refuses, or has no queue for a
    message; some of the messages may then have been sent.
    """

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """To the queues that the table names for each message's type."""
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

    def depths(self) -> dict[str, int]:
        """Messages ready in each work queue, dead-letter queue and retry queue. Raises BrokerOrDatabaseDown."""
        ...

    def ping(self) -> bool:
        """Whether the broker answers."""
        ...

    def close(self) -> None:
        """Closes the publishing connection. Subscriptions are closed by who holds them."""
        ...
