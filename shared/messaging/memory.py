"""A broker in this process, for tests and the demo: routing, delay tiers, redelivery, delivery limit, dead letters.

Passes the same contract suite as RabbitBroker. What it does not promise: anything after the process ends, and other
processes.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from shared.contracts.sending import RESULTS_EXCHANGE
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging import topology
from shared.messaging.broker import ATTEMPT, FIRST_FAILED_AT, Delivery, Outgoing, again_headers


@dataclass(slots=True)
class _Stored:
    """A message in a queue. returns: how often it came back unacknowledged."""

    message_id: str | None
    type: str
    payload: bytes
    headers: Mapping[str, str | int | float]
    returns: int = 0
    user_id: str = ""
    correlation_id: str | None = None
    reply_to: str | None = None


@dataclass(order=True, slots=True)
class _Delayed:
    due: float
    number: int
    queue: str = field(compare=False)
    tier: str = field(compare=False)
    stored: _Stored = field(compare=False)


class MemoryBroker:
    """Safe to use from several threads; one lock for everything."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, tiers: Mapping[str, float] = topology.RETRY_TIERS
    ) -> None:
        """clock: seconds, only for the delay tiers. A test that turns its clock on calls wake()."""
        self._clock = clock
        self._tiers = tiers
        self._changed = threading.Condition()
        self._ready: dict[str, deque[_Stored]] = {}
        self._unacked: dict[int, tuple[str, _Stored]] = {}
        self._delayed: list[_Delayed] = []
        self._numbers = count(1)
        self._down = False
        self._integrations: frozenset[str] = frozenset()
        self.declare()

    def publisher(self) -> MemoryPublisher:
        """See broker.Broker."""
        return MemoryPublisher(self)

    def subscribe(self, queue: str, prefetch: int, consumer_tag: str) -> MemorySubscription:
        """See broker.Broker."""
        return MemorySubscription(self, queue, prefetch)

    def declare(self) -> None:
        """See broker.Broker."""
        with self._changed:
            for queue in topology.queue_arguments({}, self._integrations):
                self._ready.setdefault(queue, deque())

    def know(self, integrations: Collection[str]) -> None:
        """See broker.Broker."""
        with self._changed:
            self._integrations = frozenset(integrations)
            self.declare()

    def known(self) -> frozenset[str]:
        """See broker.Broker."""
        return self._integrations

    def depths(self) -> dict[str, int]:
        """See broker.Broker."""
        with self._changed:
            self._need_up()
            self._come_home()
            waiting = [delayed.tier for delayed in self._delayed]
            delayed = {topology.retry_queue(tier): waiting.count(tier) for tier in self._tiers}
            return {queue: len(stored) for queue, stored in self._ready.items()} | delayed

    def ping(self) -> bool:
        """See broker.Broker."""
        return not self._down

    def close(self) -> None:
        """See broker.Broker. Messages stay: another subscription finds them."""

    def quiet(self) -> bool:
        """Whether nothing is ready in a work queue, unacknowledged or delayed. Dead letters are quiet."""
        with self._changed:
            self._come_home()
            ready = any(self._ready[queue] for queue in topology.work_queues(self._integrations))
            return not (ready or self._unacked or self._delayed)

    def wait_until_quiet(self, at_most_seconds: float) -> bool:
        """Waits for quiet(); False if it did not come in time."""
        end = time.monotonic() + at_most_seconds
        with self._changed:
            while not self.quiet():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, self._until_next_due()))
        return True

    def wake(self) -> None:
        """The clock was turned: looks at the delayed messages again."""
        with self._changed:
            self._come_home()
            self._changed.notify_all()

    def set_down(self, down: bool) -> None:
        """While down, publishing fails and nothing is received, as with a broker that was stopped; what was handed out
        goes back into its queue."""
        with self._changed:
            self._down = down
            for tag in list(self._unacked) if down else []:
                self._return(tag)
            self._changed.notify_all()

    def _need_up(self) -> None:
        if self._down:
            raise BrokerOrDatabaseDown("the in-memory broker is set down")

    def _put(self, queue: str, stored: _Stored) -> None:
        if queue not in self._ready:
            raise BrokerOrDatabaseDown(f"there is no queue {queue}")
        self._ready[queue].append(stored)
        self._changed.notify_all()

    def _delay(self, queue: str, tier: str, stored: _Stored) -> None:
        due = self._clock() + self._tiers[tier]
        heapq.heappush(self._delayed, _Delayed(due, next(self._numbers), queue, tier, stored))
        self._changed.notify_all()

    def _come_home(self) -> None:
        now = self._clock()
        while self._delayed and self._delayed[0].due <= now:
            delayed = heapq.heappop(self._delayed)
            self._put(delayed.queue, delayed.stored)

    def _until_next_due(self) -> float:
        """At most a quarter of a second: an injected clock may run at its own pace."""
        if not self._delayed:
            return 0.25
        return min(0.25, max(0.001, self._delayed[0].due - self._clock()))

    def _return(self, tag: int) -> None:
        """An unacknowledged message goes back to the head of its queue, or over the limit to the dead letters."""
        queue, stored = self._unacked.pop(tag)
        stored.returns += 1
        if stored.returns <= topology.DELIVERY_LIMIT:
            self._ready[queue].appendleft(stored)
        elif topology.dead_queue(queue) in self._ready:
            self._ready[topology.dead_queue(queue)].append(replace(stored, returns=0))
        self._changed.notify_all()


class MemoryPublisher:
    """See broker.Publisher."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    @property
    def user(self) -> str:
        """See broker.Publisher."""
        return "memory"

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See broker.Publisher."""
        with self._broker._changed:
            for message in messages:
                exchange, key = message.exchange, message.routing_key or message.type
                exchange = topology.EXCHANGE if exchange is None else exchange
                queues = self._routed(exchange, key)
                if not queues and exchange not in ("", RESULTS_EXCHANGE):
                    raise BrokerOrDatabaseDown(f"no queue for {key}")
                self._broker._need_up()
                for queue in queues:
                    self.publish_to(queue, [message])

    def _routed(self, exchange: str, key: str) -> list[str]:
        if exchange == "":
            return [key] if key in self._broker._ready else []
        return [
            queue
            for source, queue, pattern in topology.bindings({}, self._broker._integrations)
            if source == exchange and (pattern == key or (pattern.endswith("#") and key.startswith(pattern[:-1])))
        ]

    def publish_to(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """See broker.Publisher."""
        with self._broker._changed:
            self._broker._need_up()
            for message in messages:
                stored = _Stored(
                    str(message.message_id),
                    message.type,
                    message.payload,
                    dict(message.headers),
                    user_id=message.user_id or "",
                    correlation_id=message.correlation_id,
                    reply_to=message.reply_to,
                )
                self._broker._put(queue, stored)

    def publish_retry(
        self, queue: str, delivery: Delivery, attempt: int, tier: str, *, first_failed_at: float | None = None
    ) -> None:
        """See broker.Publisher."""
        headers = again_headers(delivery, attempt, first_failed_at)
        with self._broker._changed:
            self._broker._need_up()
            stored = _Stored(
                delivery.message_id,
                delivery.type,
                delivery.payload,
                headers,
                user_id=self.user,
                correlation_id=delivery.correlation_id,
                reply_to=delivery.reply_to,
            )
            self._broker._delay(queue, tier, stored)


class MemorySubscription:
    """See broker.Subscription."""

    def __init__(self, broker: MemoryBroker, queue: str, prefetch: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._mine: set[int] = set()
        self._closed = False

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """See broker.Subscription."""
        end = time.monotonic() + wait_seconds
        broker = self._broker
        with broker._changed:
            while True:
                broker._come_home()
                if found := self._take(limit):
                    return found
                left = end - time.monotonic()
                if left <= 0 or self._closed:
                    return []
                broker._changed.wait(min(left, broker._until_next_due()))

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See broker.Subscription."""
        with self._broker._changed:
            for delivery in deliveries:
                self._mine.discard(delivery.token)
                self._broker._unacked.pop(delivery.token, None)
            self._broker._changed.notify_all()

    def reject(self, delivery: Delivery) -> None:
        """See broker.Subscription."""
        with self._broker._changed:
            self._mine.discard(delivery.token)
            if delivery.token in self._broker._unacked:
                self._broker._return(delivery.token)

    def close(self) -> None:
        """See broker.Subscription."""
        with self._broker._changed:
            self._closed = True
            for tag in sorted(self._mine, reverse=True):
                if tag in self._broker._unacked:
                    self._broker._return(tag)
            self._mine.clear()

    def _take(self, limit: int) -> list[Delivery]:
        broker = self._broker
        self._mine &= broker._unacked.keys()
        queue = broker._ready.get(self._queue)
        room = min(limit, self._prefetch - len(self._mine))
        if broker._down or self._closed or not queue:
            return []
        found: list[Delivery] = []
        while queue and len(found) < room:
            stored = queue.popleft()
            tag = next(broker._numbers)
            broker._unacked[tag] = (self._queue, stored)
            self._mine.add(tag)
            found.append(_delivery(stored, tag))
        return found


def _delivery(stored: _Stored, tag: int) -> Delivery:
    attempt, first = stored.headers.get(ATTEMPT), stored.headers.get(FIRST_FAILED_AT)
    return Delivery(
        payload=stored.payload,
        message_id=stored.message_id,
        attempt=attempt if isinstance(attempt, int) and attempt > 0 else 1,
        redelivered=stored.returns > 0,
        token=tag,
        type=stored.type,
        first_failed_at=float(first) if isinstance(first, int | float) else None,
        headers=stored.headers,
        user_id=stored.user_id,
        correlation_id=stored.correlation_id,
        reply_to=stored.reply_to,
        content_type="application/json",
    )
