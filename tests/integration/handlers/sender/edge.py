"""The edge as an integration sees it: it publishes requests under its own name and reads its results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from services.sender.handler import accepting
from services.sender.handler.accepting import AcceptingHandler
from services.sender.handler.requests import decoder
from services.sender.settings import SenderSettings
from shared.contracts.sending import SEND_EXCHANGE, SEND_KEY, DeliveryResult
from shared.messaging.broker import Broker, Delivery, Outgoing, Publisher
from shared.messaging.memory import MemoryBroker
from shared.messaging.process import Runner
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import dead_queue, integration_user, results_queue, send_queue
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from tests.builders import SEALER, SEALING_KEYS
from tests.integration.shared.messaging.running import running
from tests.integration.shared.storage.looking import value
from tests.sending import SHOP, a_request, wire
from tests.servers.rabbitmq import RabbitMQ, management
from tests.waiting import until

PASSWORD = "a-password-of-the-tests"


class Edge:
    """broker: the sender's own way in."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self.database = database
        self.broker = broker
        self.units = UnitFactory(database, broker.publisher())
        broker.know([SHOP])

    def publisher(self, user: str) -> Publisher:
        """A connection of `user`."""
        raise NotImplementedError

    def ask(self, *requests: dict[str, Any], by: str = SHOP, **properties: Any) -> None:
        """Publishes requests to the integration's own key. properties: of Outgoing, instead of what is right."""
        self.say(*(wire(request) for request in requests or (a_request(),)), by=by, **properties)

    def say(self, *payloads: bytes, by: str = SHOP, **properties: Any) -> None:
        """Publishes anything at all."""
        user = integration_user(by)
        given = {"exchange": SEND_EXCHANGE, "routing_key": f"{SEND_KEY}.{by}", "user_id": user, **properties}
        self.publisher(user).publish([Outgoing(uuid4(), SEND_KEY, payload, **given) for payload in payloads])

    def runners(self, **settings: object) -> Sequence[Runner]:
        """What reads requests."""
        chosen = SenderSettings(
            **{  # type: ignore[arg-type]
                "database_url": self.database.url,
                "rabbitmq_url": "amqp://unused",
                "sealing_keys": SEALING_KEYS,
                "integrations_seconds": 0.1,
                **settings,
            }
        )
        return accepting.runners(self.broker, self.units, SEALER, chosen, uuid4)

    @contextmanager
    def accepting(self, **settings: object) -> Iterator[None]:
        """The sender accepts meanwhile."""
        with all_running(self.runners(**settings)):
            yield

    def handle(self, delivery: Delivery) -> None:
        """One request is accepted and answered, and not acknowledged."""
        handler = AcceptingHandler(self.database, SEALER)
        received = decoder(SHOP, (), uuid4)(delivery)
        batch = handler.read([received])
        with self.units.begin() as unit:
            handler.write(unit, [(received, handler.decide(received, batch))])

    def answers(self, count: int, *, of: str = SHOP) -> list[DeliveryResult]:
        """The next `count` results, read as the integration would."""
        found: list[DeliveryResult] = []
        with closing(self.broker.subscribe(results_queue(of), 100, "tests")) as subscription:

            def read() -> bool:
                fresh = subscription.receive(count - len(found), 0.1)
                subscription.ack(fresh)
                found.extend(DeliveryResult.model_validate_json(one.payload) for one in fresh)
                return len(found) >= count

            assert until(read), f"{len(found)} of {count} results: {found}"
        return found

    def answered(self, *requests: dict[str, Any], **properties: Any) -> list[DeliveryResult]:
        """Asks, accepts, and gives the answers in the order of their keys."""
        self.ask(*requests, **properties)
        with self.accepting():
            return sorted(self.answers(max(1, len(requests))), key=lambda one: one.idempotency_key)

    def dead_letter(self, queue: str = "") -> str:
        """Why the one dead letter of a queue, by default the integration's, is one."""
        with self.accepting():
            assert until(lambda: self.broker.depths()[dead_queue(queue or send_queue(SHOP))] == 1)
        assert value(self.database, "select count(*) from dead_letters") == 1
        return str(value(self.database, "select reason from dead_letters"))


class MemoryEdge(Edge):
    """In this process; user_id is what one says it is."""

    broker: MemoryBroker

    def publisher(self, user: str) -> Publisher:
        """The one there is."""
        return self.broker.publisher()


class RabbitEdge(Edge):
    """A vhost of RabbitMQ, where the integration has a user of its own."""

    broker: RabbitBroker

    def __init__(self, database: Database, broker: RabbitBroker, server: RabbitMQ, url: str) -> None:
        self.server = server
        self.url = url
        self.vhost = urlsplit(url).path[1:]
        self._brokers: dict[str, RabbitBroker] = {}
        super().__init__(database, broker)

    def url_of(self, user: str) -> str:
        """How `user` comes in; made if it is not there. It may do anything: rights are another test's business."""
        parts = urlsplit(self.url)
        vhost = parts.path[1:]
        management(self.server, "PUT", f"/users/{user}", {"password": PASSWORD, "tags": ""})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management(self.server, "PUT", f"/permissions/{vhost}/{user}", everything)
        return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{parts.hostname}:{parts.port}"))

    def publisher(self, user: str) -> Publisher:
        """A connection of its own."""
        if user not in self._brokers:
            self._brokers[user] = RabbitBroker(self.url_of(user), creates=False, confirm_timeout_seconds=2.0)
        return self._brokers[user].publisher()

    def close(self) -> None:
        """Ends the connections, and the users."""
        for user, broker in self._brokers.items():
            broker.close()
            with suppress(OSError):
                management(self.server, "DELETE", f"/users/{user}")
        self.broker.close()


@contextmanager
def all_running(runners: Sequence[Runner]) -> Iterator[None]:
    """They work meanwhile."""
    if not runners:
        yield
        return
    with running(runners[0]), all_running(runners[1:]):
        yield
