"""Looks for sends that may have left: each comes to an end, and reads no more than it must."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.mailboxes import Provider
from shared.storage import send_lookups
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do
from tests.stored_sends import Stored, a_send, row_of

REWRITES = {"message_ids": "rewrite"}


def maybe_left(delivering: Delivering, server: int, *, left: bool, key: str = "") -> Stored:
    """A send that a sender had called for when it died. left: the provider had taken it."""
    send = a_send(delivering.database, server, key)
    if left:
        delivering.run()
    do(
        delivering.database,
        "update sends set state = 'unknown', reason = 'lease_ended', attempts = 1, due_at = now(),"
        " first_call_at = now() - interval '1 minute', claimed_by = null, claimed_until = null where id = %s",
        send.send_id,
    )
    return send


@pytest.mark.parametrize("provider", list(Provider))
def test_a_look_that_takes_longer_than_a_lease_ends_all_the_same(delivering: Delivering, provider: Provider) -> None:
    send = maybe_left(delivering, delivering.server(provider=provider, mailbox=REWRITES), left=False)
    delivering.control.set_latency(1_000)  # and a look takes two calls
    delivering.run(many=2, lease_seconds=1.5, look_seconds=(0.2,), at_most_seconds=60)
    assert delivering.delivered() == {send.key: 1}
    assert row_of(delivering.database, send).lookups == 1


def test_a_look_into_gmail_reads_what_went_to_the_same_recipient_only(delivering: Delivering) -> None:
    server = delivering.server(provider=Provider.GOOGLE, mailbox=REWRITES)
    delivering.lift_limits()
    for _ in range(5):
        a_send(delivering.database, server)
    send = maybe_left(delivering, server, left=True)
    delivering.run(read_back=False)
    assert delivering.delivered()[send.key] == 1
    assert row_of(delivering.database, send).attempts == 1
    assert delivering.calls("get") == 1


def test_what_is_looked_for_stays_with_the_holder_that_renews_it(delivering: Delivering) -> None:
    send = maybe_left(delivering, delivering.server(), left=False)
    lease, minute = timedelta(0), timedelta(minutes=1)
    with delivering.database.transaction() as connection:
        (first,) = send_lookups.take_unknown(connection, "one", lease, 10)
    with delivering.database.transaction() as connection:
        assert send_lookups.renew(connection, [(send.send_id, first.holder)], minute) == [(send.send_id, "one")]
        assert send_lookups.renew(connection, [(send.send_id, "two")], minute) == []
    with delivering.database.transaction() as connection:
        assert send_lookups.take_unknown(connection, "two", lease, 10) == []
