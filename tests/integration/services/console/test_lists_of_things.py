"""`blacklist …`, `dead-letters …`, `bounces reclassify`, and limits under concurrent creation."""

from __future__ import annotations

import csv
import io

import pytest

from services.console.handler.reopening import reclassify
from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.messaging.memory import MemoryBroker
from shared.messaging.topology import queue_for
from shared.messaging.unit import UnitFactory
from shared.storage import dead_letters
from shared.storage.database import Database
from shared.storage.dead_letters import Parked
from tests.builders import READER, SEALER, SEALING_KEYS, a_customer, a_mailbox, a_served_mail, a_subscriber
from tests.integration.services.console.running import AskJson, Console, rows


def test_an_address_is_blacklisted_for_one_customer_and_its_subscribers_with_it(
    console: Console, database: Database
) -> None:
    a_subscriber(database)
    a_subscriber(database, in_list="other", customer="globex")

    result = console("blacklist", "add", READER.upper(), "--customer", "acme", "--reason", "asked")

    assert result.stdout == "✓ 1 address blacklisted for acme; 1 subscriber changed.\n"
    assert rows(database, "select status from subscribers order by list_id") == [("blacklisted",), ("confirmed",)]
    assert rows(database, "select before, after, cause from subscriber_changes") == [
        ("confirmed", "blacklisted", "operator")
    ]


def test_removing_an_entry_revives_nobody(console: Console, database: Database) -> None:
    a_subscriber(database)
    console("blacklist", "add", READER)

    result = console("blacklist", "remove", READER)

    assert result.exit_code == 0
    assert "1 subscriber with this address: still blacklisted." in result.stdout
    assert rows(database, "select status from subscribers") == [("blacklisted",)]
    assert console("blacklist", "remove", READER).exit_code == 1


def test_a_customers_blacklist_shows_its_own_entries_and_the_global_ones(
    ask: AskJson, console: Console, database: Database
) -> None:
    a_customer(database, "acme")
    a_customer(database, "globex")
    console("blacklist", "add", "a@example.com", "--customer", "acme")
    console("blacklist", "add", "b@example.com", "--customer", "globex")
    console("blacklist", "add", "c@example.com")

    found = ask("blacklist", "list", "--customer", "acme")

    assert [(entry["address"], entry["customer"]) for entry in found["entries"]] == [
        ("c@example.com", None),
        ("a@example.com", "acme"),
    ]


def test_an_export_is_csv_and_harmless_to_a_spreadsheet(console: Console) -> None:
    console("blacklist", "add", "a@example.com", "--reason", "=1+1, or so")

    [row] = csv.DictReader(io.StringIO(console("blacklist", "export").stdout))

    assert (row["address"], row["reason"]) == ("a@example.com", "'=1+1, or so")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "nobody"), "is not an e-mail address"),
        (("add", "a@example.com", "--customer", "x"), "there is no customer 'x'"),
    ],
)
def test_a_wrong_address_or_customer_is_refused(console: Console, arguments: tuple[str, ...], words: str) -> None:
    result = console("blacklist", *arguments)

    assert result.exit_code in (1, 2)
    assert words in result.stderr


def park(database: Database) -> None:
    with database.transaction() as connection:
        letter = Parked(
            "actions.mail_classified", "k", None, "mail.classified", "body.mail_id: missing", 1, b'{"a": 1}', {}
        )
        dead_letters.park(connection, [letter])


def test_dead_letters_are_listed_shown_and_replayed(console: Console, ask: AskJson, database: Database) -> None:
    park(database)

    listed = console("dead-letters", "list")
    shown = console("dead-letters", "show", 1)
    replayed = console("dead-letters", "replay", 1)

    assert listed.exit_code == 1
    assert "body.mail_id: missing" in listed.stdout
    assert 'payload:  {"a": 1}' in shown.stdout
    assert replayed.stdout == "✓ 1 is back in actions.mail_classified.\n"
    assert ask("dead-letters", "list") == {"dead_letters": []}


def test_an_unknown_dead_letter_is_refused(console: Console) -> None:
    assert console("dead-letters", "show", 7).exit_code == 2
    assert console("dead-letters", "replay", 7).exit_code == 1
    assert console("dead-letters", "replay").exit_code == 2


def test_a_request_from_outside_is_opened_only_when_asked(
    console: Console, ask: AskJson, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", SEALING_KEYS)
    letter = Parked("sender.send_mail", "k", None, "unknown", "payload: not JSON", 1, b"Dear Anna", {})
    with database.transaction() as connection:
        dead_letters.park(connection, [letter], SEALER)

    assert "Dear Anna" not in console("dead-letters", "show", 1).stdout
    assert ask("dead-letters", "show", 1)["payload"] is None
    shown = console("dead-letters", "show", 1, "--payload").stdout

    assert "payload:  Dear Anna" in shown
    assert "size:     9 bytes, SHA-256 " in shown
    assert console("dead-letters", "replay", 1).stdout == "✓ 1 is back in sender.send_mail.\n"


def test_letters_that_nobody_needs_are_discarded_by_id_or_queue(
    console: Console, ask: AskJson, database: Database
) -> None:
    park(database)

    assert console("dead-letters", "discard").exit_code == 2
    assert console("dead-letters", "discard", "--queue", "sender.send_mail").stdout == "✓ 0 dead letters discarded.\n"
    assert (
        console("dead-letters", "discard", "--queue", "actions.mail_classified").stdout
        == "✓ 1 dead letter discarded.\n"
    )
    assert console("dead-letters", "discard", 1).exit_code == 1
    assert ask("dead-letters", "list") == {"dead_letters": []}


def test_a_reclassified_mail_goes_out_under_a_new_message_id(database: Database) -> None:
    mail_id = a_served_mail(database, a_mailbox(database))
    broker = MemoryBroker()

    result = reclassify(UnitFactory(database, broker.publisher()).begin, [mail_id, 999], None)

    assert (result.mails, result.left_out) == ((mail_id,), (999,))
    [delivery] = broker.subscribe(queue_for(MailFetched), 10, "test").receive(10, 1.0)
    assert delivery.message_id == str(mail_message_id(MailFetched.type, mail_id, 1))
    assert rows(database, "select stage from fetched_mail") == [("fetched",)]
