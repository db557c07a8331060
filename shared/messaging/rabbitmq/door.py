"""The door to one RabbitMQ virtual host."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging import topology
from shared.messaging.rabbitmq.link import Link, Wanted, depth
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
        self._wanted = Wanted(tiers, creates)
        user = unquote(urlsplit(url).username or "guest")  # RabbitMQ's own default
        self._publisher = RabbitPublisher(
            self._link(f"{name} publishing"), self._wanted, confirm_timeout_seconds, user=user
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
            self._link(f"{self._name} {consumer_tag}"), self._wanted, queue, prefetch, consumer_tag
        )

    def declare(self) -> None:
        """See broker.Broker. Raises TopologyConflict too."""
        self._publisher.declare()

    def know(self, integrations: Collection[str]) -> None:
        """See broker.Broker. Raises TopologyConflict too."""
        before, self._wanted.integrations = self._wanted.integrations, frozenset(integrations)
        if self._wanted.creates and not self._wanted.integrations <= before:
            try:
                self._publisher.declare()
            except BrokerOrDatabaseDown:
                self._wanted.integrations &= before  # so that the next call declares them
                raise

    def known(self) -> frozenset[str]:
        """See broker.Broker."""
        return self._wanted.integrations

    def depths(self) -> dict[str, int]:
        """See broker.Broker. A queue that does not exist counts as empty."""
        queues = topology.queue_arguments(self._wanted.tiers, self._wanted.integrations)
        with self._publisher.side_channel() as channel:
            return {queue: depth(channel, queue) for queue in queues}

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
