"""Hard bounces that suddenly come in numbers are held: logged, counted, and left to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.contracts.events import MailClassified
from shared.domain.bounces import BounceClass
from shared.telemetry import BOUNCES_LOGGED, HOLDS_TRIPPED
from tests.builders import a_bounce_server, a_classified_mail, a_finding, a_recipient, a_reference
from tests.integration.handlers.actions.bursts import a_burst, a_setting, effects, subscribers, the_guard
from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import do, rows, value

KINDS = "select kind, hits, closed_at from bounce_holds"


def counted(metric: object, *labels: str) -> float:
    """A counter's value in this process."""
    return float(metric.labels(*labels)._value.get())  # type: ignore[attr-defined]


@pytest.mark.parametrize("batch_size", [200, 7, 1])
def test_the_fiftieth_of_a_kind_is_the_last_that_is_applied(works: Works, batch_size: int) -> None:
    works.serve(*a_burst(works.database, 64), batch_size=batch_size)
    assert effects(works.database) == {"blacklisted": 50, "held": 14}
    assert subscribers(works.database) == {"blacklisted": 50, "confirmed": 14}
    assert rows(works.database, KINDS) == [("diagnostic", 50, None)]
    assert value(works.database, "select count(*) from blacklist") == 50


def test_a_diagnostic_is_the_same_whomever_and_wherever_it_is_about(works: Works) -> None:
    works.serve(*a_burst(works.database, 52))
    assert rows(works.database, "select name from bounce_holds") == [
        ("550 5.1.1 <address> user unknown (in reply to rcpt, queue *",)
    ]


def test_a_domain_is_held_whatever_its_servers_say(works: Works) -> None:
    the_guard(works.database, most=5)
    words = (
        "no such user",
        "mailbox gone",
        "not here",
        "unknown person",
        "who is that",
        "never heard of",
        "moved away",
    )
    mailbox_id = None
    for n, text in enumerate(words, start=1):
        works.serve(*a_burst(works.database, 1, first=n, text=text, domain="example.net", mailbox_id=mailbox_id))
    assert effects(works.database) == {"blacklisted": 5, "held": 2}
    assert rows(works.database, "select kind, name from bounce_holds") == [("domain", "example.net")]


def test_a_trip_is_told_once_by_metric_and_row(works: Works) -> None:
    the_guard(works.database, most=5)
    trips = counted(HOLDS_TRIPPED, "diagnostic")
    held = counted(BOUNCES_LOGGED, "hard", "held")
    works.serve(*a_burst(works.database, 20), batch_size=3)
    assert counted(HOLDS_TRIPPED, "diagnostic") - trips == 1
    assert counted(BOUNCES_LOGGED, "hard", "held") - held == 15
    assert value(works.database, "select count(*) from bounce_holds") == 1


def test_bounces_that_are_not_hard_or_have_no_effect_count_for_nothing(works: Works) -> None:
    the_guard(works.database, most=5)
    works.serve(*a_burst(works.database, 20, bounce_class=BounceClass.SOFT))
    trying = a_bounce_server(works.database, "trying@news.example.com", dry_run=True)
    works.serve(*a_burst(works.database, 20, first=21, mailbox_id=trying))
    assert value(works.database, "select count(*) from hard_bounce_counts") == 0
    assert effects(works.database) == {"logged": 20, "dry_run": 20}


def test_what_is_usual_for_the_week_is_not_held(works: Works) -> None:
    # 5 in 10 minutes trip, unless that is less than 5 times the rate: 1,008 in the week are 1 in 10 minutes, 1,009 are more.
    the_guard(works.database, most=5)
    works.serve(*a_burst(works.database, 1))
    for key in rows(works.database, "select distinct key from hard_bounce_counts"):
        do(
            works.database,
            "insert into hard_bounce_counts (key, minute, writer, hits) values (%s, now() - interval '3 days', 1, 1009)",
            key[0],
        )
    works.serve(*a_burst(works.database, 4, first=2))
    assert value(works.database, "select count(*) from bounce_holds") == 0
    works.serve(*a_burst(works.database, 3, first=6))
    assert effects(works.database) == {"blacklisted": 6, "held": 2}
    assert rows(works.database, "select hits, usual from bounce_holds") == [(6, 1.001)]


def test_a_backlog_counts_by_when_its_reports_arrived(works: Works) -> None:
    the_guard(works.database, most=5)
    now = datetime.now(UTC)
    weeks_of = [now - timedelta(minutes=20 * n) for n in range(40, 0, -1)]
    works.serve(*a_burst(works.database, 40, received_at=weeks_of))
    assert effects(works.database) == {"blacklisted": 40}


def test_without_a_figure_there_is_no_guard(works: Works) -> None:
    the_guard(works.database, most=0)
    works.serve(*a_burst(works.database, 60))
    assert effects(works.database) == {"blacklisted": 60}
    assert value(works.database, "select count(*) from hard_bounce_counts") == 0


def test_a_second_delivery_counts_nothing_and_holds_nothing_more(works: Works) -> None:
    the_guard(works.database, most=5)
    mails = a_burst(works.database, 8)
    works.serve(*mails)
    total = value(works.database, "select sum(hits) from hard_bounce_counts")
    for mail_id in mails:
        works.send(MailClassified(mail_id=mail_id))
        works.send(MailClassified(mail_id=mail_id), uuid4())
    works.run(works.actions())
    assert value(works.database, "select sum(hits) from hard_bounce_counts") == total
    assert effects(works.database) == {"blacklisted": 5, "held": 3}


def test_two_processes_hold_all_but_at_most_a_batch_each_too_many(works: Works) -> None:
    the_guard(works.database, most=5)
    mails = a_burst(works.database, 60)
    for mail_id in mails:
        works.send(MailClassified(mail_id=mail_id))
    works.run(works.actions(batch_size=4), works.actions(batch_size=4))
    found = effects(works.database)
    assert found["blacklisted"] + found["held"] == 60
    assert 5 <= found["blacklisted"] <= 5 + 4
    assert value(works.database, "select count(*) from bounce_holds") == 1
    assert value(works.database, "select count(*) from held_bounces") == found["held"]
    assert value(works.database, "select count(*) from blacklist") == found["blacklisted"]


def test_a_quiet_hold_ends_by_itself_only_if_the_setting_says_so(works: Works) -> None:
    the_guard(works.database, most=5)
    works.serve(*a_burst(works.database, 8))
    do(works.database, "update bounce_holds set tripped_at = now() - interval '3 hours'")
    do(works.database, "update hard_bounce_counts set minute = minute - interval '3 hours'")
    works.jobs().end_quiet_holds()
    assert rows(works.database, "select closed from bounce_holds") == [(None,)]
    a_setting(works.database, "hold_ends_when_quiet_hours", 2)
    works.jobs().end_quiet_holds()
    assert rows(works.database, "select closed from bounce_holds") == [("quiet",)]
    assert effects(works.database)["held"] == 3  # what was held goes on waiting


@pytest.mark.parametrize("turned", [False, True])
def test_a_report_that_two_links_bring_in_one_batch_is_logged_as_the_link_that_ties_it_has_it(
    works: Works, turned: bool
) -> None:
    first = a_bounce_server(works.database, key="acme-key", key_owner="acme", customer="acme")
    second = a_bounce_server(works.database, key="globex-key", key_owner="globex", customer="globex")
    mails = a_burst(works.database, 1, mailbox_id=first)
    mails.append(a_classified_mail(works.database, second, a_finding(
        a_recipient("reader1@d1.example.net"), references=(a_reference("mail-1@news.example.com"),)), "mail-1"))  # fmt: skip
    works.serve(*(reversed(mails) if turned else mails))
    assert effects(works.database) == {"blacklisted": 1}
    assert value(works.database, "select count(*) from blacklist") == 1
    assert value(works.database, "select sum(hits) from hard_bounce_counts") == 2  # its diagnostic and its domain, once
