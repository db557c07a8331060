"""Never one more than a limit allows, however many senders there are; and what does not fit waits, and does not fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do, value
from tests.stored_sends import a_send, row_of, some_sends, states
from tests.waiting import until


def _times(delivering: Delivering) -> list[datetime]:
    return sorted(datetime.fromisoformat(one["at"]) for one in delivering.control.sent())


def test_three_senders_together_send_exactly_an_hourly_quota(delivering: Delivering) -> None:
    server = delivering.server(hourly_quota=20)
    some_sends(delivering.database, server, [f"order-{n}" for n in range(50)])
    with delivering.senders(3, tell_after_seconds=0, sends_per_round=7, calls_per_commit=3):
        assert until(lambda: states(delivering.database) == {"sent": 20, "deferred": 30}, 20), states(
            delivering.database
        )
    assert sum(delivering.delivered().values()) == 20


def test_no_window_of_the_provider_sees_more_than_the_pause_allows_with_three_senders(delivering: Delivering) -> None:
    server = delivering.server(pause_seconds=0.4)
    some_sends(delivering.database, server, [f"order-{n}" for n in range(12)])
    delivering.run(many=3)
    times = _times(delivering)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 12
    assert min(gaps) >= timedelta(seconds=0.4)


def test_servers_that_share_a_mailbox_share_the_provider_limit(delivering: Delivering) -> None:
    one = delivering.server("one", email="shared@send.example.com")
    two = delivering.server("two", customer="globex", email="shared@send.example.com")
    some_sends(delivering.database, one, [f"one-{n}" for n in range(25)])
    some_sends(delivering.database, two, [f"two-{n}" for n in range(25)], customer="globex")
    with delivering.senders(2):
        assert until(lambda: states(delivering.database).get("sent", 0) == 30, 15)
        assert not until(lambda: states(delivering.database).get("sent", 0) > 30, 1.5)
    assert sum(delivering.delivered().values()) == 30


def test_at_the_quota_a_send_is_told_once_until_when_it_waits_and_leaves_then(delivering: Delivering) -> None:
    server = delivering.server(daily_quota=1)
    first, second = (a_send(delivering.database, server, key) for key in ("first", "second"))
    with delivering.senders(tell_after_seconds=0):
        assert delivering.reaches(second, "deferred", "quota")
        told = delivering.results.last(second)
        until_ = datetime.fromisoformat(told["until"])
        assert timedelta(hours=23, minutes=59) < until_ - datetime.now(UTC) < timedelta(hours=24, seconds=2)
        do(delivering.database, "update send_ledger set ended_at = ended_at - interval '1 day'")
        do(delivering.database, "update delivery_servers set next_free_at = next_free_at - interval '1 day'")
        assert delivering.reaches(second, "sent")
    assert delivering.results.of(first) == ["sent"]
    assert delivering.results.of(second) == ["deferred", "sent"]


@pytest.mark.parametrize(("seconds_short", "sent"), [(2.0, 1), (-0.5, 2)])
def test_a_window_ends_for_a_send_one_length_after_its_call_and_not_before(
    delivering: Delivering, seconds_short: float, sent: int
) -> None:
    server = delivering.server(hourly_quota=1)
    a_send(delivering.database, server)
    delivering.run()
    a_send(delivering.database, server)
    do(
        delivering.database,
        "update send_ledger set ended_at = now() - interval '1 hour' + make_interval(secs => %s)",
        seconds_short,
    )
    with delivering.senders():
        assert until(lambda: sum(delivering.delivered().values()) == 2, 1.2) == (sent == 2)


def test_recipients_count_where_a_window_counts_recipients(delivering: Delivering) -> None:
    server = delivering.server()
    wide = a_send(delivering.database, server, recipients=9_999)
    narrow = a_send(delivering.database, server, recipients=1)
    third = a_send(delivering.database, server, recipients=1)
    with delivering.senders(tell_after_seconds=0):
        assert delivering.reaches(third, "deferred", "provider_limit")
    assert [row_of(delivering.database, one).state for one in (wide, narrow)] == ["sent", "sent"]


def test_a_call_that_surely_did_not_leave_takes_no_place(delivering: Delivering) -> None:
    server = delivering.server(hourly_quota=1)
    send = a_send(delivering.database, server)
    delivering.control.force(429, match={"operation": "send"}, times=1, retry_after=1)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert value(delivering.database, "select count(*) from send_ledger") == 1


def test_a_warm_up_plan_limits_the_day(delivering: Delivering) -> None:
    server = delivering.server(warm_up="[[1, 2], [8, 100]]", warm_up_from=datetime.now(UTC).date())
    some_sends(delivering.database, server, [f"order-{n}" for n in range(5)])
    with delivering.senders(tell_after_seconds=0):
        assert until(lambda: states(delivering.database) == {"sent": 2, "deferred": 3})


def test_the_million_of_one_customer_delays_the_ten_of_another_by_a_turn_each(delivering: Delivering) -> None:
    server = delivering.server(customer=None)
    some_sends(delivering.database, server, [f"many-{n}" for n in range(300)], customer="acme")
    few = some_sends(delivering.database, server, [f"few-{n}" for n in range(10)], customer="globex")
    delivering.lift_limits()
    with delivering.senders(sends_per_round=4):
        assert until(lambda: all(row_of(delivering.database, one).state == "sent" for one in few))
    order = [one["subject"] for one in delivering.control.sent()]
    assert order.index("few-9") < 45  # every second place is theirs, and calls of a group overtake each other
