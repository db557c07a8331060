"""RabbitMQ's HTTP API, as far as operators need it."""

from __future__ import annotations

from contextlib import closing

import pytest

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.management import Management
from shared.messaging.rabbitmq import RabbitBroker
from tests.integration.shared.messaging.stories import QUEUE, mails, receive, until
from tests.servers.rabbitmq import RabbitMQ


def test_it_tells_what_is_ready_and_what_is_unacknowledged(rabbitmq_server: RabbitMQ, own_rabbitmq_url: str) -> None:
    with (
        closing(RabbitBroker(own_rabbitmq_url)) as broker,
        Management(own_rabbitmq_url, rabbitmq_server.management_url) as management,
    ):
        broker.declare()
        broker.publisher().publish(mails(1, 2, 3))
        with closing(broker.subscribe(QUEUE, 1, "t")) as subscription:
            receive(subscription, 1)

            def told() -> bool:
                queue = management.queues()[QUEUE]
                return (queue.ready, queue.unacked, queue.consumers) == (2, 1, 1)

            assert until(told, at_most_seconds=30)


def test_an_api_that_does_not_answer_is_named_without_the_password() -> None:
    with Management("amqp://guest:hunter2@127.0.0.1:1/x", "http://127.0.0.1:1/api") as management:
        with pytest.raises(BrokerOrDatabaseDown) as caught:
            management.queues()
        assert "hunter2" not in str(caught.value)
