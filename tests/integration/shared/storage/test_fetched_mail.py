"""The ledger, and the stages of a mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.domain.mailboxes import Disposal, Folder, ListedMail, MailboxId, MailId, Stage
from shared.storage import fetched_mail, raw_mail, serving
from shared.storage.database import Database
from shared.storage.fetched_mail import Fetched
from shared.storage.serving import Served
from tests.builders import (
    NOW,
    SEALER,
    a_bounce_server,
    a_classified_mail,
    a_fetched_mail,
    a_finding,
    a_listed_mail,
    a_mailbox,
    a_recipient,
    a_reference,
    a_served_mail,
)
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.waiting import at_once

DAY = date(2026, 11, 21)
MINUTES = timedelta(minutes=2)


def listed(database: Database, mailbox_id: MailboxId, *mails: ListedMail) -> int:
    """Enters mails in the ledger."""
    with database.transaction() as connection:
        return fetched_mail.record_listed(connection, mailbox_id, mails)


def stored(database: Database, mail_id: MailId, raw: bytes = b"raw") -> int:
    """Stores one mail; how many moved."""
    with database.transaction() as connection:
        return len(fetched_mail.store_fetched(connection, SEALER, DAY, [Fetched(mail_id, raw, len(raw), False, NOW)]))


def stage_of(database: Database, mail_id: MailId) -> str:
    """Where the mail stands."""
    return str(value(database, "select stage from fetched_mail where id = %s", mail_id))


def overdue(database: Database, stage: Stage, limit: int = 100) -> list[int]:
    """What one sweep publishes again."""
    with database.transaction() as connection:
        return [mail.mail_id for mail in fetched_mail.overdue(connection, stage, MINUTES, limit)]


class TestTheLedger:
    def test_a_mail_is_entered_once_however_often_it_is_listed(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        mails = [ListedMail(f"m{n}", Folder.INBOX, NOW) for n in range(3)]
        assert listed(database, mailbox_id, *mails) == 3
        assert listed(database, mailbox_id, *mails, ListedMail("m9", Folder.JUNK, NOW)) == 1

    def test_two_mailboxes_may_have_mails_of_one_id(self, database: Database) -> None:
        one, two = a_mailbox(database, "a@news.example.com"), a_mailbox(database, "b@news.example.com")
        assert listed(database, one, ListedMail("m", Folder.INBOX)) == 1
        assert listed(database, two, ListedMail("m", Folder.INBOX)) == 1

    @pytest.mark.parametrize("timed", [True, False])
    def test_the_oldest_is_fetched_first_also_where_the_listing_has_no_times(
        self, database: Database, timed: bool
    ) -> None:
        mailbox_id = a_mailbox(database)
        newest_first = [
            ListedMail(f"m{n}", Folder.INBOX, NOW - timedelta(hours=n) if timed else None) for n in range(3)
        ]
        listed(database, mailbox_id, *newest_first)
        with database.transaction() as connection:
            found = fetched_mail.next_listed(connection, mailbox_id, 2)
        assert [mail.provider_mail_id for mail in found] == ["m2", "m1"]

    def test_a_mail_that_could_not_be_fetched_waits_longer_each_time(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        mail_id = a_listed_mail(database, mailbox_id)
        for failures, waits in ((1, 40), (2, 160)):
            with database.transaction() as connection:
                fetched_mail.fetch_failed(connection, [mail_id], "the provider's answer is no mail")
                assert fetched_mail.next_listed(connection, mailbox_id, 9) == []
            for seconds, ready in ((waits - 5, 0), (waits + 5, 1)):
                do(database, "update fetched_mail set stage_at = now() - make_interval(secs => %s)", seconds)
                with database.transaction() as connection:
                    assert len(fetched_mail.next_listed(connection, mailbox_id, 9)) == ready
            assert value(database, "select fetch_failures from fetched_mail") == failures

    def test_a_mail_that_is_gone_is_not_asked_for_again_and_stays_known(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        mail_id = a_listed_mail(database, mailbox_id)
        with database.transaction() as connection:
            fetched_mail.gone(connection, [mail_id])
            assert not fetched_mail.has_listed(connection, mailbox_id)
        assert listed(database, mailbox_id, ListedMail("mail-1", Folder.INBOX)) == 0


class TestTheStages:
    def test_a_mail_stored_twice_is_stored_once(self, database: Database) -> None:
        mail_id = a_listed_mail(database, a_mailbox(database))
        assert (stored(database, mail_id, b"first"), stored(database, mail_id, b"second")) == (1, 0)
        with database.transaction() as connection:
            (row,) = fetched_mail.raws(connection, [mail_id])
        assert row.sealed is not None
        assert SEALER.open_mail(row.sealed, mail_id) == b"first"

    def test_several_who_store_one_mail_at_once_move_it_once(self, database: Database) -> None:
        mail_id = a_listed_mail(database, a_mailbox(database))
        assert sorted(at_once(6, lambda _: stored(database, mail_id))) == [0, 0, 0, 0, 0, 1]

    def test_raw_mail_is_not_readable_in_the_table(self, database: Database) -> None:
        mail_id = a_listed_mail(database, a_mailbox(database))
        stored(database, mail_id, b"Subject: a very private matter")
        assert b"private" not in bytes(value(database, "select sealed from raw_mail"))

    def test_a_finding_is_stored_only_for_a_mail_that_stands_at_fetched(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        ready = a_fetched_mail(database, mailbox_id, provider_mail_id="ready")
        early = a_listed_mail(database, mailbox_id, "early")
        done = a_served_mail(database, mailbox_id, "done")
        with database.transaction() as connection:
            moved = fetched_mail.store_findings(connection, [(one, a_finding()) for one in (done, ready, early)])
        assert [mail.mail_id for mail in moved] == [ready]
        assert [stage_of(database, one) for one in (early, ready, done)] == ["listed", "classified", "served"]

    def test_a_hostile_finding_is_stored_without_what_a_database_refuses(self, database: Database) -> None:
        mail_id = a_fetched_mail(database, a_mailbox(database))
        rude = replace(a_recipient("a\x00@example.net"), diagnostic="550 \x00 \udcff")
        finding = a_finding(rude, references=(a_reference("x\x00\x1fy"),), message_id="\x00" + "𝔘" * 990)
        with database.transaction() as connection:
            assert len(fetched_mail.store_findings(connection, [(mail_id, finding)])) == 1
            (mail,) = serving.classified(connection, [mail_id])
        assert mail.finding.recipients[0].address == "a@example.net"

    def test_a_mail_is_served_only_from_classified(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        early, ready = (
            a_fetched_mail(database, mailbox_id, provider_mail_id="a"),
            a_classified_mail(database, mailbox_id, provider_mail_id="b"),
        )
        with database.transaction() as connection:
            assert [mail.mail_id for mail in serving.classified(connection, [early, ready])] == [ready]
            serving.serve(connection, [Served(one, Disposal.TRASH, None, keep_raw=True) for one in (early, ready)])
        assert [stage_of(database, one) for one in (early, ready)] == ["fetched", "served"]
        assert column(database, "select id from fetched_mail where disposal_due") == [ready]

    def test_a_mail_that_is_nobodys_business_loses_its_raw_copy_and_stays_in_the_mailbox(
        self, database: Database
    ) -> None:
        mail_id = a_classified_mail(database, a_mailbox(database))
        with database.transaction() as connection:
            serving.serve(connection, [Served(mail_id, Disposal.LEAVE, None, keep_raw=False)])
        assert value(database, "select count(*) from raw_mail") == 0
        assert rows(database, "select raw_on, disposal_due from fetched_mail") == [(None, False)]

    def test_unclassified_mail_is_counted_with_its_bytes(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        a_fetched_mail(database, mailbox_id, b"12345", "a")
        a_fetched_mail(database, mailbox_id, b"1234567", "b")
        a_classified_mail(database, mailbox_id, provider_mail_id="c")
        with database.transaction() as connection:
            assert fetched_mail.unclassified(connection) == (2, 12)

    def test_a_served_mail_that_is_opened_again_has_a_new_generation(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        served, waiting = (
            a_served_mail(database, mailbox_id, "a"),
            a_fetched_mail(database, mailbox_id, provider_mail_id="b"),
        )
        with database.transaction() as connection:
            again = fetched_mail.reopen(connection, [served, waiting], Stage.CLASSIFIED)
        assert [(mail.mail_id, mail.generation) for mail in again] == [(served, 1)]

    def test_a_mail_without_its_raw_copy_can_not_be_classified_again(self, database: Database) -> None:
        served = a_served_mail(database, a_mailbox(database))
        do(database, "update fetched_mail set raw_on = null")
        with database.transaction() as connection:
            assert fetched_mail.reopen(connection, [served], Stage.FETCHED) == []
            assert len(fetched_mail.reopen(connection, [served], Stage.CLASSIFIED)) == 1


class TestTheSweep:
    def test_a_mail_that_stands_still_is_published_again_each_time_after_twice_as_long(
        self, database: Database
    ) -> None:
        mail_id = a_fetched_mail(database, a_mailbox(database))
        assert overdue(database, Stage.FETCHED) == []
        for minutes, found in ((3, [mail_id]), (3, []), (5, [mail_id]), (7, []), (9, [mail_id])):
            do(database, "update fetched_mail set stage_at = now() - make_interval(mins => %s)", minutes)
            assert overdue(database, Stage.FETCHED) == found

    def test_only_the_stages_that_have_a_message_are_swept(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        a_listed_mail(database, mailbox_id, "a")
        a_served_mail(database, mailbox_id, "b")
        do(database, "update fetched_mail set stage_at = now() - interval '1 day'")
        assert [overdue(database, stage) for stage in Stage] == [[], [], [], [], []]

    def test_several_sweeps_at_once_publish_each_mail_once(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        for n in range(20):
            a_fetched_mail(database, mailbox_id, provider_mail_id=f"m{n}")
        do(database, "update fetched_mail set stage_at = now() - interval '3 minutes'")
        found = [mail for one in at_once(4, lambda _: overdue(database, Stage.FETCHED, 5)) for mail in one]
        assert len(found) == len(set(found))
        assert len(found) + len(overdue(database, Stage.FETCHED)) == 20


class TestDisposals:
    def due(self, database: Database, mailbox_id: MailboxId) -> list[tuple[str, str, str | None]]:
        with database.transaction() as connection:
            found = fetched_mail.due_disposals(connection, mailbox_id, 100)
        return [(mail.provider_mail_id, mail.disposal.value, mail.move_to) for mail in found]

    def test_a_served_mail_is_due_until_it_is_tidied_away(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        a_served_mail(database, mailbox_id, "a", disposal=Disposal.LEAVE)
        moved = a_served_mail(database, mailbox_id, "b", disposal=Disposal.MOVE, move_to="Done")
        assert self.due(database, mailbox_id) == [("b", "move", "Done")]
        with database.transaction() as connection:
            fetched_mail.disposed(connection, [moved])
        assert self.due(database, mailbox_id) == []

    def test_a_mail_that_was_tidied_away_is_not_due_again_when_it_is_served_again(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        mail_id = a_served_mail(database, mailbox_id)
        with database.transaction() as connection:
            fetched_mail.disposed(connection, [mail_id])
            fetched_mail.reopen(connection, [mail_id], Stage.CLASSIFIED)
            serving.serve(connection, [Served(mail_id, Disposal.TRASH, None, keep_raw=True)])
        assert self.due(database, mailbox_id) == []

    def test_a_mail_that_can_not_be_tidied_stays_and_says_why(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        mail_id = a_served_mail(database, mailbox_id)
        with database.transaction() as connection:
            fetched_mail.not_disposable(connection, [mail_id], "read-only: Mail.ReadWrite is not granted")
        assert self.due(database, mailbox_id) == []
        assert "Mail.ReadWrite" in value(database, "select disposal_note from fetched_mail")

    def two_links(self, database: Database, **second: object) -> tuple[MailboxId, MailboxId]:
        one = a_bounce_server(database, key="one")
        return one, a_bounce_server(database, key="two", key_owner="acme", **second)  # type: ignore[arg-type]

    def test_a_mail_waits_until_every_owners_link_to_its_mailbox_has_been_served(self, database: Database) -> None:
        one, two = self.two_links(database)
        a_served_mail(database, one)
        assert self.due(database, one) == []  # the other has not even listed it
        a_classified_mail(database, two)
        assert self.due(database, one) == []
        with database.transaction() as connection:
            mail = value(database, "select id from fetched_mail where mailbox_id = %s", two)
            serving.serve(connection, [Served(mail, Disposal.DELETE, None, keep_raw=True)])
        assert self.due(database, one) == [("mail-1", "trash", None)]

    @pytest.mark.parametrize(
        ("mine", "theirs", "tidied"),
        [
            (Disposal.DELETE, Disposal.TRASH, False),
            (Disposal.TRASH, Disposal.DELETE, True),
            (Disposal.TRASH, Disposal.TRASH, True),
            (Disposal.TRASH, Disposal.LEAVE, False),
            (Disposal.MARK_READ, Disposal.MOVE, True),
        ],
    )
    def test_where_links_differ_the_choice_that_keeps_most_wins(
        self, database: Database, mine: Disposal, theirs: Disposal, tidied: bool
    ) -> None:
        one, two = self.two_links(database)
        a_served_mail(database, one, disposal=mine)
        a_served_mail(database, two, disposal=theirs, move_to="Done")
        assert bool(self.due(database, one)) is tidied

    @pytest.mark.parametrize(
        "statement",
        ["update mailboxes set paused = true where id = %s", "delete from bounce_servers where mailbox_id = %s"],
    )
    def test_a_link_that_nobody_uses_is_not_waited_for(self, database: Database, statement: str) -> None:
        one, two = self.two_links(database)
        a_served_mail(database, one)
        do(database, statement, two)
        assert self.due(database, one) == [("mail-1", "trash", None)]

    def test_a_mail_that_the_other_link_lost_is_not_waited_for(self, database: Database) -> None:
        one, two = self.two_links(database)
        a_served_mail(database, one)
        lost = a_listed_mail(database, two)
        with database.transaction() as connection:
            fetched_mail.gone(connection, [lost])
        assert self.due(database, one)

    def test_mail_from_before_the_other_link_began_is_not_waited_for(self, database: Database) -> None:
        one, _ = self.two_links(database, only_mail_from=NOW)
        a_served_mail(database, one, "old", received_at=NOW - timedelta(seconds=1))
        a_served_mail(database, one, "new", received_at=NOW)
        assert self.due(database, one) == [("old", "trash", None)]

    def test_mail_in_a_junk_folder_that_the_other_link_does_not_read_is_not_waited_for(
        self, database: Database
    ) -> None:
        one, _ = self.two_links(database, read_junk=False)
        a_served_mail(database, one, "junk", folder=Folder.JUNK)
        a_served_mail(database, one, "inbox")
        assert self.due(database, one) == [("junk", "trash", None)]


class TestRawPartitions:
    def test_a_partition_is_made_once_also_by_several_at_once(self, database: Database) -> None:
        def make(_: int) -> None:
            with database.transaction() as connection:
                raw_mail.ensure_partition(connection, DAY)

        at_once(6, make)
        assert value(database, "select count(*) from pg_inherits where inhparent = 'raw_mail'::regclass") == 1

    def test_old_partitions_are_dropped_whole_and_their_mails_keep_their_rows(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        for n, age in enumerate((31, 30, 0)):
            mail_id = a_listed_mail(database, mailbox_id, f"m{n}")
            with database.transaction() as connection:
                fetched_mail.store_fetched(
                    connection, SEALER, DAY - timedelta(days=age), [Fetched(mail_id, b"raw", 3, False, None)]
                )
        with database.transaction() as connection:
            assert raw_mail.drop_before(connection, DAY - timedelta(days=30)) == ["raw_mail_20261021"]
        assert value(database, "select count(*) from raw_mail") == 2
        assert column(database, "select raw_on from fetched_mail order by id") == [
            None, DAY - timedelta(days=30), DAY,
        ]  # fmt: skip

    def test_a_raw_copy_that_is_there_stays_as_it_is(self, database: Database) -> None:
        with database.transaction() as connection:
            raw_mail.ensure_partition(connection, DAY)
            raw_mail.put(connection, DAY, [(1, b"first")])
            raw_mail.put(connection, DAY, [(1, b"second")])
        assert bytes(value(database, "select sealed from raw_mail")) == b"first"


def test_the_time_of_a_listing_is_kept_over_that_of_a_fetch(database: Database) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    mail_id = a_listed_mail(database, a_mailbox(database), received_at=at)
    stored(database, mail_id)
    assert value(database, "select received_at from fetched_mail") == at
