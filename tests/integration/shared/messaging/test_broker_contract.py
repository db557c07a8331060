"""What every broker promises, run over both."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from shared.domain.errors import BrokerOrDatabaseDown
from shared.messaging.broker import ASKED_BY, Broker, Delivery, asked_by
from shared.messaging.topology import DELIVERY_LIMIT
from tests.integration.shared.messaging.conftest import Brokers
from tests.integration.shared.messaging.stories import DEAD, QUEUE, depth, mail_fetched, mails, receive, until


def test_a_message_arrives_in_the_queue_of_its_type_as_it_was_sent(broker: Broker) -> None:
    message = mail_fetched(1)
    broker.publisher().publish([message])
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
    assert delivery.payload == message.payload
    assert (delivery.message_id, delivery.type) == (str(message.message_id), "mail.fetched")
    assert (delivery.attempt, delivery.redelivered, delivery.first_failed_at) == (1, False, None)


def test_messages_arrive_in_the_order_in_which_they_were_sent(broker: Broker) -> None:
    broker.publisher().publish(mails(*range(1, 301)))
    with closing(broker.subscribe(QUEUE, 300, "t")) as subscription:
        found = receive(subscription, 300)
    assert [delivery.payload for delivery in found] == [message.payload for message in mails(*range(1, 301))]


def test_a_message_that_has_no_queue_is_an_error(broker: Broker) -> None:
    with pytest.raises(BrokerOrDatabaseDown):
        broker.publisher().publish([replace(mail_fetched(1), type="nobody.reads")])


def test_publishing_goes_on_after_a_message_that_had_no_queue(broker: Broker) -> None:
    with pytest.raises(BrokerOrDatabaseDown):
        broker.publisher().publish([replace(mail_fetched(1), type="nobody.reads")])
    broker.publisher().publish(mails(2))
    assert until(lambda: depth(broker, QUEUE) == 1)


def test_receive_returns_empty_when_nothing_comes_in_time(broker: Broker) -> None:
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        assert subscription.receive(10, 0.05) == []


def test_receive_returns_at_most_the_limit_and_the_rest_later(broker: Broker) -> None:
    broker.publisher().publish(mails(1, 2, 3))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        assert [len(receive(subscription, 2)), len(receive(subscription, 1))] == [2, 1]


def test_no_more_than_the_prefetch_is_handed_out_without_an_ack(broker: Broker) -> None:
    broker.publisher().publish(mails(1, 2, 3, 4, 5))
    with closing(broker.subscribe(QUEUE, 2, "t")) as subscription:
        held = receive(subscription, 2)
        assert subscription.receive(5, 0.2) == []
        subscription.ack(held)
        assert len(receive(subscription, 2)) == 2


def test_what_was_acknowledged_never_comes_again(brokers: Brokers) -> None:
    brokers.broker.publisher().publish(mails(1, 2, 3))
    with closing(brokers.broker.subscribe(QUEUE, 10, "t")) as subscription:
        subscription.ack(receive(subscription, 3))
    with closing(brokers.another().subscribe(QUEUE, 10, "t")) as subscription:
        assert subscription.receive(10, 0.3) == []


def test_an_ack_of_some_leaves_the_others_to_be_redelivered(brokers: Brokers) -> None:
    brokers.broker.publisher().publish(mails(*range(1, 7)))
    with closing(brokers.broker.subscribe(QUEUE, 10, "t")) as subscription:
        found = receive(subscription, 6)
        subscription.ack([found[4], found[0], found[1]])
    with closing(brokers.another().subscribe(QUEUE, 10, "t")) as subscription:
        again = receive(subscription, 3)
        assert sorted(one.payload for one in again) == sorted(found[n].payload for n in (2, 3, 5))
        assert all(one.redelivered for one in again)


def test_a_rejected_message_is_redelivered(broker: Broker) -> None:
    broker.publisher().publish(mails(1))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        subscription.reject(receive(subscription, 1)[0])
        (again,) = receive(subscription, 1)
    assert again.redelivered


def test_an_ack_for_an_earlier_subscription_touches_nothing(brokers: Brokers) -> None:
    brokers.broker.publisher().publish(mails(1))
    first = brokers.broker.subscribe(QUEUE, 10, "t")
    stale = receive(first, 1)
    first.close()
    with closing(brokers.another().subscribe(QUEUE, 10, "t")) as second:
        (again,) = receive(second, 1)
        first.ack(stale)
        second.reject(again)
        assert len(receive(second, 1)) == 1


def test_a_message_rejected_past_the_delivery_limit_is_a_dead_letter(broker: Broker) -> None:
    broker.publisher().publish(mails(1))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        for _ in range(DELIVERY_LIMIT + 1):
            subscription.reject(receive(subscription, 1)[0])
        assert until(lambda: depth(broker, DEAD) == 1)
        assert subscription.receive(1, 0.1) == []


def test_a_retried_message_comes_home_after_its_delay_with_its_attempt(broker: Broker) -> None:
    broker.publisher().publish(mails(7))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
        began = time.monotonic()
        broker.publisher().publish_retry(QUEUE, delivery, 2, "10s", first_failed_at=1234.5)
        subscription.ack([delivery])
        (home,) = receive(subscription, 1)
    assert time.monotonic() - began >= 0.35
    assert (home.payload, home.message_id, home.type) == (delivery.payload, delivery.message_id, delivery.type)
    assert (home.attempt, home.first_failed_at, home.redelivered) == (2, 1234.5, False)


def test_a_second_retry_remembers_the_first_failure(broker: Broker) -> None:
    broker.publisher().publish(mails(7))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
        broker.publisher().publish_retry(QUEUE, delivery, 2, "10s", first_failed_at=1234.5)
        subscription.ack([delivery])
        (delivery,) = receive(subscription, 1)
        broker.publisher().publish_retry(QUEUE, delivery, 3, "10s")
        subscription.ack([delivery])
        (home,) = receive(subscription, 1)
    assert (home.attempt, home.first_failed_at) == (3, 1234.5)


def test_a_shorter_delay_overtakes_a_longer_one(broker: Broker) -> None:
    broker.publisher().publish(mails(1, 2))
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        long, short = receive(subscription, 2)
        broker.publisher().publish_retry(QUEUE, long, 2, "10m")
        broker.publisher().publish_retry(QUEUE, short, 2, "10s")
        subscription.ack([long, short])
        assert [one.payload for one in receive(subscription, 2)] == [short.payload, long.payload]


def test_depths_name_every_queue_and_count_what_is_ready(broker: Broker) -> None:
    broker.publisher().publish(mails(1, 2))
    broker.publisher().publish_to(DEAD, mails(3))
    assert until(lambda: (depth(broker, QUEUE), depth(broker, DEAD)) == (2, 1))
    depths = broker.depths()
    assert set(depths) == {
        *(f"{queue}{suffix}" for queue in WORK for suffix in ("", ".dead")),
        *(f"retry.{tier}" for tier in ("10s", "1m", "10m", "1h")),
    }


WORK = (
    "token_refresher.refresh_token",
    "fetcher.poll_mailbox",
    "classifier.mail_fetched",
    "actions.mail_classified",
    "sender.send_mail",
    "classifier.classify_replay",
    "actions.replay_classified",
)


def test_eight_threads_may_publish_at_once(broker: Broker) -> None:
    publisher = broker.publisher()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: publisher.publish(mails(*range(n, n + 25))), range(1, 200, 25)))
    with closing(broker.subscribe(QUEUE, 300, "t")) as subscription:
        found = receive(subscription, 200)
    assert {one.payload for one in found} == {message.payload for message in mails(*range(1, 201))}


def test_a_broker_that_is_there_answers_a_ping(broker: Broker) -> None:
    assert broker.ping()


# The edge -------------------------------------------------------------------------------------------------------------------


def test_properties_arrive_as_they_were_sent(broker: Broker) -> None:
    user = broker.publisher().user
    said = {"user_id": user, "correlation_id": "theirs", "reply_to": "results.shop"}
    broker.publisher().publish([replace(mail_fetched(1), **said)])  # type: ignore[arg-type]
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
    assert (delivery.user_id, delivery.correlation_id, delivery.reply_to) == (user, "theirs", "results.shop")
    assert delivery.content_type == "application/json"


def test_an_integration_has_queues_of_its_own_once_it_is_known(broker: Broker) -> None:
    broker.know(["shop", "other"])
    asked = replace(mail_fetched(1), exchange="apiconnect.send", routing_key="mail.send.shop")
    told = replace(mail_fetched(2), exchange="apiconnect.results", routing_key="delivery.shop.sent")
    broker.publisher().publish([asked, told])
    assert until(lambda: (depth(broker, "sender.send_mail.shop"), depth(broker, "results.shop")) == (1, 1))
    depths = broker.depths()
    assert (depths["sender.send_mail"], depths["sender.send_mail.other"], depths["results.other"]) == (0, 0, 0)


def test_the_operators_requests_have_a_queue(broker: Broker) -> None:
    broker.publisher().publish([replace(mail_fetched(1), exchange="apiconnect.send", routing_key="mail.send")])
    assert until(lambda: depth(broker, "sender.send_mail") == 1)


def test_a_request_without_a_queue_is_an_error(broker: Broker) -> None:
    with pytest.raises(BrokerOrDatabaseDown):
        broker.publisher().publish(
            [replace(mail_fetched(1), exchange="apiconnect.send", routing_key="mail.send.nobody")]
        )


@pytest.mark.parametrize(("exchange", "key"), [("apiconnect.results", "delivery.nobody.sent"), ("", "nobody")])
def test_an_answer_that_nobody_reads_is_no_error_and_holds_nothing_up(broker: Broker, exchange: str, key: str) -> None:
    broker.publisher().publish([replace(mail_fetched(1), exchange=exchange, routing_key=key), mail_fetched(2)])
    assert until(lambda: depth(broker, QUEUE) == 1)


def test_a_retry_still_says_who_published_first_and_forges_nothing(broker: Broker) -> None:
    publisher = broker.publisher()
    publisher.publish([replace(mail_fetched(1), user_id=publisher.user, correlation_id="theirs")])
    with closing(broker.subscribe(QUEUE, 10, "t")) as subscription:
        (delivery,) = receive(subscription, 1)
        shop = replace(delivery, user_id="integration.shop", headers={ASKED_BY: "console"})
        publisher.publish_retry(QUEUE, shop, 2, "10s")
        (home,) = receive(subscription, 1)
    assert (asked_by(home), home.user_id, home.correlation_id) == ("integration.shop", publisher.user, "theirs")


@pytest.mark.parametrize(
    ("user_id", "first"),
    [("console", "integration.shop"), ("integration.other", "integration.other"), ("", "")],
)
def test_who_published_first_is_taken_from_our_own_users_only(user_id: str, first: str) -> None:
    headers = {ASKED_BY: "integration.shop"}
    assert asked_by(Delivery(b"", None, 1, False, None, user_id=user_id, headers=headers)) == first
