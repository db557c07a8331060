"""Composed mail read back with the standard library: structure, fields and what ties a report to its original."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import parsedate_to_datetime

import pytest

from services.simulator.core.composing import FAILURES, KINDS, SHAPES, OriginalMail, compose

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
ORIGINAL = OriginalMail(
    message_id="<campaign-7@news.example.com>",
    reference="7f3a.1",
    sender="bounces@news.example.com",
    recipient="robin@people.example",
)


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def blocks(message: Message) -> list[Message]:
    """The groups of fields in the delivery-status part: the message's, then one per recipient."""
    (part,) = [one for one in message.walk() if one.get_content_type() == "message/delivery-status"]
    payload = part.get_payload()
    assert isinstance(payload, list)
    return [one for one in payload if isinstance(one, Message) and one.items()]


def returned(message: Message) -> Message:
    (part,) = [one for one in message.walk() if one.get_content_type() == "message/rfc822"]
    payload = part.get_payload()
    assert isinstance(payload, list)
    inner = payload[0]
    assert isinstance(inner, Message)
    return inner


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "broken_mime"])
def test_every_kind_is_well_formed_mail_to_the_sender(kind: str) -> None:
    message = read(compose(kind, ORIGINAL, at=AT, token="a1b2c3d4e5f60718"))
    assert [part for part in message.walk() if part.defects] == []
    assert message["To"].addresses[0].addr_spec == ORIGINAL.sender
    assert parsedate_to_datetime(message["Date"]) == AT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_lines_end_in_crlf_and_stay_under_the_limit(kind: str, shape: str) -> None:
    raw = compose(kind, ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape=shape)
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1


@pytest.mark.parametrize("shape", ["exchange", "gmail", "postfix"])
@pytest.mark.parametrize("kind", list(FAILURES))
def test_a_report_names_recipient_action_and_status(kind: str, shape: str) -> None:
    message = read(compose(kind, ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape=shape))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    first, recipient = blocks(message)
    assert first["Reporting-MTA"]
    assert str(recipient["Final-Recipient"]).replace(" ", "") == f"rfc822;{ORIGINAL.recipient}"
    assert recipient["Action"] == FAILURES[kind].action
    assert recipient["Status"] == FAILURES[kind].status
    assert str(recipient["Diagnostic-Code"]).startswith("smtp;")


@pytest.mark.parametrize("shape", ["exchange", "gmail", "postfix"])
def test_a_report_returns_the_originals_ids(shape: str) -> None:
    original = returned(read(compose("hard", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape=shape)))
    assert original["Message-ID"] == ORIGINAL.message_id
    assert original["X-ApiConnect-Reference"] == ORIGINAL.reference


@pytest.mark.parametrize("shape", ["exchange", "gmail", "postfix"])
def test_a_subject_in_any_language_comes_back_whole(shape: str) -> None:
    original = replace(ORIGINAL, subject="Grüße aus Tallinn: õäöü")
    message = read(compose("hard", original, at=AT, token="a1b2c3d4e5f60718", shape=shape))
    assert returned(message)["Subject"] == original.subject
    assert str(message["Subject"]).isprintable()


def test_exchange_marks_its_report_with_an_empty_field() -> None:
    message = read(compose("hard", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape="exchange"))
    assert message["X-MS-Exchange-Message-Is-Ndr"] == ""
    assert message["In-Reply-To"] == message["References"] == ORIGINAL.message_id
    assert message["From"].addresses[0].addr_spec.startswith("MicrosoftExchange")


def test_gmail_names_the_failed_recipient_but_not_while_it_still_tries() -> None:
    failed = read(compose("hard", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape="gmail"))
    delayed = read(compose("delay", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape="gmail"))
    assert failed["X-Failed-Recipients"] == ORIGINAL.recipient
    assert "X-Failed-Recipients" not in delayed
    assert blocks(failed)[0]["X-Original-Message-ID"] == ORIGINAL.message_id
    assert blocks(delayed)[1]["Will-Retry-Until"]


def test_a_legacy_gmail_report_has_no_parts() -> None:
    message = read(compose("hard", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", shape="gmail_legacy"))
    assert message.get_content_type() == "text/plain"
    assert message["X-Failed-Recipients"] == ORIGINAL.recipient
    assert ORIGINAL.message_id in message.get_content()


def test_a_report_about_several_recipients_has_a_block_for_each() -> None:
    others = ("b@people.example", "c@people.example", "d@people.example")
    message = read(compose("multi_recipient", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", others=others))
    found = [(str(one["Final-Recipient"]).partition("; ")[2], one["Action"]) for one in blocks(message)[1:]]
    assert found == [
        ("robin@people.example", "failed"), ("b@people.example", "failed"), ("c@people.example", "failed"),
        ("d@people.example", "delivered"),
    ]  # fmt: skip


def _feedback(message: Message) -> str:
    (part,) = [one for one in message.walk() if one.get_content_type() == "message/feedback-report"]
    return str(part)


def test_a_complaint_is_a_feedback_report() -> None:
    message = read(compose("complaint", ORIGINAL, at=AT, token="a1b2c3d4e5f60718"))
    assert message.get_param("report-type") == "feedback-report"
    for needed in ("Feedback-Type: abuse", "User-Agent: ", "Version: 1", f"Original-Rcpt-To: <{ORIGINAL.recipient}>"):
        assert needed in _feedback(message)
    assert ORIGINAL.recipient in returned(message)["To"]


def test_a_redacted_complaint_hides_the_recipient_and_keeps_the_ids() -> None:
    raw = compose("redacted_complaint", ORIGINAL, at=AT, token="a1b2c3d4e5f60718")
    assert ORIGINAL.recipient.encode() not in raw
    assert returned(read(raw))["X-ApiConnect-Reference"] == ORIGINAL.reference


def test_an_absence_note_says_that_no_one_wrote_it() -> None:
    message = read(compose("auto_reply", ORIGINAL, at=AT, token="a1b2c3d4e5f60718"))
    assert message["Auto-Submitted"] == "auto-replied"
    assert message.get_content_type() == "text/plain"


def test_a_persons_mail_has_no_mark_of_a_report() -> None:
    for kind in ("human", "forwarded_report"):
        message = read(compose(kind, ORIGINAL, at=AT, token="a1b2c3d4e5f60718"))
        assert message.get_content_type() == "text/plain"
        assert "Auto-Submitted" not in message


def test_a_forged_report_knows_nothing_that_was_sent() -> None:
    raw = compose("forged_report", ORIGINAL, at=AT, token="a1b2c3d4e5f60718", others=("victim@people.example",))
    assert b"victim@people.example" in raw
    assert ORIGINAL.message_id.encode() not in raw
    assert ORIGINAL.reference.encode() not in raw


def test_a_report_about_a_real_mail_returns_its_own_header() -> None:
    raw = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <x@y.example>\nX-ApiConnect-Reference: r-1\nX-Other: 1\n\nHi\n"
    original = OriginalMail.from_raw(raw, "a@y.example", "b@z.example")
    inner = returned(read(compose("hard", original, at=AT, token="a1b2c3d4e5f60718")))
    assert (inner["X-Other"], inner["X-ApiConnect-Reference"], inner["Message-ID"]) == ("1", "r-1", "<x@y.example>")


def test_broken_mime_is_really_broken() -> None:
    message = read(compose("broken_mime", ORIGINAL, at=AT, token="a1b2c3d4e5f60718"))
    assert message.defects
