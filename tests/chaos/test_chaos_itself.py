"""The plan of a run, and that its looks at the end see what they are there for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.correspondence_checks import left_wrongly
from tests.chaos.planned import plan_replies, plan_sends, sending_boxes
from tests.chaos.scenario import SERVICES, full
from tests.chaos.verdict import removed_wrongly

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAIL = ("bounces@news.example.com", "id-1")


def removal(at: datetime) -> dict[str, Any]:
    """A line of the simulator's log."""
    return {"mailbox": MAIL[0], "lasting_id": MAIL[1], "at": at.isoformat(timespec="microseconds")}


def test_the_same_seed_plans_the_same_run() -> None:
    assert full(7, 5_000).schedule() == full(7, 5_000).schedule()
    assert full(7, 5_000).schedule() != full(8, 5_000).schedule()


def test_every_service_is_killed_as_often_as_the_others_and_within_the_window() -> None:
    scenario = full(7, 5_000)
    kills, faults, _ = scenario.schedule()
    assert Counter(kill.name.rpartition("-")[0] for kill in kills) == dict.fromkeys(SERVICES, 6)
    moments = [kill.at for kill in kills] + [fault.at for fault in faults]
    assert 0 < min(moments) < max(moments) <= scenario.window


def test_every_mail_is_planted_once_before_the_faults_end() -> None:
    scenario = full(7, 5_003)
    _, _, portions = scenario.schedule()
    assert [n for one in portions for n in range(one.first, one.to)] == list(range(5_003))
    assert max(one.at for one in portions) < scenario.window


def test_a_mail_removed_a_microsecond_before_its_commit_is_seen() -> None:
    committed = {MAIL: AT}
    early, others = removed_wrongly([removal(AT - timedelta(microseconds=1))], committed, {MAIL})
    assert (len(early), others) == (1, [])
    assert removed_wrongly([removal(AT)], committed, {MAIL}) == ([], [])


def test_a_mail_removed_without_any_row_is_seen() -> None:
    early, _ = removed_wrongly([removal(AT)], {}, {MAIL})
    assert len(early) == 1


def test_a_removed_mail_that_is_no_report_is_seen() -> None:
    _, others = removed_wrongly([removal(AT)], {MAIL: AT}, set())
    assert len(others) == 1


def test_a_send_that_left_twice_or_never_or_that_should_not_have_left_is_seen() -> None:
    assert left_wrongly(["a", "b", "b", "a, another"], ["a", "b", "c"]) == (["c"], ["b"], ["a, another"])


def test_sends_go_through_every_server_and_some_bounce_come_twice_or_have_a_rival() -> None:
    sends = plan_sends(7, 60, 120)
    assert sends == plan_sends(7, 60, 120)
    assert {one.server for one in sends} == {box.server for box in sending_boxes()}
    assert (sum(one.bounces for one in sends), sum(one.conflicts for one in sends)) == (10, 6)
    again = [(one.at, one.twice_at) for one in sends if one.twice_at is not None]
    assert len(again) == 6
    assert all(first <= second <= 120 for first, second in again)


def test_both_monitors_get_every_sort_of_reply_before_the_faults_end() -> None:
    replies = plan_replies(7, 24, 120)
    sorts = Counter((one.box.monitor, one.text) for one in replies)
    assert set(sorts.values()) == {2}
    assert len(sorts) == 12
    assert 0 <= min(one.at for one in replies) <= max(one.at for one in replies) < 120
