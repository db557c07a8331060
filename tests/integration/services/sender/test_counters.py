"""What a sender counts for /metrics: what came of sends, and how long they took."""

from __future__ import annotations

import pytest

from tests.counted import Since
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do
from tests.stored_sends import a_send


def test_a_sent_mail_is_counted_with_the_time_since_it_was_accepted(delivering: Delivering) -> None:
    a_send(delivering.database, delivering.server())
    do(delivering.database, "update sends set accepted_at = now() - interval '20 minutes'")
    since = Since()
    delivering.run()
    assert since("apiconnect_sends_total", provider="microsoft", state="sent", reason="") == 1
    assert since("apiconnect_send_seconds_count", provider="microsoft") == 1
    assert since("apiconnect_send_seconds_sum", provider="microsoft") == pytest.approx(1200, abs=30)


def test_an_unknown_send_that_was_found_is_counted_as_unknown_and_as_sent(delivering: Delivering) -> None:
    a_send(delivering.database, delivering.server())
    delivering.control.force("504", match={"operation": "send"}, when="after", times=1)
    since = Since()
    delivering.run()
    assert since("apiconnect_sends_total", provider="microsoft", state="unknown", reason="no_answer") == 1
    assert since("apiconnect_sends_total", provider="microsoft", state="sent", reason="") == 1


def test_a_send_that_ended_without_a_call_is_counted_too(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server(status="inactive"))
    do(delivering.database, "update sends set expires_at = now()")
    since = Since()
    with delivering.senders():
        assert delivering.reaches(send, "failed", "expired")
    assert since("apiconnect_sends_total", provider="", state="failed", reason="expired") == 1
