"""The ledger of sends is kept as long as a quota can count it."""

from __future__ import annotations

from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import do, value
from tests.sending import a_delivery_server
from tests.stored_sends import a_send


def test_the_ledger_forgets_what_no_window_counts_any_more(works: Works) -> None:
    server = a_delivery_server(works.database)
    for days in (29, 32):
        send = a_send(works.database, server)
        do(
            works.database,
            "insert into send_ledger (send_id, server_id, provider, mailbox, recipients, ended_at)"
            " values (%s, %s, 'microsoft', 'a@b', 1, now() - make_interval(days => %s))",
            send.send_id,
            server,
            days,
        )
    works.jobs().retain()
    assert value(works.database, "select count(*) from send_ledger") == 1
