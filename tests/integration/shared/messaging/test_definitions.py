"""The definitions file at a real broker: all that is declared, and what each user may do and may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

import pika  # type: ignore[import-untyped]
import pytest

from shared.contracts.commands import PollMailbox
from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.definitions import ADMINISTRATOR, MONITOR, RIGHTS, definitions, password_hash
from shared.messaging.integrations import fragment, queues
from shared.messaging.management import Management
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import EXCHANGE, ROUTES, SEND_QUEUE, dead_queue, work_queues
from tests.integration.shared.messaging.stories import QUEUE, SPACE, depth, mails, receive, sent, until
from tests.servers.rabbitmq import RabbitMQ, management

PASSWORD = "a password of the tests"


class Place:
    """A vhost made by the definitions. `url(user)`: how that user comes in."""

    def __init__(self, server: RabbitMQ, url: str) -> None:
        self.server = server
        self._url = url
        self.vhost = unquote(urlsplit(url).path[1:])
        # Users belong to the whole broker, so these get names of this test alone.
        self.names = {user: f"{user}-{uuid4().hex[:8]}" for user in RIGHTS}

    def load(self) -> None:
        hashes = dict.fromkeys(RIGHTS, password_hash(PASSWORD, b"salt"))
        document = definitions(self.vhost, hashes)
        for user in document["users"]:
            user["name"] = self.names[user["name"]]
        for permission in document["permissions"] + document["topic_permissions"]:
            permission["user"] = self.names[permission["user"]]
        management(self.server, "POST", "/definitions", document)

    def url(self, user: str) -> str:
        parts = urlsplit(self._url)
        login = f"{self.names[user]}:{PASSWORD.replace(' ', '%20')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port or 5672}"))

    def broker(self, user: str, *, creates: bool = False) -> RabbitBroker:
        return RabbitBroker(self.url(user), creates=creates, confirm_timeout_seconds=2.0)

    def channel(self, user: str) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
        with closing(pika.BlockingConnection(pika.URLParameters(self.url(user)))) as connection:
            yield connection.channel()

    def remove(self) -> None:
        for name in self.names.values():
            management(self.server, "DELETE", f"/users/{name}")


@pytest.fixture
def place(rabbitmq_server: RabbitMQ, own_rabbitmq_url: str) -> Iterator[Place]:
    place = Place(rabbitmq_server, own_rabbitmq_url)
    place.load()
    yield place
    place.remove()


def refused(
    place: Place, user: str, act: Callable[[pika.adapters.blocking_connection.BlockingChannel], object]
) -> bool:
    """Whether the broker refuses for want of a right."""
    with closing(pika.BlockingConnection(pika.URLParameters(place.url(user)))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            act(channel)
        except pika.exceptions.ChannelClosedByBroker as error:
            return bool(error.reply_code == 403)
    return False


def test_every_queue_that_a_service_would_declare_is_there_and_the_same(place: Place) -> None:
    with closing(place.broker("scheduler", creates=True)) as broker:
        broker.declare()  # a difference in any argument is a TopologyConflict


@pytest.mark.parametrize("user", [user for user in RIGHTS if user not in (MONITOR, ADMINISTRATOR)])
def test_every_service_can_check_that_all_is_there(place: Place, user: str) -> None:
    with closing(place.broker(user)) as broker:
        broker.declare()
        assert set(broker.depths().values()) == {0}
        assert broker.ping()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.queue))
def test_every_consumer_reads_its_queue_parks_and_delays_what_it_reads(place: Place, route: object) -> None:
    queue, consumer = route.queue, route.consumer  # type: ignore[attr-defined]
    with closing(place.broker("scheduler")) as sender, closing(place.broker(consumer)) as broker:
        sender.publisher().publish_to(queue, mails(1))
        with closing(broker.subscribe(queue, 5, "t")) as subscription:
            (found,) = receive(subscription, 1)
            broker.publisher().publish_retry(queue, found, 2, "1h")
            broker.publisher().publish_to(dead_queue(queue), mails(2))
            subscription.ack([found])
        assert until(lambda: broker.depths()[dead_queue(queue)] == 1)


@pytest.mark.parametrize("queue", work_queues())
def test_nobody_reads_a_queue_of_somebody_else(place: Place, queue: str) -> None:
    consumer = queue.partition(".")[0]
    allowed = {user for user in RIGHTS if not refused(place, user, lambda channel: channel.basic_get(queue))}
    assert allowed == {consumer, "scheduler"}


@pytest.mark.parametrize("queue", work_queues())
def test_dead_letters_are_read_by_who_makes_rows_of_them(place: Place, queue: str) -> None:
    allowed = {
        user for user in RIGHTS if not refused(place, user, lambda channel: channel.basic_get(dead_queue(queue)))
    }
    assert allowed == ({"scheduler", "sender"} if queue == SEND_QUEUE else {"scheduler"})


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.message.type))
def test_a_message_is_published_by_those_who_have_it_to_say(place: Place, route: object) -> None:
    key = route.message.type  # type: ignore[attr-defined]
    allowed = {
        user for user in RIGHTS if not refused(place, user, lambda channel: channel.basic_publish(EXCHANGE, key, b"{}"))
    }
    assert (
        allowed
        == {"scheduler"}
        | {
            "token.refresh": set[str](),
            "mailbox.poll": {"console"},
            "mail.fetched": {"fetcher", "console"},
            "mail.classified": {"classifier"},
            "replay.classify": {"console"},
            "replay.classified": {"classifier"},
        }[key]
    )


AT_THE_EDGE = {
    ("apiconnect.send", "mail.send"): {"scheduler", "console"},
    ("apiconnect.send", "mail.send.shop"): {"scheduler"},
    ("apiconnect.results", "delivery.shop.sent"): {"scheduler", "sender", "actions", "console"},
    ("apiconnect.results", "anything"): {"scheduler"},
}


@pytest.mark.parametrize(("exchange", "key"), AT_THE_EDGE)
def test_at_the_edge_too_everybody_says_what_is_theirs_to_say(place: Place, exchange: str, key: str) -> None:
    allowed = {
        user for user in RIGHTS if not refused(place, user, lambda channel: channel.basic_publish(exchange, key, b"{}"))
    }
    assert allowed == AT_THE_EDGE[exchange, key]


@pytest.mark.parametrize(
    ("queue", "readers"),
    [("sender.send_mail.shop", {"sender", "scheduler"}), ("results.shop", set()), ("integration.shop.reply", set())],
)
def test_the_requests_of_an_integration_are_the_senders_to_read_and_its_results_nobodys(
    place: Place, queue: str, readers: set[str]
) -> None:
    assert {user for user in RIGHTS if not refused(place, user, lambda channel: channel.basic_get(queue))} == readers


def test_the_administrator_makes_an_integration_and_removes_it(place: Place) -> None:
    with Management(place.url(ADMINISTRATOR), place.server.management_url) as broker:
        broker.load(fragment(place.vhost, {"shop": password_hash(PASSWORD, b"salt")}))
        assert set(queues("shop")) <= set(broker.queues())
        assert "integration.shop" in broker.users()
        for queue in queues("shop"):
            broker.delete_queue(queue)
        broker.delete_user("integration.shop")
        assert set(queues("shop")) & set(broker.queues()) == set()
        assert "integration.shop" not in broker.users()


def test_only_the_scheduler_creates_and_deletes(place: Place) -> None:
    def create(user: str) -> bool:
        return refused(place, user, lambda channel: channel.queue_declare("fetcher.another", durable=True))

    def delete(user: str) -> bool:
        return refused(place, user, lambda channel: channel.queue_delete("fetcher.another"))

    assert {user for user in RIGHTS if not create(user)} == {"scheduler"}
    assert {user for user in RIGHTS if user != "scheduler" and not delete(user)} == set()


def test_a_queue_that_somebody_deleted_is_made_again_by_the_scheduler_and_found_by_its_consumer(place: Place) -> None:
    with (
        closing(place.broker("scheduler", creates=True)) as scheduler,
        closing(place.broker("classifier")) as classifier,
        closing(classifier.subscribe(QUEUE, 5, "t")) as subscription,
    ):
        assert subscription.receive(1, 0.1) == []
        management(place.server, "DELETE", f"/queues/{place.vhost}/{QUEUE}")
        with pytest.raises(BrokerOrDatabaseDown):
            classifier.declare()
        scheduler.publisher().publish(mails(1))
        assert len(receive(subscription, 1)) == 1


def test_a_broker_that_lost_everything_is_whole_again_once_the_file_is_loaded(place: Place) -> None:
    with (
        closing(place.broker("fetcher")) as fetcher,
        closing(place.broker("scheduler")) as scheduler,
        closing(fetcher.subscribe("fetcher.poll_mailbox", 5, "t")) as subscription,
    ):
        assert subscription.receive(1, 0.1) == []
        management(place.server, "DELETE", f"/vhosts/{place.vhost}")
        place.load()
        assert until(scheduler.ping)
        scheduler.publisher().publish([sent(PollMailbox(mailbox_id=1), SPACE)])
        assert len(receive(subscription, 1)) == 1


def test_the_monitor_sees_the_queues_and_changes_nothing(place: Place) -> None:
    with closing(place.broker("scheduler")) as broker:
        broker.publisher().publish(mails(1))
        assert until(lambda: depth(broker, QUEUE) == 1)
        assert refused(place, MONITOR, lambda channel: channel.queue_purge(QUEUE))
        assert depth(broker, QUEUE) == 1
