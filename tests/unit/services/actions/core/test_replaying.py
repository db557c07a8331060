"""Today's rules beside the log: which rows change, and what each would lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.actions.core.consequences import Effect, Policy
from services.actions.core.replaying import LoggedRow, RowChange, Skipped, counted, replayed
from shared.domain.bounces import BounceClass, MailFinding, MailKind
from shared.domain.mailboxes import Folder
from shared.domain.watchers import Watcher
from tests.builders import NOW, READER, a_finding, a_human_finding, a_recipient, a_reference, a_sent, a_watcher

POLICY = Policy(timedelta(days=90), global_blacklist=False)
HARD, SOFT = BounceClass.HARD, BounceClass.SOFT


def a_row(effect: Effect = Effect.BLACKLISTED, bounce_class: BounceClass = HARD, **changed: Any) -> LoggedRow:
    """The reader's row, as `a_finding()` made it."""
    given = {"rule": "dsn.user-unknown", "reason": "userunknown", "customer_id": 1} | changed
    return LoggedRow(1, READER, bounce_class, effect=effect, **given)


def outcome(finding: MailFinding, *logged: LoggedRow, watchers: tuple[Watcher, ...] | None = None) -> Any:
    """What a replay comes to, for a mail about one that we sent to the reader."""
    return replayed(
        finding, logged, (a_watcher(),) if watchers is None else watchers, {a_reference(): [a_sent()]}, POLICY,
        folder=Folder.INBOX, received_at=NOW, listed_at=NOW,
    )  # fmt: skip


def change(finding: MailFinding, row: LoggedRow, **given: Any) -> RowChange:
    """The one row that changes."""
    (found,) = outcome(finding, row, **given)
    assert isinstance(found, RowChange)
    return found


def test_the_same_class_rule_and_reason_change_nothing() -> None:
    assert outcome(a_finding(), a_row()) == []


@pytest.mark.parametrize(
    ("before", "was", "now", "effect"),
    [
        (Effect.BLACKLISTED, HARD, SOFT, Effect.LOGGED),
        (Effect.LOGGED, SOFT, HARD, Effect.BLACKLISTED),
        (Effect.HELD, HARD, SOFT, Effect.LOGGED),
        (Effect.LOGGED, SOFT, BounceClass.FEEDBACK_LOOP, Effect.UNSUBSCRIBED),
        (Effect.DRY_RUN, SOFT, HARD, Effect.DRY_RUN),  # logged in a dry run: it stays without effect
    ],
)
def test_another_class_has_its_own_effect(before: Effect, was: BounceClass, now: BounceClass, effect: Effect) -> None:
    assert change(a_finding(a_recipient(READER, now)), a_row(before, was)).effect is effect


@pytest.mark.parametrize("effect", [Effect.LOGGED, Effect.HELD, Effect.BLACKLISTED])
def test_another_rule_of_the_same_class_keeps_the_effect_that_a_person_gave_it(effect: Effect) -> None:
    assert change(a_finding(), a_row(effect, rule="dsn.older")).effect is effect


def test_a_mail_that_reports_nothing_any_more_leaves_a_row_without_effect() -> None:
    found = change(a_human_finding(), a_row())
    assert (found.finding, found.effect) == (None, Effect.LOGGED)
    assert outcome(a_human_finding(), a_row(Effect.LOGGED, BounceClass.NONE)) == []


def test_a_recipient_that_the_log_does_not_know_gets_a_row() -> None:
    other = a_recipient("other@example.net")
    found = outcome(a_finding(a_recipient(), other), a_row())
    assert [(one.row, one.finding, one.effect) for one in found] == [(None, other, Effect.UNMATCHED)]


def test_an_unmatched_row_has_what_its_tie_of_today_gives_it() -> None:
    row = a_row(Effect.UNMATCHED, SOFT, customer_id=None)
    found = change(a_finding(), row)
    assert found.effect is Effect.BLACKLISTED
    assert found.consequence is not None


def test_a_tied_row_keeps_its_tie_whatever_todays_report_names() -> None:
    found = change(a_finding(a_recipient(READER, SOFT), references=()), a_row())
    assert (found.consequence, found.effect) == (None, Effect.LOGGED)


def test_a_backend_servers_blacklisting_is_for_everybody() -> None:
    assert change(a_finding(), a_row(Effect.LOGGED, SOFT), watchers=(a_watcher(global_blacklist=True),)).everywhere
    assert not change(a_finding(), a_row(Effect.LOGGED, SOFT)).everywhere


def test_what_could_not_be_read_or_nobody_watches_says_nothing_about_the_bounce() -> None:
    unreadable = MailFinding(BounceClass.NONE, MailKind.UNREADABLE, "rules-2", note="took longer than 2 s")
    assert outcome(unreadable, a_row()) is Skipped.UNREADABLE
    assert outcome(a_human_finding(), a_row(), watchers=()) is Skipped.UNWATCHED
    assert counted({1: Skipped.UNREADABLE, 2: Skipped.UNREADABLE, 3: []}) == {"unreadable": 2}
