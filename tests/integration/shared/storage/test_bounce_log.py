"""The bounce log: one row for each recipient that a report names, and what may change in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.bounces import BounceClass, ReferenceSource
from shared.domain.mailboxes import MailId, Provider
from shared.storage import bounce_log
from shared.storage.bounce_log import BounceRow
from shared.storage.database import Database
from tests.builders import (
    MESSAGE_ID,
    READER,
    a_customer,
    a_mailbox,
    a_recipient,
    a_sent_mail,
    a_served_mail,
)
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.waiting import at_once

MONTH = timedelta(days=30)


def unmatched(mail_id: int, why: str = "unknown_reference", address: str = READER) -> BounceRow:
    """A row that could not be tied."""
    return BounceRow(
        mail_id, Provider.MICROSOFT.value, "bounces@news.example.com", f"mail-{mail_id}", a_recipient(address), "rules-1",
        address, (MESSAGE_ID,), "unmatched", unmatched_reason=why,
    )  # fmt: skip


def matched(row: BounceRow, sent_mail_id: int, customer_id: int, effect: str = "blacklisted") -> BounceRow:
    """The same row, tied."""
    return replace(
        row,
        effect=effect,
        sent_mail_id=sent_mail_id,
        customer_id=customer_id,
        matched_by=ReferenceSource.RETURNED_MESSAGE_ID,
        unmatched_reason=None,
    )


def of_class(row: BounceRow, bounce_class: BounceClass, effect: str) -> BounceRow:
    """The same row as other rules see it."""
    return replace(row, finding=replace(row.finding, bounce_class=bounce_class), rule_set="rules-2", effect=effect)


def write(database: Database, *entries: BounceRow) -> int:
    """How many rows are new or changed."""
    with database.transaction() as connection:
        return len(bounce_log.write(connection, entries))


def logged(database: Database) -> list[tuple[str, str, str | None]]:
    """(class, effect, matched by) of every row."""
    return rows(database, "select bounce_class, effect, matched_by from bounce_log order by id")


@pytest.fixture
def mail_id(database: Database) -> MailId:
    """A served report in a mailbox."""
    return a_served_mail(database, a_mailbox(database))


class TestWriting:
    def test_a_row_that_is_written_twice_is_there_once_and_new_once(self, database: Database, mail_id: MailId) -> None:
        row = matched(unmatched(mail_id), a_sent_mail(database), a_customer(database))
        assert (write(database, row), write(database, row)) == (1, 0)
        assert logged(database) == [("hard", "blacklisted", "returned_message_id")]

    def test_several_who_write_one_row_at_once_have_it_new_once(self, database: Database, mail_id: MailId) -> None:
        row = matched(unmatched(mail_id), a_sent_mail(database), a_customer(database))
        assert sorted(at_once(6, lambda _: write(database, row))) == [0, 0, 0, 0, 0, 1]

    def test_batches_that_share_rows_in_another_order_do_not_block_each_other(
        self, database: Database, mail_id: MailId
    ) -> None:
        entries = [unmatched(mail_id, address=f"reader{n}@example.net") for n in range(40)]
        assert sum(at_once(4, lambda n: write(database, *entries[:: 1 if n % 2 else -1]))) == 40

    def test_each_recipient_of_a_report_has_a_row(self, database: Database, mail_id: MailId) -> None:
        assert write(database, unmatched(mail_id), unmatched(mail_id, address="other@example.net")) == 2

    def test_an_unmatched_row_becomes_matched_and_then_has_its_effect(
        self, database: Database, mail_id: MailId
    ) -> None:
        row = unmatched(mail_id)
        write(database, row)
        assert write(database, matched(row, a_sent_mail(database), a_customer(database))) == 1
        assert logged(database) == [("hard", "blacklisted", "returned_message_id")]
        assert value(database, "select unmatched_reason from bounce_log") is None

    def test_a_tied_row_never_loses_its_tie(self, database: Database, mail_id: MailId) -> None:
        row = unmatched(mail_id)
        write(database, matched(row, a_sent_mail(database), a_customer(database)))
        assert write(database, row) == 0
        assert write(database, of_class(row, BounceClass.SOFT, "unmatched")) == 0
        assert logged(database) == [("hard", "blacklisted", "returned_message_id")]

    def test_a_tied_row_is_not_tied_to_another_mail(self, database: Database, mail_id: MailId) -> None:
        row, customer = unmatched(mail_id), a_customer(database)
        first, second = a_sent_mail(database), a_sent_mail(database, message_id="mail-2@news.example.com")
        write(database, matched(row, first, customer))
        assert write(database, of_class(matched(row, second, customer), BounceClass.SOFT, "logged")) == 0
        assert value(database, "select sent_mail_id from bounce_log") == first

    def test_new_rules_change_the_class_of_a_row(self, database: Database, mail_id: MailId) -> None:
        row = matched(unmatched(mail_id), a_sent_mail(database), a_customer(database), "logged")
        write(database, of_class(row, BounceClass.SOFT, "logged"))
        assert write(database, of_class(row, BounceClass.HARD, "blacklisted")) == 1
        assert logged(database) == [("hard", "blacklisted", "returned_message_id")]

    def test_a_row_that_is_unmatched_for_another_reason_says_so(self, database: Database, mail_id: MailId) -> None:
        write(database, unmatched(mail_id))
        write(database, unmatched(mail_id, "recipient_mismatch"))
        assert value(database, "select unmatched_reason from bounce_log") == "recipient_mismatch"

    def test_the_evidence_is_kept(self, database: Database, mail_id: MailId) -> None:
        write(database, unmatched(mail_id))
        kept = rows(database, "select tier, rule, rule_set, reason, action, status, reply, diagnostic from bounce_log")
        assert kept == [
            (2, "dsn.user-unknown", "rules-1", "userunknown", "failed", "5.1.1", "550", "550 5.1.1 user unknown")
        ]


class TestTyingAgain:
    def known(self, database: Database) -> list[int]:
        with database.transaction() as connection:
            return bounce_log.newly_known(connection, MONTH, 100)

    @pytest.mark.parametrize("by", ["message_id", "actual_message_id", "reference"])
    def test_a_report_is_found_again_when_its_id_becomes_known(
        self, database: Database, mail_id: MailId, by: str
    ) -> None:
        write(database, unmatched(mail_id))
        assert self.known(database) == []
        a_sent_mail(database, message_id="other@news.example.com")
        if by != "message_id":
            do(database, f"update sent_mail set {by} = %s", MESSAGE_ID)
        else:
            do(database, "update sent_mail set message_id = %s", MESSAGE_ID)
        assert self.known(database) == [mail_id]

    def test_a_report_that_is_unmatched_for_another_reason_is_not_tried_for_ever(
        self, database: Database, mail_id: MailId
    ) -> None:
        write(database, unmatched(mail_id))
        a_sent_mail(database, "other@example.net")
        assert self.known(database) == [mail_id]
        write(database, unmatched(mail_id, "recipient_mismatch"))
        assert self.known(database) == []

    def test_a_report_that_nobody_watches_any_more_is_not_tried_for_ever(
        self, database: Database, mail_id: MailId
    ) -> None:
        write(database, unmatched(mail_id))
        a_sent_mail(database)
        do(database, "update bounce_servers set status = 'inactive'")
        assert self.known(database) == []

    @pytest.mark.parametrize("statement", [
        "update bounce_log set logged_at = now() - interval '31 days'",
        "update fetched_mail set stage = 'classified'",
    ])  # fmt: skip
    def test_old_reports_and_those_on_their_way_are_left_out(
        self, database: Database, mail_id: MailId, statement: str
    ) -> None:
        write(database, unmatched(mail_id))
        a_sent_mail(database)
        do(database, statement)
        assert self.known(database) == []

    def test_people_see_the_newest_unmatched_first(self, database: Database, mail_id: MailId) -> None:
        write(database, unmatched(mail_id, address="old@example.net"))
        do(database, "update bounce_log set logged_at = now() - interval '1 day'")
        write(database, unmatched(mail_id, "recipient_mismatch"))
        with database.transaction() as connection:
            found = bounce_log.unmatched(connection, 10)
        assert [(one.recipient, one.why) for one in found] == [
            (READER, "recipient_mismatch"),
            ("old@example.net", "unknown_reference"),
        ]


class TestSoftBounces:
    def over(self, database: Database, threshold: int) -> list[tuple[int, str]]:
        pair = (a_customer(database), READER)
        with database.transaction() as connection:
            return bounce_log.over_soft_threshold(connection, [pair, pair], threshold, MONTH)

    @pytest.fixture
    def three(self, database: Database) -> Database:
        """Three soft bounces of one reader, and what does not count beside them."""
        mailbox_id = a_mailbox(database)
        sent, customer, other = a_sent_mail(database), a_customer(database), a_customer(database, "globex")
        for n in range(3):
            row = unmatched(a_served_mail(database, mailbox_id, f"soft-{n}"))
            write(database, of_class(matched(row, sent, customer), BounceClass.SOFT, "logged"))
        row = unmatched(a_served_mail(database, mailbox_id, "theirs"))
        write(database, of_class(matched(row, sent, other), BounceClass.SOFT, "logged"))
        row = unmatched(a_served_mail(database, mailbox_id, "hard"))
        write(database, matched(row, sent, customer))
        return database

    def test_the_threshold_is_reached_by_as_many_soft_bounces_and_not_by_one_less(self, three: Database) -> None:
        assert self.over(three, 3) == [(a_customer(three), READER)]
        assert self.over(three, 4) == []

    @pytest.mark.parametrize("statement", [
        "update bounce_log set action = 'delayed' where id = 1",
        "update bounce_log set effect = 'dry_run' where id = 1",
        "update bounce_log set logged_at = now() - interval '31 days' where id = 1",
    ])  # fmt: skip
    def test_delays_dry_runs_and_old_bounces_do_not_count(self, three: Database, statement: str) -> None:
        do(three, statement)
        assert self.over(three, 3) == []
        assert self.over(three, 2)


def test_a_report_may_hold_more_text_than_anybody_reads(database: Database, mail_id: MailId) -> None:
    row = unmatched(mail_id)
    write(database, replace(row, finding=replace(row.finding, diagnostic="x" * 100_000 + "\x00")))
    assert column(database, "select length(diagnostic) from bounce_log") == [2000]
