"""`why`: the story of an address or a mail, fact by fact."""

from __future__ import annotations

import pytest

from shared.storage.database import Database
from tests.builders import (
    MESSAGE_ID,
    READER,
    a_bounce_server,
    a_classified_mail,
    a_finding,
    a_reference,
    a_sent_mail,
    a_subscriber,
)
from tests.integration.services.console.running import AskJson, Console, act_on


@pytest.fixture
def bounced(database: Database) -> None:
    """A mail was sent to the reader, and came back as a hard bounce."""
    mailbox_id = a_bounce_server(database)
    a_subscriber(database)
    a_sent_mail(database)
    act_on(database, a_classified_mail(database, mailbox_id, a_finding()))


@pytest.mark.usefixtures("bounced")
@pytest.mark.parametrize(
    "name", [READER, f" {READER.upper()} ", MESSAGE_ID, f"<{MESSAGE_ID}>", "report-1@mx.example.net"]
)
def test_a_bounce_is_told_from_the_send_to_the_effect(ask: AskJson, name: str) -> None:
    told = ask("why", name)

    kinds = [line["kind"] for line in told["story"]]
    order = ["sent", "fetched", "classified", "logged", "matched", "effect", "changed", "blacklisted", "disposal_due"]
    assert [kind for kind in kinds if kind in order] == sorted(set(kinds) & set(order), key=kinds.index)
    assert set(order) <= set(kinds)
    assert f"{READER} is blacklisted on list news of acme." in told["answer"]


@pytest.mark.usefixtures("bounced")
def test_each_fact_carries_what_a_person_needs(console: Console) -> None:
    text = console("why", READER).stdout

    assert f"Message-ID <{MESSAGE_ID}>" in text
    assert "fetched from bounces@news.example.com" in text
    assert "classified as a hard bounce by rule dsn.user-unknown (tier 2, rules rules-1)" in text
    assert "a hard bounce, userunknown [550 5.1.1], rule dsn.user-unknown" in text
    assert "“550 5.1.1 user unknown”" in text
    assert f"tied to the mail sent to {READER} for acme, by the Message-ID of the returned mail" in text
    assert "effect: the address was blacklisted" in text
    assert f"{READER} on list news of acme: confirmed → blacklisted, because of a hard bounce" in text
    assert "is to be moved to the trash at the next poll" in text


def test_an_unmatched_report_says_why_it_acts_on_nobody(console: Console, database: Database) -> None:
    mailbox_id = a_bounce_server(database)
    a_subscriber(database)
    act_on(
        database, a_classified_mail(database, mailbox_id, a_finding(references=(a_reference("never@sent.example"),)))
    )

    text = console("why", READER).stdout

    assert f"{READER} is confirmed on list news of acme." in text
    assert "1 report is unmatched: the ids that it quotes are in no log of sent mail" in text
    assert "effect: nothing: a report that can't be tied to a mail that was sent acts on nobody" in text


def test_a_dry_run_is_told_as_the_reason_for_no_effect(console: Console, database: Database) -> None:
    mailbox_id = a_bounce_server(database, dry_run=True)
    a_subscriber(database)
    a_sent_mail(database)
    act_on(database, a_classified_mail(database, mailbox_id, a_finding()))

    assert "effect: nothing: the bounce server is in dry run" in console("why", READER).stdout


@pytest.mark.usefixtures("bounced")
def test_another_customer_sees_nothing_of_it(console: Console) -> None:
    text = console("why", READER, "--customer", "globex").stdout

    assert text.startswith(f"Nothing is known of {READER}")
    assert "acme" not in text


def test_a_global_entry_shows_to_a_customer_as_suppressed_without_its_source(
    console: Console, database: Database
) -> None:
    a_subscriber(database)
    console("blacklist", "add", READER, "--reason", "a court order")

    shown = console("why", READER, "--customer", "acme").stdout

    assert f"{READER} is suppressed" in shown
    assert "court" not in shown
    assert "a court order" in console("why", READER).stdout


def test_an_unknown_address_is_said_to_be_unknown(console: Console) -> None:
    result = console("why", "nobody@example.net")

    assert result.exit_code == 0
    assert result.stdout.startswith("Nothing is known of nobody@example.net")


def test_unmatched_reports_are_listed_with_their_reasons(console: Console, ask: AskJson, database: Database) -> None:
    mailbox_id = a_bounce_server(database)
    act_on(database, a_classified_mail(database, mailbox_id, a_finding(references=())))

    [row] = ask("bounces", "unmatched")["unmatched"]

    assert (row["recipient"], row["why"]) == (READER, "no_reference")
    assert "the report quotes no id of the mail that bounced" in console("bounces", "unmatched").stdout
