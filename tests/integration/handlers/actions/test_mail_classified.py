"""What the actions service does to subscribers, log and mail when a finding comes."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.contracts.events import MailClassified
from shared.domain.bounces import BounceClass, MailFinding, MailKind, ReferenceSource
from shared.domain.mailboxes import Disposal, Folder
from shared.storage.database import Database
from tests.builders import (
    READER,
    a_bounce_server,
    a_classified_mail,
    a_complaint_finding,
    a_finding,
    a_human_finding,
    a_mailbox,
    a_recipient,
    a_reference,
    a_sent_mail,
    a_subscriber,
)
from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import column, do, rows, value

OTHER = "other@example.net"


def statuses(database: Database) -> list[str]:
    """Of all subscribers, in the order in which they were made."""
    return column(database, "select status from subscribers order by id")


def effects(database: Database) -> list[tuple[str, str | None]]:
    """(effect, why unmatched) of every row of the log."""
    return rows(database, "select effect, unmatched_reason from bounce_log order by id")


class TestEffects:
    def test_a_hard_bounce_blacklists_the_subscriber_for_the_customer_whose_mail_bounced(self, works: Works) -> None:
        database = works.database
        a_subscriber(database)
        a_subscriber(database, in_list="theirs", customer="globex")
        sent = a_sent_mail(database)
        works.serve(a_classified_mail(database, a_mailbox(database)))
        assert statuses(database) == ["blacklisted", "confirmed"]
        assert rows(database, "select customer_id, address, bounce_id from blacklist") == [(1, READER, 1)]
        row = rows(database, "select effect, matched_by, sent_mail_id, subscriber_id, recipient from bounce_log")
        assert row == [("blacklisted", "returned_message_id", sent, 1, READER)]

    def test_by_the_setting_a_hard_bounce_is_on_everybodys_blacklist(self, works: Works) -> None:
        do(works.database, "update settings set value = '\"global\"' where key = 'bounce_blacklist_scope'")
        a_sent_mail(works.database)
        works.serve(a_classified_mail(works.database, a_mailbox(works.database)))
        assert rows(works.database, "select customer_id, address from blacklist") == [(None, READER)]

    def test_a_backend_server_may_blacklist_for_everybody(self, works: Works) -> None:
        mailbox_id = a_bounce_server(works.database, blacklist_scope="global")
        a_sent_mail(works.database)
        works.serve(a_classified_mail(works.database, mailbox_id))
        assert rows(works.database, "select customer_id, address from blacklist") == [(None, READER)]

    def test_a_complaint_unsubscribes_from_the_list_that_the_mail_was_sent_for(self, works: Works) -> None:
        a_subscriber(works.database, in_list="news")
        a_subscriber(works.database, in_list="offers")
        a_sent_mail(works.database, reference="mail-1@news.example.com")
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), a_complaint_finding()))
        assert statuses(works.database) == ["unsubscribed", "confirmed"]
        assert effects(works.database) == [("unsubscribed", None)]

    def test_a_complaint_about_a_mail_of_no_list_unsubscribes_from_all_of_that_customer(self, works: Works) -> None:
        a_subscriber(works.database, in_list="news")
        a_subscriber(works.database, in_list="offers")
        a_sent_mail(works.database, reference="mail-1@news.example.com", in_list=None)
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), a_complaint_finding()))
        assert statuses(works.database) == ["unsubscribed", "unsubscribed"]

    def test_a_redacted_complaint_acts_by_its_reference(self, works: Works) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database, reference="mail-1@news.example.com")
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), a_complaint_finding("")))
        assert statuses(works.database) == ["unsubscribed"]
        assert rows(works.database, "select reported, recipient from bounce_log") == [("", READER)]

    @pytest.mark.parametrize("bounce_class", [BounceClass.SOFT, BounceClass.INTERNAL])
    def test_soft_and_internal_bounces_are_logged_and_change_nobody(
        self, works: Works, bounce_class: BounceClass
    ) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database)
        finding = a_finding(a_recipient(READER, bounce_class))
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), finding))
        assert effects(works.database) == [("logged", None)]
        assert statuses(works.database) == ["confirmed"]

    def test_as_many_soft_bounces_as_the_setting_says_blacklist(self, works: Works) -> None:
        do(works.database, "update settings set value = '3' where key = 'soft_bounces_to_blacklist'")
        a_subscriber(works.database)
        a_sent_mail(works.database)
        mailbox_id, soft = a_mailbox(works.database), a_finding(a_recipient(READER, BounceClass.SOFT))
        for n in (1, 2, 3):
            assert statuses(works.database) == ["confirmed"]
            works.serve(a_classified_mail(works.database, mailbox_id, soft, f"soft-{n}"))
        assert statuses(works.database) == ["blacklisted"]
        assert rows(works.database, "select source from blacklist") == [("soft_bounces",)]

    def test_a_dry_run_is_logged_and_changes_nobody(self, works: Works) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database)
        works.serve(a_classified_mail(works.database, a_bounce_server(works.database, dry_run=True)))
        assert effects(works.database) == [("dry_run", None)]
        assert statuses(works.database) == ["confirmed"]
        assert rows(works.database, "select disposal, disposal_due from fetched_mail") == [("leave", False)]

    def test_each_recipient_of_a_report_has_its_own_row_and_effect(self, works: Works) -> None:
        a_subscriber(works.database)
        a_subscriber(works.database, OTHER)
        a_sent_mail(works.database, READER, OTHER)
        finding = a_finding(a_recipient(READER), a_recipient(OTHER, BounceClass.SOFT), a_recipient("x@example.org"))
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), finding))
        logged = rows(works.database, "select reported, effect from bounce_log order by reported")
        assert logged == [(OTHER, "logged"), (READER, "blacklisted"), ("x@example.org", "unmatched")]
        assert statuses(works.database) == ["blacklisted", "confirmed"]

    def test_the_campaign_of_the_mail_is_in_the_log(self, works: Works) -> None:
        sent = a_sent_mail(works.database)
        do(works.database, "insert into campaigns (uid, customer_id, name) values ('autumn', 1, 'Autumn')")
        do(works.database, "update sent_mail set campaign_id = 1 where id = %s", sent)
        works.serve(a_classified_mail(works.database, a_mailbox(works.database)))
        assert value(works.database, "select campaign_id from bounce_log") == 1


class TestWhoIsLeftAlone:
    def test_a_persons_mail_stays_unread_is_not_acted_on_and_not_kept(self, works: Works) -> None:
        a_sent_mail(works.database)
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), a_human_finding()))
        assert rows(works.database, "select stage, disposal, disposal_due, raw_on from fetched_mail") == [
            ("served", "leave", False, None)
        ]
        assert value(works.database, "select count(*) from raw_mail") == 0
        assert effects(works.database) == []

    def test_an_unreadable_mail_stays_in_the_mailbox_and_is_kept(self, works: Works) -> None:
        finding = MailFinding(BounceClass.NONE, MailKind.UNREADABLE, "rules-1", note="took longer than 2 s")
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), finding))
        assert rows(works.database, "select stage, disposal from fetched_mail") == [("served", "leave")]
        assert value(works.database, "select count(*) from raw_mail") == 1

    @pytest.mark.parametrize(
        ("finding", "why"),
        [
            (a_finding(references=()), "no_reference"),
            (a_finding(references=(a_reference("unknown@news.example.com"),)), "unknown_reference"),
            (a_finding(a_recipient(OTHER)), "recipient_mismatch"),
            (a_finding(a_recipient("")), "recipient_mismatch"),
        ],
    )
    def test_a_report_that_can_not_be_tied_is_logged_and_acts_on_nobody(
        self, works: Works, finding: MailFinding, why: str
    ) -> None:
        a_subscriber(works.database)
        a_subscriber(works.database, OTHER)
        a_sent_mail(works.database)
        works.serve(a_classified_mail(works.database, a_mailbox(works.database), finding))
        assert effects(works.database) == [("unmatched", why)]
        assert statuses(works.database) == ["confirmed", "confirmed"]
        assert value(works.database, "select count(*) from blacklist") == 0

    def test_a_customers_server_does_not_act_on_anothers_mail(self, works: Works) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database)
        mailbox_id = a_bounce_server(works.database, key_owner="globex", customer="globex")
        works.serve(a_classified_mail(works.database, mailbox_id))
        assert effects(works.database) == [("unmatched", "not_watched")]
        assert statuses(works.database) == ["confirmed"]

    def test_junk_that_nobody_reads_is_left_alone(self, works: Works) -> None:
        a_sent_mail(works.database)
        mailbox_id = a_bounce_server(works.database, read_junk=False)
        works.serve(a_classified_mail(works.database, mailbox_id, folder=Folder.JUNK))
        assert effects(works.database) == []


class TestOnceOnly:
    def test_a_second_delivery_changes_nothing(self, works: Works) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database)
        mail_id = a_classified_mail(works.database, a_mailbox(works.database))
        works.serve(mail_id, mail_id)
        works.serve(mail_id)
        works.send(MailClassified(mail_id=mail_id), uuid4())
        works.run(works.actions())
        for table, count in (("bounce_log", 1), ("blacklist", 1), ("subscriber_changes", 1)):
            assert value(works.database, f"select count(*) from {table}") == count

    def test_two_servers_on_one_mailbox_make_one_entry_and_one_action(self, works: Works) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database)
        a_bounce_server(works.database, name="one", disposal=Disposal.DELETE)
        mailbox_id = a_bounce_server(works.database, name="two", disposal=Disposal.MARK_READ)
        works.serve(a_classified_mail(works.database, mailbox_id))
        assert effects(works.database) == [("blacklisted", None)]
        assert value(works.database, "select count(*) from subscriber_changes") == 1
        assert value(works.database, "select disposal from fetched_mail") == "mark_read"

    @pytest.mark.parametrize("first", ["acme", "globex"])
    def test_two_owners_links_to_one_mailbox_make_one_entry_and_one_action_for_the_mails_owner(
        self, works: Works, first: str
    ) -> None:
        a_subscriber(works.database)
        a_sent_mail(works.database)
        links = {name: a_bounce_server(works.database, key=name, key_owner=name, customer=name)
                 for name in ("acme", "globex")}  # fmt: skip
        mails = {name: a_classified_mail(works.database, link) for name, link in links.items()}
        works.serve(mails.pop(first))
        works.serve(*mails.values())
        assert effects(works.database) == [("blacklisted", None)]
        assert value(works.database, "select count(*) from subscriber_changes") == 1

    def test_a_batch_of_many_is_served_whole(self, works: Works) -> None:
        mailbox_id = a_mailbox(works.database)
        mails = []
        for n in range(25):
            a_subscriber(works.database, f"reader{n}@example.net")
            message_id = f"mail-{n}@news.example.com"
            a_sent_mail(works.database, f"reader{n}@example.net", message_id=message_id)
            finding = a_finding(a_recipient(f"reader{n}@example.net"), references=(a_reference(message_id),))
            mails.append(a_classified_mail(works.database, mailbox_id, finding, f"m{n}"))
        works.serve(*mails, batch_size=10)
        assert set(statuses(works.database)) == {"blacklisted"}
        assert value(works.database, "select count(*) from fetched_mail where stage = 'served'") == 25


class TestTyingAgain:
    def test_an_unmatched_report_is_tied_when_the_sent_mail_becomes_known(self, works: Works) -> None:
        a_subscriber(works.database)
        works.serve(a_classified_mail(works.database, a_mailbox(works.database)))
        assert effects(works.database) == [("unmatched", "unknown_reference")]
        works.jobs().tie_again()
        assert works.published(MailClassified) == []
        a_sent_mail(works.database)
        works.jobs().tie_again()
        works.run(works.actions())
        assert effects(works.database) == [("blacklisted", None)]
        assert statuses(works.database) == ["blacklisted"]

    def test_a_report_that_still_fits_nobody_is_not_tried_for_ever(self, works: Works) -> None:
        works.serve(a_classified_mail(works.database, a_mailbox(works.database)))
        a_sent_mail(works.database, OTHER)
        works.jobs().tie_again()
        works.run(works.actions())
        assert effects(works.database) == [("unmatched", "recipient_mismatch")]
        works.jobs().tie_again()
        assert works.published(MailClassified) == []


class TestTheMail:
    def test_the_disposal_is_decided_and_makes_the_mailbox_due_early(self, works: Works) -> None:
        mailbox_id = a_bounce_server(works.database, disposal=Disposal.MOVE, move_to="Bounces")
        do(works.database, "update mailboxes set next_poll_at = now() + interval '10 minutes'")
        works.serve(a_classified_mail(works.database, mailbox_id))
        assert rows(works.database, "select disposal, move_to, disposal_due from fetched_mail") == [
            ("move", "Bounces", True)
        ]
        assert value(works.database, "select next_poll_at <= now() from mailboxes")

    def test_a_mail_that_is_left_alone_does_not_make_the_mailbox_due(self, works: Works) -> None:
        mailbox_id = a_mailbox(works.database)
        do(works.database, "update mailboxes set next_poll_at = now() + interval '10 minutes'")
        works.serve(a_classified_mail(works.database, mailbox_id, a_human_finding()))
        assert not value(works.database, "select next_poll_at <= now() from mailboxes")

    def test_a_message_that_does_not_fit_its_schema_is_a_dead_letter_at_once(self, works: Works) -> None:
        works.send_malformed(MailClassified, {"mail_id": "seven"})
        works.run(works.actions())
        assert works.dead(MailClassified) == 1
        assert "body.mail_id" in value(works.database, "select reason from dead_letters")

    def test_a_mail_of_another_stage_is_none_of_its_business(self, works: Works) -> None:
        works.serve(4711)
        assert effects(works.database) == []


@pytest.mark.parametrize("source", list(ReferenceSource))
def test_each_source_of_an_id_ties_and_is_named_in_the_log(works: Works, source: ReferenceSource) -> None:
    a_sent_mail(works.database, reference="mail-1@news.example.com")
    finding = a_finding(references=(a_reference(source=source),))
    works.serve(a_classified_mail(works.database, a_mailbox(works.database), finding))
    assert value(works.database, "select matched_by from bounce_log") == source
