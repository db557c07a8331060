"""A sender that dies at any point: what it had in hand is taken over, and no mail leaves twice."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from services.sender.handler.delivering.claiming import Claim, claim_next
from services.sender.handler.delivering.mails import mail_of
from services.sender.handler.delivering.works import Works
from shared.domain.mailboxes import Capability, Provider
from shared.domain.sending import SendState
from shared.storage import send_claims, send_lookups, send_outcomes, send_servers
from shared.storage.send_lookups import Unknown
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do, value
from tests.stored_sends import Stored, a_send, row_of, steps

LEASE = 1.0


class DyingSender:
    """Does the steps of a sender one by one, as far as the test lets it live."""

    def __init__(self, delivering: Delivering) -> None:
        self.works: Works = delivering.runners(99, lease_seconds=LEASE)[0]._works
        self.database = delivering.database
        self.claim = _claimed(self.works)

    def begin(self) -> None:
        """`sending` is committed."""
        with self.database.transaction() as connection:
            begun = send_claims.begin(connection, self.claim.holder, self.claim.send_ids)
            assert len(begun.sending) == len(self.claim.send_ids)

    def call(self, *, draft: str = "") -> None:
        """The provider is called. draft: "made" ends after the draft, "sent" after it was sent."""
        with self.database.transaction() as connection:
            (send,) = send_claims.load(connection, self.claim.send_ids)
        mime, form, _ = mail_of(self.works.sealer, self.claim.server, send, lambda uid: None)
        server = self.claim.server
        with self.works.access.open(server.api_key_id, server.mailbox, Capability.SEND) as opened:
            if not draft:
                opened.mailbox.send(mime, form=form)
                return
            draft_id = opened.mailbox.create_draft(mime)
            with self.database.transaction() as connection:
                assert send_outcomes.remember_draft(connection, self.claim.holder, send.send_id, draft_id)
            if draft == "sent":
                opened.mailbox.send_draft(draft_id)


@pytest.fixture
def send(delivering: Delivering) -> Stored:
    """One send at one server."""
    return a_send(delivering.database, delivering.server())


def test_a_sender_that_dies_after_its_claim_leaves_a_send_that_was_not_called(
    delivering: Delivering, send: Stored
) -> None:
    DyingSender(delivering)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert ("unknown", "lease_ended") not in steps(delivering.database, send)
    assert value(delivering.database, "select count(*) from send_ledger") == 1


def test_a_sender_that_dies_before_its_call_leaves_a_send_that_is_looked_for_and_then_sent(
    delivering: Delivering, send: Stored
) -> None:
    DyingSender(delivering).begin()
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert delivering.results.of(send) == ["unknown", "sent"]
    assert row_of(delivering.database, send).lookups == 3
    assert row_of(delivering.database, send).attempts == 2


@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_a_sender_that_dies_after_its_call_leaves_a_send_that_is_found(delivering: Delivering, delay: float) -> None:
    send = a_send(delivering.database, delivering.server(mailbox={"sent_items_delay": delay}))
    dying = DyingSender(delivering)
    dying.begin()
    dying.call()
    delivering.run(look_seconds=(0.2, 1.5, 1.0))
    assert delivering.delivered() == {send.key: 1}
    assert row_of(delivering.database, send).attempts == 1


@pytest.mark.parametrize("draft", ["made", "sent"])
@pytest.mark.parametrize("provider", list(Provider))
def test_with_drafts_the_draft_tells_what_a_dead_sender_did(
    delivering: Delivering, provider: Provider, draft: str
) -> None:
    send = a_send(delivering.database, delivering.server(provider=provider, draft_first=True))
    dying = DyingSender(delivering)
    dying.begin()
    dying.call(draft=draft)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert delivering.calls("create_draft") == 1


@pytest.mark.parametrize("provider", list(Provider))
def test_with_drafts_a_send_leaves_once(delivering: Delivering, provider: Provider) -> None:
    send = a_send(delivering.database, delivering.server(provider=provider, draft_first=True))
    delivering.control.force("504", match={"operation": "send_draft"}, when="after", times=1)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}


def test_a_sender_that_was_frozen_beyond_its_lease_calls_nobody(delivering: Delivering, send: Stored) -> None:
    dying = DyingSender(delivering)
    frozen, holder = dying.works.in_hand, dying.claim.holder
    assert frozen.safe(send.send_id, holder)
    frozen.add([send.send_id], holder, taken_at=-1_000_000.0)
    frozen.add([send.send_id], frozen.new_holder(), taken_at=time.monotonic())  # taken again by the same process
    assert not frozen.safe(send.send_id, holder)
    delivering.run()
    assert delivering.delivered() == {send.key: 1}


def test_an_outcome_that_comes_too_late_changes_nothing_but_that_it_was_sent(
    delivering: Delivering, send: Stored
) -> None:
    dying = DyingSender(delivering)
    dying.begin()
    dying.call()
    with delivering.database.transaction() as connection:
        connection.execute("update sends set claimed_until = now() - interval '1 second'")
        send_claims.recover(connection, timedelta(hours=1), 10)
    outcome: Any = send_outcomes.Outcome
    for late, state in ((outcome(send.send_id, "failed"), "unknown"), (outcome(send.send_id, "sent"), "sent")):
        with delivering.database.transaction() as connection:
            send_outcomes.settle(connection, dying.claim.holder, [_typed(late)])
        assert row_of(delivering.database, send).state == state


def test_a_look_that_took_too_long_does_not_give_back_what_is_being_sent_again(
    delivering: Delivering, send: Stored
) -> None:
    dying = DyingSender(delivering)
    dying.begin()
    holder = dying.works.in_hand.new_holder()
    with delivering.database.transaction() as connection:
        connection.execute("update sends set claimed_until = now() - interval '1 second'")
        send_claims.recover(connection, timedelta(0), 10)
    slow, quick = _taken_for_a_look(delivering, holder), _taken_for_a_look(delivering, holder)
    again = [_look_says(one, SendState.ACCEPTED) for one in (quick, slow)]
    with delivering.database.transaction() as connection:
        assert send_outcomes.settle(connection, holder, again[:1]) == [send.send_id]
    dying.claim = _claimed(dying.works)
    dying.begin()
    with delivering.database.transaction() as connection:  # not even under the name of who sends it now
        assert send_outcomes.settle(connection, dying.claim.holder, again[1:]) == []
    assert row_of(delivering.database, send).state == "sending"


def test_senders_that_stop_give_back_what_they_have_not_called(delivering: Delivering) -> None:
    server = delivering.server()
    sends = [a_send(delivering.database, server) for _ in range(20)]
    delivering.control.set_latency(300)
    with delivering.senders(calls_per_commit=2) as stops:
        assert delivering.reaches(sends[0], "sent")
        stops[0].set()
        _ended(stops[0])
    found = {row_of(delivering.database, one).state for one in sends}
    assert found == {"sent", "accepted"}
    assert value(delivering.database, "select count(*) from send_ledger where ended_at = 'infinity'") == 0


def test_two_senders_never_take_the_same_send(delivering: Delivering) -> None:
    server = delivering.server()
    sends = [a_send(delivering.database, server) for _ in range(30)]
    delivering.lift_limits()
    delivering.run(many=3, sends_per_round=5, calls_per_commit=2)
    assert delivering.delivered() == {one.key: 1 for one in sends}
    with delivering.database.transaction() as connection:
        server_row = send_servers.by_id(connection, [server])[server]
    assert server_row.server_id == server


def _taken_for_a_look(delivering: Delivering, holder: str) -> Unknown:
    """The one unknown send; the look's lease has run out at once."""
    with delivering.database.transaction() as connection:
        (taken,) = send_lookups.take_unknown(connection, holder, timedelta(0), 10)
    return taken


def _look_says(send: Unknown, state: SendState) -> send_outcomes.Outcome:
    return send_outcomes.Outcome(
        send.send_id, state, due_in=timedelta(0), looked=True, judged=(send.attempts, send.lookups)
    )


def _claimed(works: Works) -> Claim:
    claim = claim_next(works, [])
    assert claim is not None
    return claim


def _typed(outcome: Any) -> send_outcomes.Outcome:
    return send_outcomes.Outcome(outcome.send_id, SendState(outcome.state))


def _ended(stop: threading.Event) -> None:
    assert stop.is_set()


def test_a_look_that_ends_too_late_does_not_free_a_send_that_is_being_sent_again(
    delivering: Delivering, send: Stored
) -> None:
    DyingSender(delivering).begin()
    unknown = "update sends set state = 'unknown', claimed_by = null, due_at = now()"
    do(delivering.database, unknown)
    with delivering.database.transaction() as connection:
        (late,) = send_lookups.take_unknown(connection, "sender/1", timedelta(0), 10)
    do(delivering.database, "update sends set state = 'accepted', claimed_by = null, due_at = now()")
    DyingSender(delivering).begin()
    with delivering.database.transaction() as connection:
        again = send_outcomes.Outcome(send.send_id, SendState.ACCEPTED)
        assert send_outcomes.settle(connection, late.holder, [again]) == []
    assert row_of(delivering.database, send).state == "sending"
