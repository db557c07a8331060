"""The door to one RabbitMQ virtual host."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging import topology
from shared.messaging.rabbitmq.link import Link, depth
from shared.messaging.rabbitmq.publisher import RabbitPublisher
from shared.messaging.rabbitmq.subscription import RabbitSubscription


class RabbitBroker:
    """The door to one RabbitMQ virtual host."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: str | None = None,
        heartbeat_seconds: float = 30.0,
        confirm_timeout_seconds: float = 10.0,
        name: str = "apiconnect",
        tiers: Mapping[str, float] = topology.RETRY_TIERS,
        creates: bool = True,
    ) -> None:
        """url: amqp:// or amqps://user:password@host:port/vhost. ca_file: PEM of the CA that an amqps:// broker's
        certificate is checked against, None for the system's.
        name: shown to operators as the connection's name. creates: whether exchanges and queues that are missing are
        created, or only waited for, because this user may not. Connects at first use."""
        self._link_settings = (url, ca_file, heartbeat_seconds, confirm_timeout_seconds)
        self._name = name
        self._tiers = tiers
        self._creates = creates
        self._publisher = RabbitPublisher(
            self._link(f"{name} publishing"), tiers, confirm_timeout_seconds, creates=creates
        )
        self._closing = threading.Event()
        self._pulse_seconds = heartbeat_seconds / 4
        self._pulse = threading.Thread(target=self._keep_alive, name="broker-heartbeat", daemon=True)
        self._pulse.start()

    def __repr__(self) -> str:
        return f"RabbitBroker({self._name!r})"  # never the URL: it holds the password

    def publisher(self) -> RabbitPublisher:
        """See broker.Broker."""
        return self._publisher

    def subscribe(self, queue: str, prefetch: int, consumer_tag: str) -> RabbitSubscription:
        """See broker.Broker."""
        return RabbitSubscription(
            self._link(f"{self._name} {consumer_tag}"),
            self._tiers,
            queue,
            prefetch,
            consumer_tag,
            creates=self._creates,
        )

    def declare(self) -> None:
        """See broker.Broker. Raises TopologyConflict too."""
        self._publisher.declare()

    def depths(self) -> dict[str, int]:
        """See broker.Broker. A queue that does not exist counts as empty."""
        with self._publisher.side_channel() as channel:
            return {queue: depth(channel, queue) for queue in topology.queue_arguments(self._tiers)}

    def ping(self) -> bool:
        """See broker.Broker."""
        try:
            with self._publisher.side_channel():
                return True
        except BrokerOrDatabaseDown:
            return False

    def close(self) -> None:
        """See broker.Broker."""
        self._closing.set()
        self._pulse.join(timeout=5.0)
        self._publisher.close()

    def _keep_alive(self) -> None:
        while not self._closing.wait(self._pulse_seconds):
            self._publisher.keep_alive()

    def _link(self, name: str) -> Link:
        return Link(*self._link_settings, name)
