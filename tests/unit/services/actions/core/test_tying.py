"""Tying a report to a mail that we sent: what can't be tied acts on nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.core.tying import Tie, Untied, tie
from shared.domain.bounces import MailFinding, MailKind, RecipientFinding, ReferenceSource
from shared.domain.sent_mail import SentMail
from tests.builders import NOW, READER, a_complaint_finding, a_finding, a_recipient, a_reference, a_sent

OTHER = "other@example.net"
DAY = timedelta(days=1)


def tied(
    finding: MailFinding,
    *sent: SentMail,
    recipient: RecipientFinding | None = None,
    customers: frozenset[int] | None = None,
    reported_at: object = NOW,
) -> Tie | Untied:
    """The first reference names `sent`."""
    answers = {finding.references[0]: sent} if finding.references and sent else {}
    return tie(
        finding,
        recipient or finding.recipients[0],
        answers,
        customers=customers,
        reported_at=reported_at,  # type: ignore[arg-type]
        within=timedelta(days=90),
    )


@pytest.mark.parametrize("source", list(ReferenceSource))
def test_each_source_that_names_the_mail_ties_a_reported_recipient(source: ReferenceSource) -> None:
    found = tied(a_finding(references=(a_reference(source=source),)), a_sent())
    assert isinstance(found, Tie)
    assert (found.source, found.recipient.address) == (source, READER)


@pytest.mark.parametrize("first", list(ReferenceSource))
@pytest.mark.parametrize("second", list(ReferenceSource))
def test_of_two_ids_that_name_mails_the_first_in_the_report_wins(
    first: ReferenceSource, second: ReferenceSource
) -> None:
    one, two = a_reference("one@news.example.com", first), a_reference("two@news.example.com", second)
    finding = a_finding(references=(one, two))
    answers = {one: [a_sent(sent_mail_id=1)], two: [a_sent(sent_mail_id=2)]}
    found = tie(finding, finding.recipients[0], answers, customers=None, reported_at=NOW, within=DAY)
    assert isinstance(found, Tie)
    assert (found.sent_mail.sent_mail_id, found.source) == (1, first)


def test_an_id_that_fits_less_does_not_hide_a_later_one_that_fits() -> None:
    one, two = a_reference("one@news.example.com"), a_reference("two@news.example.com", ReferenceSource.REFERENCES)
    finding = a_finding(references=(one, two))
    answers = {one: [a_sent(OTHER, sent_mail_id=1)], two: [a_sent(sent_mail_id=2)]}
    found = tie(finding, finding.recipients[0], answers, customers=None, reported_at=NOW, within=DAY)
    assert isinstance(found, Tie)
    assert found.sent_mail.sent_mail_id == 2


def test_of_two_customers_mails_with_one_message_id_the_one_that_went_to_the_recipient_is_meant() -> None:
    theirs, ours = a_sent(OTHER, sent_mail_id=1, customer_id=1), a_sent(sent_mail_id=2, customer_id=2)
    found = tied(a_finding(), theirs, ours)
    assert isinstance(found, Tie)
    assert found.sent_mail.customer_id == 2


def test_a_forged_report_with_a_right_id_and_another_recipient_ties_nobody() -> None:
    assert tied(a_finding(a_recipient(OTHER)), a_sent()) == Untied("recipient_mismatch")


def test_a_recipient_that_was_forwarded_is_tied_by_the_address_it_was_sent_to() -> None:
    forwarded = a_finding(a_recipient("alias@example.org", final_address=READER))
    found = tied(forwarded, a_sent())
    assert isinstance(found, Tie)
    assert found.recipient.address == READER


def test_a_delivery_report_that_names_no_recipient_ties_nobody() -> None:
    assert tied(a_finding(a_recipient("")), a_sent()) == Untied("recipient_mismatch")


@pytest.mark.parametrize(
    ("source", "speaks"),
    [
        (ReferenceSource.REFERENCE_HEADER, True),
        (ReferenceSource.RETURNED_MESSAGE_ID, True),
        (ReferenceSource.X_ORIGINAL_MESSAGE_ID, False),
        (ReferenceSource.IN_REPLY_TO, False),
        (ReferenceSource.REFERENCES, False),
        (ReferenceSource.BODY_MESSAGE_ID, False),
    ],
)
def test_a_redacted_complaint_is_tied_only_by_an_id_out_of_the_returned_mail(
    source: ReferenceSource, speaks: bool
) -> None:
    assert isinstance(tied(a_complaint_finding("", source=source), a_sent()), Tie) is speaks


def test_a_redacted_complaint_about_a_mail_to_several_ties_nobody() -> None:
    assert tied(a_complaint_finding(""), a_sent(READER, OTHER)) == Untied("recipient_mismatch")


def test_a_report_without_any_id_ties_nobody() -> None:
    assert tied(a_finding(references=())) == Untied("no_reference")


def test_a_report_with_an_id_that_we_do_not_know_ties_nobody() -> None:
    assert tied(a_finding()) == Untied("unknown_reference")


def test_a_report_about_the_mail_of_a_customer_whom_nobody_here_serves_ties_nobody() -> None:
    assert tied(a_finding(), a_sent(customer_id=2), customers=frozenset({1})) == Untied("not_watched")
    assert isinstance(tied(a_finding(), a_sent(customer_id=2), customers=frozenset({1, 2})), Tie)


@pytest.mark.parametrize(
    ("sent_before", "fits"),
    [
        (timedelta(days=90), True),  # the last moment
        (timedelta(days=90, seconds=1), False),
        (timedelta(0), True),
        (-DAY, True),  # the other side's clock is a day slow
        (-DAY - timedelta(seconds=1), False),
    ],
)
def test_a_report_counts_for_ninety_days_and_a_day_of_wrong_clocks(sent_before: timedelta, fits: bool) -> None:
    found = tied(a_finding(), a_sent(sent_at=NOW - sent_before))
    assert isinstance(found, Tie) if fits else found == Untied("too_old")


@given(
    reported=st.sampled_from(["", READER, OTHER, "stranger@example.org"]),
    final=st.sampled_from([None, READER, OTHER]),
    sent_to=st.lists(st.sampled_from([READER, OTHER, "third@example.net"]), min_size=1, unique=True),
    source=st.sampled_from(list(ReferenceSource)),
    kind=st.sampled_from([MailKind.DSN, MailKind.COMPLAINT]),
    known=st.booleans(),
)
def test_nobody_is_ever_tied_whom_neither_the_report_nor_a_mail_to_one_recipient_names(
    reported: str, final: str | None, sent_to: list[str], source: ReferenceSource, kind: MailKind, known: bool
) -> None:
    recipient = a_recipient(reported, final_address=final)
    finding = a_finding(recipient, kind=kind, references=(a_reference(source=source),))
    found = tied(finding, *([a_sent(*sent_to)] if known else []))
    if isinstance(found, Tie):
        assert known
        assert found.recipient.address in sent_to
        named = found.recipient.address in (reported, final)
        assert named or (not reported and kind is MailKind.COMPLAINT and len(sent_to) == 1)
