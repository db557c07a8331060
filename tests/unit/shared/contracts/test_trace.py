"""One story is one trace, whoever looks at it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

from shared.contracts.commands import PollMailbox
from shared.contracts.envelope import wrap
from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.contracts.trace import traceparent

STORY = UUID("6b1f2f7e-2a51-4c43-8f7e-5f4f0a6d7c22")
WHEN = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_traceparent_has_the_form_of_the_recommendation_and_no_id_of_zeros() -> None:
    for _ in range(100):
        found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", traceparent(uuid4(), uuid4()))
        assert found is not None
        assert int(found[1], 16)
        assert int(found[2], 16)


def test_every_message_of_a_story_is_in_its_trace_under_a_span_of_its_own() -> None:
    first, second = (traceparent(STORY, mail_message_id(kind, 7, 0)) for kind in ("mail.fetched", "mail.classified"))
    assert first.split("-")[1] == second.split("-")[1] == STORY.hex
    assert first.split("-")[2] != second.split("-")[2]


def test_a_message_that_is_published_again_names_the_same_span() -> None:
    again = mail_message_id(MailFetched.type, 7, 0)
    one, other = (
        wrap(MailFetched(mail_id=7), message_id=again, occurred_at=WHEN, correlation_id=STORY) for _ in range(2)
    )
    assert one.traceparent == other.traceparent == traceparent(STORY, again)


def test_a_command_begins_a_trace() -> None:
    made = wrap(PollMailbox(mailbox_id=1), message_id=STORY, occurred_at=WHEN, correlation_id=STORY)
    assert made.traceparent == f"00-{STORY.hex}-{STORY.hex[:16]}-01"
