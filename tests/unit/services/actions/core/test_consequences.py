"""What follows from a finding: the guide's table, and who is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.core.consequences import Effect, MailConsequence, Policy, consequences
from services.actions.core.tying import Tie, Untied
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.domain.mailboxes import KEEPING_ORDER, Disposal, Folder
from shared.domain.sent_mail import SentMail
from shared.domain.watchers import Watcher
from tests.builders import (
    NOW,
    READER,
    a_complaint_finding,
    a_finding,
    a_recipient,
    a_reference,
    a_sent,
    a_watcher,
)

OTHER = "other@example.net"
POLICY = Policy(timedelta(days=90), global_blacklist=False)


def follow(
    finding: MailFinding,
    *watchers: Watcher,
    sent: SentMail | None = None,
    folder: Folder = Folder.INBOX,
    policy: Policy = POLICY,
    received_at: object = NOW,
) -> MailConsequence:
    """What follows when the report's id names `sent` (by default a mail to the reader)."""
    answers = {reference: [sent or a_sent()] for reference in finding.references}
    return consequences(
        finding,
        watchers,
        answers,
        policy,
        folder=folder,
        received_at=received_at,  # type: ignore[arg-type]
        listed_at=NOW,
    )


@pytest.mark.parametrize(
    ("bounce_class", "effect"),
    [
        (BounceClass.HARD, Effect.BLACKLISTED),
        (BounceClass.SOFT, Effect.LOGGED),
        (BounceClass.INTERNAL, Effect.LOGGED),
        (BounceClass.FEEDBACK_LOOP, Effect.UNSUBSCRIBED),
    ],
)
def test_each_class_has_the_effect_that_the_guide_gives_it(bounce_class: BounceClass, effect: Effect) -> None:
    (row,) = follow(a_finding(a_recipient(READER, bounce_class)), a_watcher()).recipients
    assert row.effect is effect


def test_each_recipient_of_a_report_has_a_row_and_an_effect_of_its_own() -> None:
    finding = a_finding(a_recipient(READER), a_recipient(OTHER, BounceClass.SOFT), a_recipient("forged@example.org"))
    rows = follow(finding, a_watcher(), sent=a_sent(READER, OTHER)).recipients
    assert [row.effect for row in rows] == [Effect.BLACKLISTED, Effect.LOGGED, Effect.UNMATCHED]


def test_a_recipient_that_got_its_mail_has_no_row() -> None:
    finding = a_finding(a_recipient(READER), a_recipient(OTHER, BounceClass.NONE, action="delivered"))
    assert [row.finding.address for row in follow(finding, a_watcher()).recipients] == [READER]


def test_one_address_reported_twice_has_one_row_with_the_worst_that_was_said() -> None:
    soft, hard = a_recipient(READER, BounceClass.SOFT), a_recipient(READER, BounceClass.HARD)
    for finding in (a_finding(soft, hard), a_finding(hard, soft)):
        (row,) = follow(finding, a_watcher()).recipients
        assert row.effect is Effect.BLACKLISTED


def test_a_forged_report_is_logged_and_acts_on_nobody() -> None:
    result = follow(a_finding(a_recipient(OTHER)), a_watcher())
    assert [row.effect for row in result.recipients] == [Effect.UNMATCHED]
    assert result.disposal is Disposal.TRASH


@pytest.mark.parametrize("kind", [MailKind.HUMAN, MailKind.AUTO_REPLY, MailKind.OTHER_REPORT, MailKind.DSN])
def test_a_mail_that_reports_nothing_is_left_alone_and_not_kept(kind: MailKind) -> None:
    finding = MailFinding(BounceClass.NONE, kind, "rules-1", references=(a_reference(),))
    assert follow(finding, a_watcher()) == MailConsequence((), Disposal.LEAVE, None, keep_raw=False)


def test_an_unreadable_mail_is_left_alone_and_kept() -> None:
    finding = MailFinding(BounceClass.NONE, MailKind.UNREADABLE, "rules-1", note="took too long")
    assert follow(finding, a_watcher()) == MailConsequence((), Disposal.LEAVE, None, keep_raw=True)


def test_a_mailbox_that_nobody_watches_any_more_is_left_alone() -> None:
    assert follow(a_finding()) == MailConsequence((), Disposal.LEAVE, None, keep_raw=False)


@pytest.mark.parametrize(("later", "seen"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_mail_from_before_a_watcher_began_is_not_its_business(later: timedelta, seen: bool) -> None:
    result = follow(a_finding(), a_watcher(only_mail_from=NOW + later))
    assert bool(result.recipients) is seen
    assert (result.disposal is Disposal.TRASH) is seen


def test_mail_without_a_time_is_new() -> None:
    assert follow(a_finding(), a_watcher(only_mail_from=NOW), received_at=None).recipients


@pytest.mark.parametrize(("folder", "read_junk", "seen"), [
    (Folder.INBOX, False, True), (Folder.JUNK, True, True), (Folder.JUNK, False, False),
])  # fmt: skip
def test_mail_in_the_junk_folder_is_the_business_of_those_who_read_it(
    folder: Folder, read_junk: bool, seen: bool
) -> None:
    assert bool(follow(a_finding(), a_watcher(read_junk=read_junk), folder=folder).recipients) is seen


def test_a_dry_run_logs_what_would_follow_and_removes_nothing() -> None:
    result = follow(a_finding(), a_watcher(dry_run=True, disposal=Disposal.DELETE))
    assert [row.effect for row in result.recipients] == [Effect.DRY_RUN]
    assert isinstance(result.recipients[0].tie, Tie)
    assert result.disposal is Disposal.LEAVE


def test_a_dry_run_beside_a_watcher_that_works_keeps_the_mail_but_not_the_effect() -> None:
    result = follow(a_finding(), a_watcher(dry_run=True), a_watcher(bounce_server_id=2))
    assert [row.effect for row in result.recipients] == [Effect.BLACKLISTED]
    assert result.disposal is Disposal.LEAVE


def test_another_customers_working_watcher_does_not_end_a_dry_run() -> None:
    mine = a_watcher(customer_id=1, dry_run=True)
    result = follow(a_finding(), mine, a_watcher(bounce_server_id=2, customer_id=2), sent=a_sent(customer_id=1))
    assert [row.effect for row in result.recipients] == [Effect.DRY_RUN]


def test_a_customers_watcher_acts_on_its_own_mail_only() -> None:
    (row,) = follow(a_finding(), a_watcher(customer_id=1), sent=a_sent(customer_id=2)).recipients
    assert (row.effect, row.tie) == (Effect.UNMATCHED, Untied("not_watched"))


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        (Disposal.DELETE, Disposal.TRASH, Disposal.TRASH),
        (Disposal.TRASH, Disposal.MOVE, Disposal.MOVE),
        (Disposal.MARK_READ, Disposal.MOVE, Disposal.MARK_READ),
        (Disposal.LEAVE, Disposal.MARK_READ, Disposal.LEAVE),
        (Disposal.TRASH, Disposal.TRASH, Disposal.TRASH),
    ],
)
def test_when_watchers_differ_the_one_that_keeps_most_wins(first: Disposal, second: Disposal, chosen: Disposal) -> None:
    for one, two in ((first, second), (second, first)):
        watchers = a_watcher(disposal=one), a_watcher(bounce_server_id=2, disposal=two)
        result = follow(a_finding(), *watchers)
        assert result.disposal is chosen
        assert result.move_to == ("Done" if chosen is Disposal.MOVE else None)


def test_a_move_goes_to_the_folder_of_the_watcher_that_moves() -> None:
    watchers = a_watcher(disposal=Disposal.TRASH), a_watcher(bounce_server_id=2, disposal=Disposal.MOVE, move_to="Old")
    assert follow(a_finding(), *watchers).move_to == "Old"


@pytest.mark.parametrize(
    ("policy", "server", "dry_run", "everywhere"),
    [(False, False, False, False), (True, False, False, True), (False, True, False, True), (False, True, True, False)],
)
def test_a_blacklisting_is_global_by_the_setting_or_by_a_backend_server_that_works(
    policy: bool, server: bool, dry_run: bool, everywhere: bool
) -> None:
    watchers = a_watcher(global_blacklist=server, dry_run=dry_run), a_watcher(bounce_server_id=2)
    (row,) = follow(a_finding(), *watchers, policy=Policy(timedelta(days=90), policy)).recipients
    assert row.everywhere is everywhere


def test_a_redacted_complaint_unsubscribes_the_one_recipient_of_its_mail() -> None:
    (row,) = follow(a_complaint_finding(""), a_watcher()).recipients
    assert row.effect is Effect.UNSUBSCRIBED
    assert isinstance(row.tie, Tie)
    assert row.tie.recipient.address == READER


watchers_of_any_kind = st.lists(
    st.builds(
        a_watcher,
        customer_id=st.sampled_from([None, 1, 2]),
        disposal=st.sampled_from(list(Disposal)),
        dry_run=st.booleans(),
        read_junk=st.booleans(),
        only_mail_from=st.sampled_from([None, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
    ),
    max_size=4,
)


@given(
    watchers=watchers_of_any_kind,
    reported=st.sampled_from(["", READER, OTHER]),
    bounce_class=st.sampled_from(list(BounceClass)),
    sent_to=st.lists(st.sampled_from([READER, OTHER]), min_size=1, unique=True),
    customer_id=st.sampled_from([1, 2, 3]),
    folder=st.sampled_from(list(Folder)),
)
def test_nothing_acts_without_a_tie_and_without_a_watcher_that_serves_its_customer(
    watchers: list[Watcher],
    reported: str,
    bounce_class: BounceClass,
    sent_to: list[str],
    customer_id: int,
    folder: Folder,
) -> None:
    finding = a_finding(a_recipient(reported, bounce_class), bounce_class=bounce_class)
    result = follow(finding, *watchers, sent=a_sent(*sent_to, customer_id=customer_id), folder=folder)
    for row in result.recipients:
        if row.effect in (Effect.BLACKLISTED, Effect.UNSUBSCRIBED):
            assert isinstance(row.tie, Tie)
            assert any(w.serves(customer_id) and not w.dry_run and w.sees(NOW) for w in watchers)


@given(watchers=watchers_of_any_kind, folder=st.sampled_from(list(Folder)))
def test_a_mail_is_never_kept_less_than_any_watcher_of_it_chose(watchers: list[Watcher], folder: Folder) -> None:
    result = follow(a_finding(), *watchers, folder=folder)
    seeing = [w for w in watchers if w.sees(NOW) and (folder is Folder.INBOX or w.read_junk)]
    assert all(KEEPING_ORDER.index(result.disposal) <= KEEPING_ORDER.index(w.disposal) for w in seeing)
    assert (result.disposal is Disposal.LEAVE) or seeing
    if any(w.dry_run for w in seeing):
        assert result.disposal is Disposal.LEAVE
