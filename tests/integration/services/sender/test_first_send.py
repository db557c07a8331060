"""A stored send leaves through Graph and Gmail, and is `sent`."""

from __future__ import annotations

import pytest

from shared.domain.mailboxes import Provider
from shared.storage import sent_texts
from tests.builders import SEALER
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do, rows
from tests.stored_sends import a_send, row_of, steps


@pytest.mark.parametrize("provider", list(Provider))
def test_a_stored_send_leaves_once_and_is_told_as_sent(delivering: Delivering, provider: Provider) -> None:
    send = a_send(delivering.database, delivering.server(provider=provider))
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
    assert delivering.results.of(send) == ["sent"]
    assert delivering.results.last(send)["key"] == "delivery.shop.sent"
    assert steps(delivering.database, send) == [("accepted", ""), ("claimed", ""), ("sending", ""), ("sent", "")]


def test_what_was_sent_is_in_the_log_that_reports_are_tied_to(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server(), to="anna@example.net")
    delivering.run()
    assert row_of(delivering.database, send).sent_mail_id is not None
    found = rows(
        delivering.database,
        "select m.message_id, m.sender, r.address from sent_mail m join sent_recipients r on r.sent_mail_id = m.id",
    )
    assert found == [(send.message_id, "server@send.example.com", "anna@example.net")]


@pytest.mark.parametrize("monitored", [True, False])
def test_the_text_is_kept_sealed_while_a_monitor_may_need_it(delivering: Delivering, monitored: bool) -> None:
    send = a_send(delivering.database, delivering.server())
    if monitored:
        watch = "insert into monitors (uid, mailbox_id, name) select 'm', id, 'replies' from mailboxes limit 1"
        do(delivering.database, watch)
    delivering.run()
    with delivering.database.transaction() as connection:
        found = sent_texts.of(connection, SEALER, [send.message_id])
    assert set(found) == ({send.message_id} if monitored else set())
    assert all(text.strip() for text in found.values())
