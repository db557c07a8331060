"""Blacklists and the status of subscribers: who is silenced, how far, and that it is noted once."""

from __future__ import annotations

import pytest

from shared.storage import suppressions
from shared.storage.database import Database
from shared.storage.suppressions import Blacklisting, Unsubscribing
from tests.builders import READER, a_customer, a_list, a_subscriber
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.waiting import at_once


def blacklist(database: Database, *addresses: str, customer: str = "acme", everywhere: bool = False) -> None:
    """Hard bounces of these addresses."""
    customer_id = a_customer(database, customer)
    with database.transaction() as connection:
        suppressions.blacklist(
            connection,
            [
                Blacklisting(customer_id, one, "hard_bounce", "550 \x00 user unknown", 1, everywhere)
                for one in addresses
            ],
        )


def unsubscribe(database: Database, list_id: int | None, *, customer: str = "acme") -> None:
    """A complaint of the reader."""
    customer_id = a_customer(database, customer)
    with database.transaction() as connection:
        suppressions.unsubscribe(connection, [Unsubscribing(customer_id, READER, list_id, 1)])


def statuses(database: Database) -> list[str]:
    """Of all subscribers, in the order in which they were made."""
    return column(database, "select status from subscribers order by id")


class TestBlacklisting:
    def test_the_address_is_silenced_on_every_list_of_its_customer_and_on_no_other_customers(
        self, database: Database
    ) -> None:
        a_subscriber(database, in_list="news")
        a_subscriber(database, in_list="offers")
        a_subscriber(database, in_list="theirs", customer="globex")
        a_subscriber(database, "other@example.net")
        blacklist(database, READER)
        assert statuses(database) == ["blacklisted", "blacklisted", "confirmed", "confirmed"]
        entries = rows(database, "select customer_id, address, source, reason from blacklist")
        assert entries == [(a_customer(database), READER, "hard_bounce", "550  user unknown")]

    def test_a_global_entry_belongs_to_nobody(self, database: Database) -> None:
        blacklist(database, READER, everywhere=True)
        assert rows(database, "select customer_id, address from blacklist") == [(None, READER)]

    def test_one_address_has_one_entry_and_one_change_however_often_it_bounces(self, database: Database) -> None:
        a_subscriber(database)
        for _ in range(2):
            blacklist(database, READER, READER)
        at_once(4, lambda _: blacklist(database, READER))
        assert value(database, "select count(*) from blacklist") == 1
        assert rows(database, "select before, after, cause from subscriber_changes") == [
            ("confirmed", "blacklisted", "hard_bounce")
        ]

    def test_an_operators_entry_stays_as_it_is(self, database: Database) -> None:
        customer = a_customer(database)
        do(
            database,
            "insert into blacklist (customer_id, address, source) values (%s, %s, 'operator')",
            customer,
            READER,
        )
        blacklist(database, READER)
        assert rows(database, "select source, reason from blacklist") == [("operator", "")]

    def test_an_entry_whose_time_is_over_is_renewed_by_a_new_bounce(self, database: Database) -> None:
        do(
            database,
            "insert into blacklist (customer_id, address, source, expires_at)"
            " values (%s, %s, 'operator', now() - interval '1 day')",
            a_customer(database),
            READER,
        )
        blacklist(database, READER)
        assert rows(database, "select source, expires_at from blacklist") == [("hard_bounce", None)]

    def test_a_subscriber_who_had_unsubscribed_is_blacklisted(self, database: Database) -> None:
        a_subscriber(database, status="unsubscribed")
        blacklist(database, READER)
        assert statuses(database) == ["blacklisted"]

    def test_batches_in_another_order_do_not_block_each_other(self, database: Database) -> None:
        addresses = [f"reader{n}@example.net" for n in range(30)]
        for address in addresses:
            a_subscriber(database, address)
        at_once(4, lambda n: blacklist(database, *addresses[:: 1 if n % 2 else -1]))
        assert statuses(database) == ["blacklisted"] * 30
        assert value(database, "select count(*) from subscriber_changes") == 30


class TestUnsubscribing:
    def test_a_complaint_ends_the_subscription_to_the_list_that_the_mail_was_sent_for(self, database: Database) -> None:
        a_subscriber(database, in_list="news")
        a_subscriber(database, in_list="offers")
        unsubscribe(database, a_list(database, "news"))
        assert statuses(database) == ["unsubscribed", "confirmed"]

    def test_without_a_known_list_it_ends_all_of_that_customer(self, database: Database) -> None:
        a_subscriber(database, in_list="news")
        a_subscriber(database, in_list="offers")
        a_subscriber(database, in_list="theirs", customer="globex")
        unsubscribe(database, None)
        assert statuses(database) == ["unsubscribed", "unsubscribed", "confirmed"]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("confirmed", "unsubscribed"),
            ("unconfirmed", "unsubscribed"),
            ("unsubscribed", "unsubscribed"),
            ("blacklisted", "blacklisted"),
        ],
    )
    def test_a_complaint_never_weakens_a_status(self, database: Database, before: str, after: str) -> None:
        a_subscriber(database, status=before)
        unsubscribe(database, None)
        assert statuses(database) == [after]
        assert value(database, "select count(*) from subscriber_changes") == (before != after)

    def test_a_complaint_puts_nobody_on_a_blacklist(self, database: Database) -> None:
        a_subscriber(database)
        unsubscribe(database, None)
        assert value(database, "select count(*) from blacklist") == 0


def test_nothing_to_do_is_fine(database: Database) -> None:
    with database.transaction() as connection:
        suppressions.blacklist(connection, [])
        suppressions.unsubscribe(connection, [])
