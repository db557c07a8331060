"""Whatever a call ends in, the mail is delivered once, and the asker is told what happened."""

from __future__ import annotations

from typing import Any

import pytest

from services.sender.handler.resolving import Decision, resolve
from shared.domain.mailboxes import Provider
from shared.messaging.unit import UnitFactory
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do
from tests.stored_sends import a_send, row_of, steps

# What the provider does, when, and the states between `sending` and the end.
LOST = (
    ("500", "before"), ("500", "after"), ("502", "before"), ("503", "before"), ("504", "after"), ("cut", "before"),
    ("cut", "after"), ("not_json", "after"),
)  # fmt: skip


@pytest.mark.parametrize("provider", list(Provider))
@pytest.mark.parametrize(("kind", "when"), LOST)
def test_a_call_without_an_answer_is_looked_up_and_never_repeated_blindly(
    delivering: Delivering, provider: Provider, kind: str, when: str
) -> None:
    send = a_send(delivering.database, delivering.server(provider=provider))
    delivering.control.force(kind, match={"operation": "send"}, when=when, times=1)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert delivering.results.of(send) == ["unknown", "sent"]
    assert delivering.calls("send") == (2 if when == "before" else 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_that_times_out_is_looked_up(delivering: Delivering, when: str) -> None:
    send = a_send(delivering.database, delivering.server())
    delivering.control.force("slow", match={"operation": "send"}, detail="3", times=1, when=when)
    delivering.run(provider_read_timeout=1.0, look_seconds=(3.0, 0.5))
    assert delivering.delivered() == {send.key: 1}
    assert delivering.results.of(send) == ["unknown", "sent"]


def test_a_throttled_send_waits_as_long_as_the_provider_asks_and_is_sent_again(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    delivering.control.force(429, match={"operation": "send"}, times=1, retry_after=1)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert delivering.results.of(send) == ["deferred", "sent"]
    assert ("deferred", "throttled") in steps(delivering.database, send)


def test_a_throttle_stops_the_whole_server_and_gives_the_rest_of_the_round_back(delivering: Delivering) -> None:
    server = delivering.server()
    sends = [a_send(delivering.database, server) for _ in range(12)]
    delivering.control.force(429, match={"operation": "send"}, times=1, retry_after=60)
    with delivering.senders(calls_per_commit=4):
        throttled = next(one for one in sends if delivering.reaches(one, "deferred", at_most_seconds=3))
        assert throttled
    assert sum(delivering.delivered().values()) == 3  # the others of the first group; the second was not begun
    assert row_of(delivering.database, sends[-1]).state == "accepted"


def test_a_refused_connection_is_tried_again_without_looking(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    do(delivering.database, "update api_keys set api_url = 'https://127.0.0.1:1'")
    with delivering.senders():
        assert delivering.reaches(send, "deferred", "unavailable")
        do(delivering.database, "update api_keys set api_url = %s", delivering.world.running.https_url)
        do(delivering.database, "update sends set due_at = now()")
        do(delivering.database, "update delivery_servers set next_free_at = now()")
        assert delivering.reaches(send, "sent")
    assert delivering.delivered() == {send.key: 1}
    assert row_of(delivering.database, send).lookups == 0


def test_a_refused_mail_has_failed_with_the_reason(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    delivering.control.force("graph_error", match={"operation": "send"}, detail="ErrorInvalidRecipients", times=1)
    delivering.run("failed")
    told = delivering.results.last(send)
    assert (told["state"], told["reason"]) == ("failed", "refused")
    assert told["detail"]


def test_a_send_that_is_never_found_is_sent_again_a_few_times_and_then_fails(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    delivering.control.force("cut", match={"operation": "send"}, when="before")
    delivering.run("failed", at_most_seconds=40)
    assert row_of(delivering.database, send).reason == "not_found_after_tries"
    assert delivering.calls("send") == 3
    assert delivering.results.of(send) == ["unknown", "unknown", "unknown", "failed"]


def test_a_mail_that_appears_late_in_sent_items_is_found(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"sent_items_delay": 1.5})
    send = a_send(delivering.database, server)
    delivering.control.force("504", match={"operation": "send"}, when="after", times=1)
    delivering.run(look_seconds=(0.3, 1.0, 1.5))
    assert delivering.delivered() == {send.key: 1}
    assert row_of(delivering.database, send).lookups >= 2


@pytest.mark.parametrize(
    ("provider", "roles"),
    [
        (Provider.MICROSOFT, ("Mail.Send",)),
        (Provider.GOOGLE, ("https://www.googleapis.com/auth/gmail.send",)),
    ],
)
def test_without_a_right_to_read_an_unknown_send_is_held_for_a_person(
    delivering: Delivering, provider: Provider, roles: tuple[str, ...]
) -> None:
    send = a_send(delivering.database, delivering.server(provider=provider, roles=roles))
    delivering.control.force("504", match={"operation": "send"}, when="after", times=1)
    with delivering.senders():
        assert delivering.reaches(send, "unknown", "cannot_look")
        held = a_send(delivering.database, _server_of(delivering, send))
        assert delivering.reaches(held, "sent")
    assert row_of(delivering.database, send).state == "unknown"
    assert delivering.delivered()[send.key] == 1
    assert delivering.results.last(send)["reason"] == "cannot_look"


@pytest.mark.parametrize(
    ("decision", "states", "delivered"),
    [("sent", ["unknown", "sent"], 1), ("resend", ["unknown", "sent"], 1), ("fail", ["unknown", "failed"], 0)],
)
def test_a_person_decides_where_nobody_can_look(
    delivering: Delivering, decision: Decision, states: list[str], delivered: int
) -> None:
    send = a_send(delivering.database, delivering.server(roles=("Mail.Send",)))
    when = "after" if decision == "sent" else "before"
    delivering.control.force("cut", match={"operation": "send"}, when=when, times=1)
    with delivering.senders():
        assert delivering.reaches(send, "unknown", "cannot_look")
        units = UnitFactory(delivering.database, delivering.results)
        assert resolve(units, [send.uid], decision, "robin") == [send.uid]
        assert delivering.reaches(send, states[-1])
        assert resolve(units, [send.uid], decision, "robin") == []
    assert delivering.delivered()[send.key] == delivered
    assert delivering.results.of(send) == states


def _server_of(delivering: Delivering, send: Any) -> int:
    return row_of(delivering.database, send).server_id
