"""The numbers for /metrics: what stands in the tables, as PostgreSQL's clock sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import Diagnosis
from shared.messaging.broker import Delivery
from shared.messaging.dead_letters import park
from shared.messaging.memory import MemoryBroker
from shared.storage import gauges, heartbeats, mailboxes
from shared.storage.database import Database
from tests.builders import a_bounce_server, a_classified_mail, a_fetched_mail, a_listed_mail, a_served_mail

QUEUES = ["classifier.mail_fetched"]
Read = dict[tuple[str, ...], float]


def read(database: Database) -> Read:
    """Name and labels -> value."""
    with database.transaction() as connection:
        return {(one.name, *one.labels): one.value for one in gauges.read(connection, QUEUES)}


def change(database: Database, statement: str) -> None:
    with database.transaction() as connection:
        connection.execute(statement.encode())


def test_every_reading_belongs_to_a_family_and_has_its_labels(database: Database) -> None:
    a_served_mail(database, a_bounce_server(database))
    for name, *labels in read(database):
        assert len(labels) == len(gauges.FAMILIES[name].labels), name


def test_an_empty_installation_shows_zeros_rather_than_nothing(database: Database) -> None:
    found = read(database)
    assert found["fetch_lag_seconds", "microsoft"] == 0
    assert found["stage_age_seconds", "listed"] == 0
    assert found["dead_letters", QUEUES[0]] == 0
    assert found["outbox_age_seconds",] == 0
    assert found["mailboxes", "google", "not connected"] == 0


def test_mails_are_counted_and_aged_by_the_stage_in_which_they_stand(database: Database) -> None:
    mailbox = a_bounce_server(database)
    a_listed_mail(database, mailbox, "1")
    a_fetched_mail(database, mailbox, provider_mail_id="2")
    a_classified_mail(database, mailbox, provider_mail_id="3")
    a_served_mail(database, mailbox, "4")
    change(database, "update fetched_mail set stage_at = now() - interval '10 minutes' where stage = 'classified'")
    found = read(database)
    assert [found["stage_mails", stage] for stage in ("listed", "fetched", "classified", "tidy")] == [1, 1, 1, 1]
    assert 600 <= found["stage_age_seconds", "classified"] < 660
    assert found["stage_age_seconds", "fetched"] < 60


def test_the_lag_counts_from_the_reports_arrival_until_it_is_served(database: Database) -> None:
    mailbox = a_bounce_server(database)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    a_listed_mail(database, mailbox, "waits", received_at=an_hour_ago)
    a_served_mail(database, mailbox, "served", received_at=an_hour_ago - timedelta(days=1))
    found = read(database)
    assert 3600 <= found["fetch_lag_seconds", "microsoft"] < 3660
    assert found["mailbox_fetch_lag_seconds", "microsoft", "bounces@news.example.com"] == pytest.approx(3600, abs=60)
    assert found["fetch_lag_seconds", "google"] == 0


@pytest.mark.parametrize("why", ["update mailboxes set paused = true", "update fetched_mail set fetch_failures = 3"])
def test_mail_that_nobody_is_to_fetch_now_is_no_lag(database: Database, why: str) -> None:
    a_listed_mail(database, a_bounce_server(database), received_at=datetime.now(UTC) - timedelta(hours=1))
    change(database, why)
    assert read(database)["fetch_lag_seconds", "microsoft"] == 0


def test_a_mailbox_that_needs_a_person_is_named(database: Database) -> None:
    mailbox = a_bounce_server(database)
    with database.transaction() as connection:
        mailboxes.not_connected(connection, mailbox, Diagnosis("x", "cause", "fix"))
    found = read(database)
    assert found["mailbox_not_connected", "microsoft", "bounces@news.example.com"] == 1
    assert found["mailboxes", "microsoft", "not connected"] == 1


def test_a_secret_ends_in_days_and_an_ended_one_in_less_than_none(database: Database) -> None:
    a_bounce_server(database, key="soon")
    change(database, "update api_keys set secret_expires_on = current_date + 13")
    assert read(database)["secret_expiry_days", "microsoft", "system", "soon"] == 13
    change(database, "update api_keys set secret_expires_on = current_date - 1")
    assert read(database)["secret_expiry_days", "microsoft", "system", "soon"] == -1


def test_a_dead_letter_is_counted_until_it_is_replayed(database: Database) -> None:
    delivery = Delivery(b"{}", None, 1, False, None)
    park(database, MemoryBroker().publisher(), QUEUES[0], delivery, None, "why")
    assert read(database)["dead_letters", QUEUES[0]] == 1
    change(database, "update dead_letters set replayed_at = now()")
    assert read(database)["dead_letters", QUEUES[0]] == 0


def test_a_service_is_as_alive_as_its_liveliest_instance(database: Database) -> None:
    with database.transaction() as connection:
        heartbeats.beat(connection, "fetcher", "a")
        heartbeats.beat(connection, "fetcher", "b")
    change(database, "update heartbeats set beat_at = now() - interval '5 minutes' where instance = 'a'")
    found = read(database)
    assert found["service_instances", "fetcher"] == 1
    assert found["heartbeat_age_seconds", "fetcher"] < 60
