"""From stored mail to stored finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.classifier.handler.mail_fetched import MailFetchedHandler
from services.classifier.handler.watched import WatchedClassifier
from shared.contracts.events import MailClassified, MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.mailboxes import MailboxId, Stage
from shared.messaging.runner import BatchRunner
from shared.storage import fetched_mail, raw_mail, serving
from shared.storage.serving import ClassifiedMail
from tests.builders import (
    MESSAGE_ID,
    READER,
    SEALER,
    a_complaint,
    a_dsn,
    a_fetched_mail,
    a_human_mail,
    a_mailbox,
    a_served_mail,
)
from tests.integration.handlers.works import Works, now
from tests.integration.shared.messaging.running import running
from tests.integration.shared.storage.looking import do, rows, value
from tests.waiting import until


@pytest.fixture(scope="module")
def children() -> Iterator[WatchedClassifier]:
    """One child process for all tests of this file: starting one takes longer than a test."""
    with WatchedClassifier(1, 5.0) as classifier:
        yield classifier


@pytest.fixture
def classify(works: Works, children: WatchedClassifier) -> Callable[..., None]:
    """Sends `mail.fetched` of some mails, and lets the classifier handle it."""

    def run(*mail_ids: int, message_id: UUID | None = None) -> None:
        handler = MailFetchedHandler(works.database, SEALER, children, "rules-of-the-test")
        for mail_id in mail_ids:
            works.send(MailFetched(mail_id=mail_id), message_id)
        with running(BatchRunner(works.broker, works.units, handler)):
            assert until(lambda: works.idle(MailFetched))

    return run


@pytest.fixture
def mailbox_id(works: Works) -> MailboxId:
    """A mailbox of the operator."""
    return a_mailbox(works.database)


def classified(works: Works, mail_id: int) -> ClassifiedMail:
    """The mail as the next service reads it."""
    with works.database.transaction() as connection:
        (mail,) = serving.classified(connection, [mail_id])
    return mail


def test_a_report_becomes_a_finding_with_its_evidence_and_is_announced(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId
) -> None:
    mail_id = a_fetched_mail(works.database, mailbox_id, a_dsn())
    classify(mail_id)
    finding = classified(works, mail_id).finding
    assert (finding.bounce_class, finding.tier, finding.message_id) == ("hard", 2, "report-1@mx.example.net")
    assert [(one.address, one.status) for one in finding.recipients] == [(READER, "5.1.1")]
    assert MESSAGE_ID in [reference.value for reference in finding.references]
    (told,) = works.published(MailClassified)
    assert told.message_id == mail_message_id("mail.classified", mail_id, 0)
    assert told.causation_id == mail_message_id("mail.fetched", mail_id, 0)
    assert told.correlation_id == value(works.database, "select correlation_id from fetched_mail")


@pytest.mark.parametrize(
    ("raw", "kind", "bounce_class"),
    [
        (a_dsn(), "dsn", "hard"),
        (a_dsn(status="5.2.2", text="552 5.2.2 mailbox full"), "dsn", "soft"),
        (a_dsn(status="5.7.1", text="550 5.7.1 blocked by policy"), "dsn", "internal"),
        (a_complaint(), "complaint", "feedback_loop"),
        (a_complaint(redacted=True), "complaint", "feedback_loop"),
        (a_human_mail(), "human", "none"),
        (b"\x00\xff\x00", None, "none"),
    ],
)
def test_each_sort_of_mail_is_told_apart(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId, raw: bytes, kind: str | None, bounce_class: str
) -> None:
    mail_id = a_fetched_mail(works.database, mailbox_id, raw)
    classify(mail_id)
    finding = classified(works, mail_id).finding
    assert finding.bounce_class == bounce_class
    assert kind in (None, finding.kind)


def test_a_redacted_complaint_names_nobody(works: Works, classify: Callable[..., None], mailbox_id: MailboxId) -> None:
    mail_id = a_fetched_mail(works.database, mailbox_id, a_complaint(redacted=True, reference="ref-1"))
    classify(mail_id)
    finding = classified(works, mail_id).finding
    assert [one.address for one in finding.recipients] == [""]
    assert finding.references[0].value == "ref-1"


def test_a_second_delivery_changes_nothing_and_announces_nothing(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId
) -> None:
    mail_id = a_fetched_mail(works.database, mailbox_id, a_dsn())
    classify(mail_id, mail_id)
    classify(mail_id)
    classify(mail_id, message_id=uuid4())
    assert len(works.published(MailClassified)) == 1


def test_a_mail_that_is_past_this_stage_is_left_as_it_is(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId
) -> None:
    classify(a_served_mail(works.database, mailbox_id), 4711)
    assert value(works.database, "select stage from fetched_mail") == "served"
    assert works.published(MailClassified) == []


def test_a_mail_whose_seal_does_not_open_is_unreadable_and_the_others_are_read(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId
) -> None:
    broken = a_fetched_mail(works.database, mailbox_id, a_dsn(), "broken")
    well = a_fetched_mail(works.database, mailbox_id, a_dsn(), "well")
    do(works.database, "update raw_mail set sealed = %s where mail_id = %s", b"\x03oldx", broken)
    classify(broken, well)
    assert rows(works.database, "select kind, bounce_class from fetched_mail order by id") == [
        ("unreadable", "none"),
        ("dsn", "hard"),
    ]
    assert "APICONNECT_SEALING_KEYS" in classified(works, broken).finding.note


def test_a_mail_whose_raw_copy_is_gone_is_unreadable_and_says_so(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId
) -> None:
    mail_id = a_fetched_mail(works.database, mailbox_id, a_dsn())
    with works.database.transaction() as connection:
        raw_mail.drop_before(connection, now().date() + timedelta(days=2))
    classify(mail_id)
    assert "retention" in classified(works, mail_id).finding.note


def test_new_rules_may_read_a_served_mail_again(
    works: Works, classify: Callable[..., None], mailbox_id: MailboxId
) -> None:
    mail_id = a_served_mail(works.database, mailbox_id)
    with works.database.transaction() as connection:
        (waiting,) = fetched_mail.reopen(connection, [mail_id], Stage.FETCHED)
    classify(mail_id, message_id=mail_message_id("mail.fetched", mail_id, waiting.generation))
    assert value(works.database, "select stage from fetched_mail") == "classified"
    assert works.published(MailClassified)[0].message_id == mail_message_id("mail.classified", mail_id, 1)
