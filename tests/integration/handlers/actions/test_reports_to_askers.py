"""Who asked for a mail through an integration learns that it bounced, or that somebody complained about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.bounces import MailFinding
from tests.builders import (
    MESSAGE_ID,
    READER,
    a_bounce_server,
    a_classified_mail,
    a_complaint_finding,
    a_finding,
    a_mailbox,
    a_sent_mail,
    a_subscriber,
)
from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import do
from tests.sending import a_delivery_server
from tests.stored_sends import Stored, a_send


def _asked(works: Works) -> Stored:
    """A mail that the integration `shop` asked for, and that was sent."""
    works.broker.know(["shop"])
    a_subscriber(works.database)
    sent = a_sent_mail(works.database, reference=MESSAGE_ID)
    send = a_send(works.database, a_delivery_server(works.database), to=READER, client_correlation_id="theirs")
    do(works.database, "update sends set state = 'sent', sent_mail_id = %s where id = %s", sent, send.send_id)
    return send


def _told(works: Works) -> list[dict[str, Any]]:
    subscription = works.broker.subscribe("results.shop", 100, "tests")
    found = subscription.receive(100, 0.0)
    subscription.close()
    return [{**json.loads(one.payload), "correlation": one.correlation_id} for one in found]


@pytest.mark.parametrize(
    ("finding", "state", "bounce_class"),
    [(a_finding(), "bounced", "hard"), (a_complaint_finding(), "complained", "feedback_loop")],
)
def test_a_report_about_a_mail_that_was_asked_for_is_told_to_who_asked(
    works: Works, finding: MailFinding, state: str, bounce_class: str
) -> None:
    send = _asked(works)
    works.serve(a_classified_mail(works.database, a_mailbox(works.database), finding))
    (told,) = _told(works)
    assert (told["state"], told["bounce_class"], told["recipient"]) == (state, bounce_class, READER)
    assert (told["idempotency_key"], told["send_id"], told["correlation"]) == (send.key, str(send.uid), "theirs")


def test_a_report_that_comes_again_is_told_once(works: Works) -> None:
    _asked(works)
    mail = a_classified_mail(works.database, a_mailbox(works.database))
    works.serve(mail)
    do(works.database, "update fetched_mail set stage = 'classified'")
    works.serve(mail)
    assert len(_told(works)) == 1


def test_in_a_dry_run_nothing_is_told(works: Works) -> None:
    _asked(works)
    works.serve(a_classified_mail(works.database, a_bounce_server(works.database, dry_run=True)))
    assert _told(works) == []


def test_a_report_about_a_mail_of_another_origin_is_told_to_nobody(works: Works) -> None:
    _asked(works)
    do(works.database, "update sends set sent_mail_id = null")
    works.serve(a_classified_mail(works.database, a_mailbox(works.database)))
    assert _told(works) == []
