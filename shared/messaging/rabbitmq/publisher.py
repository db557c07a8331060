"""Publishing with pipelined confirms. All threads share one connection, under a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from shared.contracts.sending import RESULTS_EXCHANGE
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging import topology
from shared.messaging.broker import Delivery, Outgoing, again_headers
from shared.messaging.rabbitmq.link import ERRORS, Link, Wanted, declare

_PERSISTENT: Final = 2
_BEFORE_DECLARING_SECONDS: Final = 0.3
_OPTIONAL: Final = ("correlation_id", "reply_to", "user_id")


class Confirms:
    """What the broker has said about the messages published on one channel."""

    def __init__(self, channel: Any) -> None:
        self._sequence = 0
        self.open: dict[int, int] = {}  # sequence number on the channel -> index in what is being sent
        self.refused: list[int] = []
        self.returned: set[str] = set()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._ack)
        channel.events["basic_nack"].add(self._nack)
        channel.events["basic_return"].add(self._return)

    def expect(self, index: int) -> None:
        self._sequence += 1
        self.open[self._sequence] = index

    def clear(self) -> None:
        self.open.clear()
        self.refused.clear()
        self.returned.clear()

    def _take(self, tag: int, multiple: bool) -> list[int]:
        tags = [tag] if not multiple else [one for one in self.open if one <= tag]
        return [self.open.pop(one) for one in tags if one in self.open]

    def _ack(self, tag: int, multiple: bool) -> None:
        self._take(tag, multiple)

    def _nack(self, tag: int, multiple: bool) -> None:
        self.refused += self._take(tag, multiple)

    def _return(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        # A message without a queue is returned first and acknowledged after: "returned" is what counts.
        self.returned.add(message.properties["message_id"])


class RabbitPublisher:
    """Pipelined confirms: up to `window` messages are under way before the first confirm is read."""

    def __init__(
        self,
        link: Link,
        wanted: Wanted,
        confirm_timeout_seconds: float,
        window: int = 500,
        *,
        user: str,
    ) -> None:
        self.user = user
        self._link = link
        self._wanted = wanted
        self._confirm_timeout_seconds = confirm_timeout_seconds
        self._window = window
        self._confirms: Confirms | None = None
        self.lock = threading.RLock()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See broker.Publisher."""
        self._send(
            [
                (topology.EXCHANGE if one.exchange is None else one.exchange, one.routing_key or one.type, one)
                for one in messages
            ]
        )

    def publish_to(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """See broker.Publisher."""
        self._send([("", queue, message) for message in messages])

    def publish_retry(
        self, queue: str, delivery: Delivery, attempt: int, tier: str, *, first_failed_at: float | None = None
    ) -> None:
        """See broker.Publisher."""
        message = Outgoing(
            _as_uuid(delivery.message_id),
            delivery.type,
            delivery.payload,
            again_headers(delivery, attempt, first_failed_at),
            correlation_id=delivery.correlation_id,
            reply_to=delivery.reply_to,
            user_id=self.user,
        )
        self._send([(topology.retry_exchange(tier), queue, message)])

    def keep_alive(self) -> None:
        """Reads what the broker says between two publishes, and answers its heartbeats."""
        with self.lock:
            if self._link.amqp is None:
                return
            try:
                with suppress(TimeoutError):
                    self._link.hear(0.0, lambda: False)
                self._link.beat()
            except ERRORS:
                self.drop()

    def channel(self) -> Any:
        """The open channel, connecting if need be. The caller holds the lock. Raises BrokerOrDatabaseDown."""
        if self._link.channel is None:
            try:
                self._link.open()
                self._confirms = Confirms(self._link.channel)
            except ERRORS as error:
                self.drop()
                raise BrokerOrDatabaseDown(f"RabbitMQ does not answer: {type(error).__name__}") from error
        return self._link.channel

    def drop(self) -> None:
        """Forgets the connection; the next use makes a new one."""
        self._link.drop()
        self._confirms = None

    def _send(self, items: Sequence[tuple[str, str, Outgoing]]) -> None:
        if not items:
            return
        with self.lock:
            left = self._attempt(items, last=False)
            if left:
                # A queue made anew within some 30 ms of its deletion keeps the old consumers and gives them nothing
                # (seen with 3.10): give the broker time to tell them that they are cancelled.
                threading.Event().wait(_BEFORE_DECLARING_SECONDS)
                self.declare()
                left = self._attempt(left, last=True)
            if left:
                self.drop()
                raise BrokerOrDatabaseDown(
                    f"RabbitMQ has no queue for, or refused, {len(left)} of {len(items)} messages"
                )

    @contextmanager
    def side_channel(self) -> Iterator[Any]:
        """A channel of its own on the publishing connection, under the lock. Raises BrokerOrDatabaseDown."""
        with self.lock:
            self.channel()
            try:
                channel = self._link.amqp.channel()
                yield channel
                channel.close()
            except ERRORS as error:
                self.drop()
                raise BrokerOrDatabaseDown(f"RabbitMQ does not answer: {type(error).__name__}") from error

    def declare(self) -> None:
        """Creates what is missing. Raises BrokerOrDatabaseDown, TopologyConflict."""
        with self.side_channel() as channel:
            declare(channel, self._wanted)

    def close(self) -> None:
        """Says goodbye to the broker."""
        with self.lock:
            self._link.close()
            self._confirms = None

    def _attempt(self, items: Sequence[tuple[str, str, Outgoing]], last: bool) -> Sequence[tuple[str, str, Outgoing]]:
        """Those that found no queue or were refused. All of them if the connection turned out to be dead."""
        channel = self.channel()
        try:
            return self._publish_and_wait(channel, items)
        except TimeoutError as error:
            self.drop()
            raise BrokerOrDatabaseDown("RabbitMQ did not confirm in time") from error
        except ERRORS as error:
            # An idle connection may have died unnoticed, or the exchange may be gone: worth one more try.
            self.drop()
            if last:
                raise BrokerOrDatabaseDown(f"RabbitMQ does not answer: {type(error).__name__}") from error
            return items

    def _publish_and_wait(
        self, channel: Any, items: Sequence[tuple[str, str, Outgoing]]
    ) -> Sequence[tuple[str, str, Outgoing]]:
        confirms = self._confirms
        assert confirms is not None
        confirms.clear()
        end = time.monotonic() + self._confirm_timeout_seconds
        with self._link.together() as send:
            for index, (exchange, routing_key, message) in enumerate(items):
                confirms.expect(index)
                wire = _amqp_message(channel, message)
                channel.basic_publish(wire, exchange, routing_key, mandatory=_needs_a_queue(exchange, message))
                if len(confirms.open) >= self._window:
                    send()
                    self._drain(end, self._window // 2)
                    end = time.monotonic() + self._confirm_timeout_seconds
        self._drain(end, 0)
        refused = set(confirms.refused)
        return [
            item
            for index, item in enumerate(items)
            if index in refused or (confirms.returned and str(item[2].message_id) in confirms.returned)
        ]

    def _drain(self, end: float, down_to: int) -> None:
        """Raises TimeoutError after a silence that lasts to `end`, or when confirms still come in too slowly by then."""
        confirms = self._confirms
        assert confirms is not None

        def enough() -> bool:
            if len(confirms.open) > down_to and time.monotonic() > end:
                raise TimeoutError
            return len(confirms.open) <= down_to

        self._link.hear(end - time.monotonic(), enough)


def _amqp_message(channel: Any, message: Outgoing) -> Any:
    return channel.prepare_message(
        message.payload,
        content_type="application/json",
        headers=dict(message.headers),
        properties={
            "delivery_mode": _PERSISTENT,
            "message_id": str(message.message_id),
            "type": message.type,
            **{name: value for name in _OPTIONAL if (value := getattr(message, name)) is not None},
        },
    )


def _needs_a_queue(exchange: str, message: Outgoing) -> bool:
    """Not an integration's results, nor an answer straight into the queue that it named: nobody has to listen there."""
    return exchange != RESULTS_EXCHANGE and not (exchange == "" and message.exchange == "")


def _as_uuid(text: str | None) -> UUID:
    """A sender's id that is no UUID becomes one, always the same."""
    with suppress(ValueError):
        return UUID(text or "")
    return uuid5(NAMESPACE_OID, text or "")
