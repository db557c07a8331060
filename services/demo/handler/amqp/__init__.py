"""An AMQP server for loopback, for the demo and for tests only: integrations come in by it although no RabbitMQ runs.

It speaks as much of AMQP 0-9-1 (with RabbitMQ's confirms) as a program needs that publishes send requests and reads results, and
passes them to and from the in-memory broker. Rights are those of an integration: its own keys and its own results, checked `user_id`.
It declares nothing, keeps nothing, and has no TLS.
"""

from services.demo.handler.amqp.server import AmqpServer

__all__ = ["AmqpServer"]
