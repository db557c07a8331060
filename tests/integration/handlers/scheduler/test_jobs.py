"""What the scheduler publishes, again and for the first time, and what it drops."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from services.scheduler.core.due import JOBS, Job
from services.scheduler.handler import Jobs
from shared.contracts.commands import PollMailbox
from shared.contracts.events import MailClassified, MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.mailboxes import MailId
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from tests.builders import a_classified_mail, a_fetched_mail, a_mailbox, a_served_mail
from tests.integration.handlers.works import Works, now
from tests.integration.shared.storage.looking import column, do, value
from tests.waiting import at_once


def late(works: Works) -> None:
    """Every mail has stood still for two minutes."""
    do(works.database, "update fetched_mail set stage_at = now() - interval '2 minutes'")


class TestPolls:
    def test_each_mailbox_that_is_due_is_asked_for_once(self, works: Works) -> None:
        mailboxes = [a_mailbox(works.database, f"b{n}@news.example.com") for n in range(3)]
        for _ in range(2):
            works.jobs().poll_due_mailboxes()
        assert sorted(one.body["mailbox_id"] for one in works.published(PollMailbox)) == mailboxes

    def test_several_schedulers_share_the_work(self, works: Works) -> None:
        mailboxes = [a_mailbox(works.database, f"b{n}@news.example.com") for n in range(20)]
        at_once(4, lambda _: works.jobs(polls_per_tick=3).poll_due_mailboxes())
        works.jobs().poll_due_mailboxes()
        assert sorted(one.body["mailbox_id"] for one in works.published(PollMailbox)) == mailboxes


class TestTheSweep:
    def a_mail_in_each_stage(self, works: Works) -> tuple[MailId, MailId]:
        mailbox_id = a_mailbox(works.database)
        a_served_mail(works.database, mailbox_id, "served")
        fetched = a_fetched_mail(works.database, mailbox_id, provider_mail_id="fetched")
        return fetched, a_classified_mail(works.database, mailbox_id, provider_mail_id="classified")

    def test_after_the_broker_was_wiped_every_mail_on_its_way_is_announced_under_the_id_it_had(
        self, works: Works
    ) -> None:
        fetched, classified = self.a_mail_in_each_stage(works)
        late(works)
        works.jobs().sweep_stages()
        assert [one.message_id for one in works.published(MailFetched)] == [mail_message_id("mail.fetched", fetched, 0)]
        assert [one.message_id for one in works.published(MailClassified)] == [
            mail_message_id("mail.classified", classified, 0)
        ]

    def test_a_mail_that_is_on_time_is_left_alone(self, works: Works) -> None:
        self.a_mail_in_each_stage(works)
        works.jobs().sweep_stages()
        assert works.published(MailFetched) == []

    def test_a_queue_that_is_merely_long_is_not_made_longer(self, works: Works) -> None:
        mailbox_id = a_mailbox(works.database)
        for n in range(5):
            works.send(MailFetched(mail_id=a_fetched_mail(works.database, mailbox_id, provider_mail_id=f"m{n}")))
        late(works)
        works.jobs().sweep_stages()
        assert len(works.published(MailFetched)) == 5

    def test_while_the_broker_is_down_the_job_waits_for_its_next_turn(self, works: Works) -> None:
        self.a_mail_in_each_stage(works)
        late(works)
        works.broker.set_down(True)
        works.jobs().run("sweep_stages")
        works.broker.set_down(False)
        works.jobs().run("sweep_stages")
        assert len(works.published(MailFetched)) == 1


class TestTheOutbox:
    def test_what_could_not_be_published_is_published_later(self, works: Works) -> None:
        mailbox_id = a_mailbox(works.database)
        works.broker.set_down(True)
        works.jobs().poll_due_mailboxes()
        works.broker.set_down(False)
        assert value(works.database, "select count(*) from outbox") == 1
        do(works.database, "update outbox set added_at = now() - interval '1 minute'")
        works.jobs().relay_outbox()
        assert [one.body["mailbox_id"] for one in works.published(PollMailbox)] == [mailbox_id]
        assert value(works.database, "select count(*) from outbox") == 0


class TestKeeping:
    def test_the_partitions_of_the_coming_days_are_made_ahead(self, works: Works) -> None:
        for _ in range(2):
            works.jobs().keep_partitions()
        made = "select inhrelid::regclass::text from pg_inherits where inhparent = 'raw_mail'::regclass order by 1"
        wanted = [f"raw_mail_{now().date() + timedelta(days=n):%Y%m%d}" for n in range(3)]
        assert column(works.database, made) == wanted

    def test_raw_mail_is_kept_for_its_time_and_the_ledger_for_longer(self, works: Works) -> None:
        mailbox_id = a_mailbox(works.database)
        a_served_mail(works.database, mailbox_id)
        do(works.database, "insert into inbox values ('actions', gen_random_uuid(), now() - interval '8 days')")
        works.jobs().retain()
        assert value(works.database, "select count(*) from raw_mail") == 1
        assert value(works.database, "select count(*) from inbox") == 0


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_runs_on_an_empty_installation(works: Works, job: Job) -> None:
    works.jobs().run(job.name)


def test_a_job_that_finds_no_database_waits_for_its_next_turn(works: Works) -> None:
    with Database("postgresql://nobody@127.0.0.1:1/none", patience_seconds=0.2) as absent:
        jobs = Jobs(UnitFactory(absent, works.broker.publisher()), works.broker, works.scheduler_settings(), uuid4)
        jobs.run("poll_due_mailboxes")


class TestExpiringSecrets:
    @pytest.mark.parametrize(
        ("days", "told"),
        [
            (40, []),
            (29, [("warning", "key.secret_expires", 29)]),
            (6, [("error", "key.secret_expires", 6)]),
            (-2, [("error", "key.secret_expired", -2)]),
        ],
    )
    def test_a_key_in_use_is_told_of_once_a_run_and_the_more_urgently_the_nearer_its_end(
        self, works: Works, days: int, told: list[tuple[str, str, int]]
    ) -> None:
        a_mailbox(works.database)
        do(works.database, "update api_keys set secret_expires_on = %s", now().date() + timedelta(days=days))
        with capture_logs() as logs:
            works.jobs().warn_of_expiring_secrets()
        assert [(line["log_level"], line["event"], line["days_left"]) for line in logs] == told
