"""Consuming. A subscription belongs to the thread that drains it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from shared.messaging.acks import OpenTags
from shared.messaging.broker import ATTEMPT, FIRST_FAILED_AT, Delivery
from shared.messaging.rabbitmq.link import ERRORS, Link, Wanted, declare
from shared.telemetry import log

_LONGEST_PAUSE_SECONDS: Final = 5.0


class RabbitSubscription:
    """One consumer. Connects at the first receive(), and again, with back-off, after every loss."""

    def __init__(
        self,
        link: Link,
        wanted: Wanted,
        queue: str,
        prefetch: int,
        consumer_tag: str,
    ) -> None:
        self._link = link
        self._wanted = wanted
        self._queue = queue
        self._prefetch = prefetch
        self._consumer_tag = consumer_tag
        self._buffer: deque[Delivery] = deque()
        self._open = OpenTags()
        self._generation = 0
        self._losses = 0
        self._next_try_at = 0.0
        self._pause = threading.Event()

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """See broker.Subscription. Raises TopologyConflict."""
        try:
            if self._connected(wait_seconds):
                self._drain(limit, wait_seconds)
                self._link.beat()
        except ERRORS as error:
            self._lost(error)
        return [self._buffer.popleft() for _ in range(min(limit, len(self._buffer)))]

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See broker.Subscription."""
        tags = [tag for generation, tag in (one.token for one in deliveries) if generation == self._generation]
        plan = self._open.settle(tags)
        try:
            if plan.up_to is not None:
                self._link.channel.basic_ack(plan.up_to, multiple=True)
            for tag in plan.single:
                self._link.channel.basic_ack(tag)
        except ERRORS as error:
            self._lost(error)

    def reject(self, delivery: Delivery) -> None:
        """See broker.Subscription. basic.reject and not nack: RabbitMQ 4.3 counts only rejects for the delivery limit."""
        generation, tag = delivery.token
        if generation != self._generation or not self._open.discard(tag):
            return
        try:
            self._link.channel.basic_reject(tag, requeue=True)
        except ERRORS as error:
            self._lost(error)

    def close(self) -> None:
        """See broker.Subscription."""
        self._generation += 1
        self._buffer.clear()
        self._link.close()

    def _connected(self, wait_seconds: float) -> bool:
        if self._link.channel is not None:
            return True
        pause = self._next_try_at - time.monotonic()
        if pause > 0:
            self._pause.wait(min(pause, wait_seconds))
            return False
        self._link.open()
        channel: Any = self._link.channel
        # After a reset or a deleted volume the broker is empty: declare each time, it costs some milliseconds.
        declare(channel, self._wanted)
        channel.basic_qos(0, self._prefetch, False)
        channel.basic_consume(self._queue, consumer_tag=self._consumer_tag, callback=self._arrived)
        if self._losses:
            log.info("broker.back", queue=self._queue)
        self._losses = 0
        return True

    def _arrived(self, message: Any) -> None:
        tag = message.delivery_info["delivery_tag"]
        self._open.add(tag)
        self._buffer.append(_delivery(message, (self._generation, tag)))

    def _drain(self, limit: int, wait_seconds: float) -> None:
        """Waits so long for a first message, then takes what is there. limit 0: as many as the prefetch lets through."""
        with suppress(TimeoutError):
            if limit == 0:
                self._link.hear(wait_seconds, lambda: False)
            if not self._buffer:
                self._link.hear(wait_seconds, lambda: bool(self._buffer))
            self._link.hear(0.0, lambda: len(self._buffer) >= limit)

    def _lost(self, error: Exception) -> None:
        """Everything unacknowledged is back in the queue, whether or not somebody here still works on it."""
        self._link.drop()
        self._generation += 1
        self._buffer.clear()
        self._open = OpenTags()
        if not self._losses:
            log.warning("broker.lost", queue=self._queue, error=f"{type(error).__name__}: {error}")
        self._next_try_at = time.monotonic() + min(0.1 * 2**self._losses, _LONGEST_PAUSE_SECONDS)
        self._losses = min(self._losses + 1, 10)


def _delivery(message: Any, token: tuple[int, int]) -> Delivery:
    properties = message.properties
    headers = properties.get("application_headers") or {}
    attempt, first = headers.get(ATTEMPT), headers.get(FIRST_FAILED_AT)
    body = message.body
    return Delivery(
        payload=body.encode() if isinstance(body, str) else bytes(body),
        message_id=properties.get("message_id"),
        attempt=attempt if isinstance(attempt, int) and attempt > 0 else 1,
        redelivered=bool(message.delivery_info["redelivered"]),
        token=token,
        type=properties.get("type") or "",
        first_failed_at=float(first) if isinstance(first, int | float) else None,
        headers=headers,
        user_id=properties.get("user_id") or "",
        correlation_id=properties.get("correlation_id"),
        reply_to=properties.get("reply_to"),
        content_type=properties.get("content_type") or "",
    )
