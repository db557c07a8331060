"""The table of queues."""

from __future__ import annotations

import pytest

from shared.contracts.catalogue import MESSAGES
from shared.contracts.commands import ClassifyReplay, PollMailbox, RefreshToken
from shared.contracts.envelope import Body
from shared.contracts.events import MailClassified, MailFetched, ReplayClassified
from shared.messaging.topology import DELIVERY_LIMIT, ROUTES, queue_arguments, queue_for, work_queues


@pytest.mark.parametrize(
    ("message", "queue"),
    [
        (RefreshToken, "token_refresher.refresh_token"),
        (PollMailbox, "fetcher.poll_mailbox"),
        (MailFetched, "classifier.mail_fetched"),
        (MailClassified, "actions.mail_classified"),
        (ClassifyReplay, "classifier.classify_replay"),
        (ReplayClassified, "actions.replay_classified"),
    ],
)
def test_each_message_has_its_queue_by_class_and_by_type(message: type[Body], queue: str) -> None:
    assert queue_for(message) == queue_for(message.type) == queue


def test_a_message_that_is_not_in_the_table_has_no_queue() -> None:
    with pytest.raises(KeyError, match=r"mail\.lost"):
        queue_for("mail.lost")


def test_the_table_names_every_message_once() -> None:
    assert sorted(route.message.type for route in ROUTES) == sorted(MESSAGES)


def test_every_queue_is_a_quorum_queue_with_an_explicit_positive_delivery_limit() -> None:
    for name, arguments in queue_arguments().items():
        assert arguments["x-queue-type"] == "quorum", name
        assert arguments["x-delivery-limit"] > 0, name


def test_a_work_queue_parks_in_its_dead_queue_after_twenty_deliveries() -> None:
    declared = queue_arguments()
    for queue in work_queues():
        assert declared[queue]["x-delivery-limit"] == DELIVERY_LIMIT == 20
        assert declared[queue]["x-dead-letter-routing-key"] == f"{queue}.dead"
        assert list(declared).index(f"{queue}.dead") < list(declared).index(queue)


def test_the_delay_is_the_queues_and_the_way_home_is_the_messages() -> None:
    delays = {name: arguments for name, arguments in queue_arguments().items() if name.startswith("retry.")}
    assert {name: arguments["x-message-ttl"] for name, arguments in delays.items()} == {
        "retry.10s": 10_000,
        "retry.1m": 60_000,
        "retry.10m": 600_000,
        "retry.1h": 3_600_000,
    }
    assert not any("x-dead-letter-routing-key" in arguments for arguments in delays.values())
