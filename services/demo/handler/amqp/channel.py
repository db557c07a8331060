"""One channel: publishing with confirms, consuming with acknowledgements. Methods by their names in AMQP 0-9-1 and in RabbitMQ's
extensions (confirms, basic.nack)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from services.demo.handler.amqp.wire import Wire, failed, spec
from shared.contracts.sending import RESULTS_EXCHANGE, SEND_EXCHANGE, SEND_KEY
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import Broker, Delivery, Outgoing, Subscription
from shared.messaging.topology import SEND_QUEUE, exchanges, integration_user, results_queue, send_queue

ACCESS_REFUSED: Final = 403
NOT_FOUND: Final = 404
PRECONDITION_FAILED: Final = 406
NO_ROUTE: Final = 312
NOT_IMPLEMENTED: Final = 540
_UNBOUNDED: Final = 1_000


class ChannelRefused(Exception):
    """The channel is closed with this code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class NotSpoken(Exception):
    """A method that this server does not know."""


@dataclass(slots=True)
class _Consumer:
    tag: str
    subscription: Subscription
    prefetch: int
    auto_ack: bool
    cancelled: bool = False


@dataclass(slots=True)
class _Message:
    """A message that is coming in, in parts."""

    publish: Any
    properties: Any = None
    size: int = 0
    body: bytearray = field(default_factory=bytearray)


class Channel:
    """What one integration does on one channel."""

    def __init__(self, number: int, wire: Wire, broker: Broker, integration: str, new_id: Callable[[], UUID]) -> None:
        self._number = number
        self._wire = wire
        self._broker = broker
        self._integration = integration
        self._new_id = new_id
        self._confirming = False
        self._published = 0
        self._tags = 0
        self._prefetch = 0
        self._consumers: dict[str, _Consumer] = {}
        self._open: dict[int, tuple[_Consumer, Delivery]] = {}
        self._coming: _Message | None = None
        self.closing = False  # we closed it, and wait for the client to say that it knows

    def handle(self, method: Any) -> None:
        """One method from the client. Raises ChannelRefused, NotSpoken."""
        name = "_" + method.NAME.lower().replace(".", "_")
        answer = getattr(self, name, None)
        if answer is None:
            raise NotSpoken(method.NAME)
        answer(method)

    def refuse(self, method: Any, error: ChannelRefused) -> None:
        """Closes the channel for a reason."""
        self.closing = True
        self.close()
        self._wire.method(self._number, spec.Channel.Close(*failed(method, error.code, str(error))))

    def close(self) -> None:
        """What was not acknowledged goes back into its queue."""
        for consumer in self._consumers.values():
            consumer.subscription.close()
        self._consumers.clear()
        self._open.clear()

    def deliver(self) -> bool:
        """Hands out what waits, as far as the prefetch allows. Whether there was anything."""
        found = False
        for consumer in list(self._consumers.values()):
            if consumer.cancelled:
                continue
            for delivery in consumer.subscription.receive(consumer.prefetch, 0.0):
                found = True
                tag = self._hold(consumer, delivery)
                method = spec.Basic.Deliver(
                    consumer.tag, tag, delivery.redelivered, RESULTS_EXCHANGE, _key(self._integration, delivery)
                )
                self._wire.content(self._number, method, _properties(delivery), delivery.payload)
        return found

    @property
    def consumes(self) -> bool:
        """Whether anything is to be handed out."""
        return bool(self._consumers)

    # What the client asks for.

    def _channel_close(self, method: Any) -> None:
        self.close()
        self._wire.method(self._number, spec.Channel.CloseOk())

    def _channel_flow(self, method: Any) -> None:
        self._wire.method(self._number, spec.Channel.FlowOk(method.active))

    def _confirm_select(self, method: Any) -> None:
        self._confirming = True
        self._wire.method(self._number, spec.Confirm.SelectOk())

    def _exchange_declare(self, method: Any) -> None:
        if not method.passive:
            raise ChannelRefused(ACCESS_REFUSED, "ACCESS_REFUSED - an integration declares nothing")
        if method.exchange not in exchanges():
            raise ChannelRefused(NOT_FOUND, f"NOT_FOUND - no exchange '{method.exchange}'")
        self._wire.method(self._number, spec.Exchange.DeclareOk())

    def _queue_declare(self, method: Any) -> None:
        if not method.passive:
            raise ChannelRefused(ACCESS_REFUSED, "ACCESS_REFUSED - an integration declares nothing")
        depths = self._broker.depths()
        if method.queue not in depths:
            raise ChannelRefused(NOT_FOUND, f"NOT_FOUND - no queue '{method.queue}'")
        self._wire.method(self._number, spec.Queue.DeclareOk(method.queue, depths[method.queue], 0))

    def _queue_bind(self, method: Any) -> None:
        raise ChannelRefused(ACCESS_REFUSED, "ACCESS_REFUSED - an integration binds nothing")

    _queue_unbind = _queue_delete = _queue_purge = _exchange_delete = _exchange_bind = _queue_bind

    def _basic_qos(self, method: Any) -> None:
        self._prefetch = method.prefetch_count
        self._wire.method(self._number, spec.Basic.QosOk())

    def _basic_consume(self, method: Any) -> None:
        self._may_read(method.queue)
        tag = method.consumer_tag or f"ctag-{self._new_id().hex}"
        prefetch = self._prefetch or _UNBOUNDED
        subscription = self._broker.subscribe(method.queue, prefetch, tag)
        self._consumers[tag] = _Consumer(tag, subscription, prefetch, method.no_ack)
        if not method.nowait:
            self._wire.method(self._number, spec.Basic.ConsumeOk(tag))

    def _basic_cancel(self, method: Any) -> None:
        if method.consumer_tag in self._consumers:
            self._consumers[method.consumer_tag].cancelled = True  # what it holds may still be acknowledged
        if not method.nowait:
            self._wire.method(self._number, spec.Basic.CancelOk(method.consumer_tag))

    def _basic_get(self, method: Any) -> None:
        self._may_read(method.queue)
        name = f"get {self._new_id().hex}"
        consumer = _Consumer(name, self._broker.subscribe(method.queue, 1, name), 1, method.no_ack, cancelled=True)
        found = consumer.subscription.receive(1, 0.0)
        if not found:
            consumer.subscription.close()
            self._wire.method(self._number, spec.Basic.GetEmpty())
            return
        self._consumers[name] = consumer
        tag = self._hold(consumer, found[0])
        key = _key(self._integration, found[0])
        answer = spec.Basic.GetOk(tag, found[0].redelivered, RESULTS_EXCHANGE, key, self._broker.depths()[method.queue])
        self._wire.content(self._number, answer, _properties(found[0]), found[0].payload)

    def _basic_ack(self, method: Any) -> None:
        for consumer, delivery in self._settled(method):
            consumer.subscription.ack([delivery])

    def _basic_nack(self, method: Any) -> None:
        for consumer, delivery in self._settled(method):
            if method.requeue:
                consumer.subscription.reject(delivery)
            else:
                consumer.subscription.ack([delivery])

    _basic_reject = _basic_nack

    # A message that comes in.

    def _basic_publish(self, method: Any) -> None:
        keys = (SEND_KEY, f"{SEND_KEY}.{self._integration}")
        if method.exchange != SEND_EXCHANGE or method.routing_key not in keys:
            raise ChannelRefused(
                ACCESS_REFUSED, f"ACCESS_REFUSED - access to '{method.exchange}' with '{method.routing_key}' refused"
            )
        self._coming = _Message(method)

    def properties(self, size: int, properties: Any) -> None:
        """The header of a message. Raises ChannelRefused."""
        if self._coming is None:
            return
        self._coming.size, self._coming.properties = size, properties
        self._complete()

    def body(self, part: bytes) -> None:
        """A part of a message's body. Raises ChannelRefused."""
        if self._coming is None:
            return
        self._coming.body += part
        self._complete()

    def _complete(self) -> None:
        message = self._coming
        if message is None or len(message.body) < message.size:
            return
        self._coming = None
        user_id = message.properties.user_id
        if user_id is not None and user_id != integration_user(self._integration):
            raise ChannelRefused(
                PRECONDITION_FAILED, f"PRECONDITION_FAILED - user_id property set to '{user_id}', which is not yours"
            )
        self._published += 1
        try:
            routed = self._pass_on(message)
        except BrokerOrDatabaseDown:
            self._confirm(spec.Basic.Nack(self._published))
            return
        if not routed and message.publish.mandatory:
            returned = spec.Basic.Return(NO_ROUTE, "NO_ROUTE", message.publish.exchange, message.publish.routing_key)
            self._wire.content(self._number, returned, message.properties, bytes(message.body))
        self._confirm(spec.Basic.Ack(self._published))

    def _pass_on(self, message: _Message) -> bool:
        """Whether there is a queue for it. Raises BrokerOrDatabaseDown."""
        queue = SEND_QUEUE if message.publish.routing_key == SEND_KEY else send_queue(self._integration)
        if queue not in self._broker.depths():
            return False
        given = message.properties
        outgoing = Outgoing(
            _as_uuid(given.message_id) or self._new_id(), given.type or SEND_KEY, bytes(message.body),
            {name: value for name, value in (given.headers or {}).items() if isinstance(value, str | int | float)},
            correlation_id=given.correlation_id, reply_to=given.reply_to, user_id=given.user_id,
        )  # fmt: skip
        self._broker.publisher().publish_to(queue, [outgoing])
        return True

    def _confirm(self, method: Any) -> None:
        if self._confirming:
            self._wire.method(self._number, method)

    # Deliveries in hand.

    def _hold(self, consumer: _Consumer, delivery: Delivery) -> int:
        self._tags += 1
        if consumer.auto_ack:
            consumer.subscription.ack([delivery])
        else:
            self._open[self._tags] = (consumer, delivery)
        return self._tags

    def _settled(self, method: Any) -> list[tuple[_Consumer, Delivery]]:
        """What an acknowledgement is about. `multiple` with tag 0 is all. Raises ChannelRefused."""
        upto, multiple = method.delivery_tag, getattr(method, "multiple", False)
        tags = [tag for tag in self._open if tag == upto or (multiple and (upto == 0 or tag < upto))]
        if not tags and not (multiple and upto == 0):
            raise ChannelRefused(PRECONDITION_FAILED, f"PRECONDITION_FAILED - unknown delivery tag {upto}")
        return [self._open.pop(tag) for tag in tags]

    def _may_read(self, queue: str) -> None:
        if queue != results_queue(self._integration):
            raise ChannelRefused(ACCESS_REFUSED, f"ACCESS_REFUSED - access to queue '{queue}' refused")


def _properties(delivery: Delivery) -> Any:
    return spec.BasicProperties(
        content_type="application/json", delivery_mode=2, correlation_id=delivery.correlation_id,
        message_id=delivery.message_id, type=delivery.type or None, headers=dict(delivery.headers),
    )  # fmt: skip


def _key(integration: str, delivery: Delivery) -> str:
    """The in-memory broker does not keep routing keys; a result's follows from its state."""
    with suppress(ValueError, KeyError, TypeError):
        return f"delivery.{integration}.{json.loads(delivery.payload)['state']}"
    return f"delivery.{integration}"


def _as_uuid(text: str | None) -> UUID | None:
    with suppress(ValueError, TypeError):
        return UUID(text)
    return None
