"""RabbitMQ over AMQP 0-9-1 with kombu. The only package that knows the client library.

One connection for publishing, shared under a lock and kept alive by a small thread; one per subscription, touched by the
thread that drains it and by no other. After any error a connection is dropped, never repaired: what the broker had sent
on it comes again on the next one.
"""

from shared.messaging.rabbitmq.door import RabbitBroker
from shared.messaging.rabbitmq.link import TopologyConflict

__all__ = ["RabbitBroker", "TopologyConflict"]
