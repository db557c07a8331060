"""The numbers for /metrics: what stands in the tables, as PostgreSQL's clock sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import Diagnosis
from shared.domain.send_requests import RefusedRequest
from shared.domain.sending import Reason
from shared.messaging.broker import Delivery
from shared.messaging.dead_letters import park
from shared.messaging.memory import MemoryBroker
from shared.storage import gauges, heartbeats, mailboxes, send_ledger, send_servers, sends
from shared.storage.database import Database
from tests.builders import a_bounce_server, a_classified_mail, a_fetched_mail, a_listed_mail, a_served_mail
from tests.sending import a_delivery_server
from tests.stored_sends import a_send

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


def test_sends_are_counted_by_where_they_stand_and_why(database: Database) -> None:
    server = a_delivery_server(database)
    for state, reason in (("accepted", ""), ("deferred", "quota"), ("unknown", "cannot_look"), ("sent", "")):
        a_send(database, server, state=state, reason=reason)
    found = read(database)
    assert found["sends_waiting", "accepted", ""] == 1
    assert found["sends_waiting", "deferred", "quota"] == 1
    assert found["sends_waiting", "unknown", "cannot_look"] == 1
    assert found["sends_waiting", "sending", ""] == 0
    assert ("sends_waiting", "sent", "") not in found


def test_an_unknown_send_is_as_old_as_its_first_call(database: Database) -> None:
    server, hour = a_delivery_server(database), timedelta(hours=1)
    assert read(database)["send_unknown_age_seconds",] == 0
    a_send(database, server, state="unknown", first_call_at=datetime.now(UTC) - hour)
    a_send(database, server, state="sent", first_call_at=datetime.now(UTC) - 2 * hour)
    assert read(database)["send_unknown_age_seconds",] == pytest.approx(3600, abs=60)


@pytest.mark.parametrize(
    ("change_of_server", "seconds"),
    [
        ("next_free_at = '-infinity'", 3600),
        ("served_at = now() - interval '10 minutes'", 600),
        ("next_free_at = now() - interval '5 minutes'", 300),
        ("next_free_at = now() + interval '5 minutes'", 0),
        ("status = 'inactive'", 0),
        ("locked = true", 0),
    ],
)
def test_sends_stand_still_when_their_server_may_send_and_is_not_served(
    database: Database, change_of_server: str, seconds: float
) -> None:
    a_send(database, a_delivery_server(database), due_in=timedelta(hours=-1))
    change(database, f"update delivery_servers set {change_of_server}")
    assert read(database)["send_still_seconds",] == pytest.approx(seconds, abs=60)


def test_a_send_that_is_not_due_stands_still_for_nobody(database: Database) -> None:
    a_send(database, a_delivery_server(database), due_in=timedelta(hours=1))
    found = read(database)
    assert (found["send_still_seconds",], found["send_due_age_seconds",]) == (0, 0)


def test_rejected_requests_of_the_last_hour_are_counted_by_integration_and_reason(database: Database) -> None:
    refused = [RefusedRequest(None, "shop", f"order-{n}", Reason.INVALID, "to", "") for n in range(3)]
    with database.transaction() as connection:
        sends.record_refused(connection, refused)
        connection.execute(
            "update rejected_requests set rejected_at = now() - interval '2 hours' where idempotency_key = 'order-0'"
        )
    assert read(database)["requests_rejected", "shop", "invalid"] == 2


def test_a_quota_is_used_by_what_left_within_its_time(database: Database) -> None:
    server = a_delivery_server(database, hourly_quota=10, daily_quota=10, served_at="now")
    a_delivery_server(database, "unlimited", served_at="now")
    a_delivery_server(database, "idle", hourly_quota=10)
    with database.transaction() as connection:
        found = send_servers.by_id(connection, [server])[server]
        for hours in (0, 0, 2, 25):
            send = a_send(database, server, state="sent")
            send_ledger.enter(connection, found, [(send.send_id, 1)])
            send_ledger.ended(connection, [(send.send_id, hours * 3600.0)])
    used = {key[1:]: ratio for key, ratio in read(database).items() if key[0] == "quota_used_ratio"}
    assert used == {("server", "hour"): 0.2, ("server", "day"): 0.3}
