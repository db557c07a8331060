"""What the providers made of our ids is read back, so that reports that quote theirs can be tied."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP

import pytest

from shared.domain.mailboxes import Provider
from tests.integration.services.sender.delivering import Delivering
from tests.integration.shared.storage.looking import do, value
from tests.stored_sends import a_send, row_of
from tests.waiting import until

ACTUAL = "select actual_message_id from sent_mail"


@pytest.mark.parametrize("provider", list(Provider))
def test_a_message_id_that_the_provider_changed_becomes_known(delivering: Delivering, provider: Provider) -> None:
    server = delivering.server(provider=provider, mailbox={"message_ids": "rewrite", "sent_items_delay": 0.5})
    send = a_send(delivering.database, server)
    with delivering.senders(read_back_seconds=(0.2, 0.5, 1.0)):
        assert delivering.reaches(send, "sent")
        assert until(lambda: value(delivering.database, ACTUAL) is not None)
    assert value(delivering.database, ACTUAL) == delivering.control.sent()[0]["message_id"].strip("<>")
    assert row_of(delivering.database, send).provider_mail_id is not None
    assert value(delivering.database, "select count(*) from send_read_backs") == 0


def test_what_the_provider_kept_is_no_other_id(delivering: Delivering) -> None:
    send = a_send(delivering.database, delivering.server())
    with delivering.senders(read_back_seconds=(0.1,)):
        assert until(lambda: row_of(delivering.database, send).provider_mail_id is not None)
    assert value(delivering.database, ACTUAL) is None


def test_nothing_is_read_back_where_it_is_switched_off(delivering: Delivering) -> None:
    a_send(delivering.database, delivering.server())
    delivering.run(read_back=False)
    assert value(delivering.database, "select count(*) from send_read_backs") == 0


def test_what_never_shows_is_given_up(delivering: Delivering) -> None:
    a_send(delivering.database, delivering.server(mailbox={"sent_items_delay": 3600}))
    with delivering.senders(read_back_seconds=(0.1, 0.1)):
        assert until(lambda: value(delivering.database, "select count(*) from sends where state = 'sent'") == 1)
        assert until(lambda: value(delivering.database, "select count(*) from send_read_backs") == 0)
    assert value(delivering.database, ACTUAL) is None


NAMED = "select display_name from delivery_servers"
TAGGED = {"text": "Greetings from [DS_FROM_NAME]"}


@pytest.mark.parametrize("provider", list(Provider))
def test_the_mailboxes_own_name_becomes_known_and_fills_the_tag(delivering: Delivering, provider: Provider) -> None:
    server = delivering.server(provider=provider, mailbox={"display_name": "Café Acme"})
    a_send(delivering.database, server, more=TAGGED)
    with delivering.senders(read_back_seconds=(0.1, 0.5)):
        assert until(lambda: value(delivering.database, NAMED) == "Café Acme")
        second = a_send(delivering.database, server, more=TAGGED)
        assert delivering.reaches(second, "sent")
    said = [message_from_bytes(one["raw"], policy=SMTP).get_body().get_content() for one in delivering.control.sent()]  # type: ignore[attr-defined]
    assert [one.strip() for one in said] == ["Greetings from server", "Greetings from Café Acme"]


def test_a_name_that_the_request_gave_is_not_the_mailboxes_own(delivering: Delivering) -> None:
    server = delivering.server(provider=Provider.GOOGLE, mailbox={"display_name": "Acme"})
    a_send(delivering.database, server, more={"from_name": "Spring sale"})
    with delivering.senders(read_back_seconds=(0.1,)):
        assert until(lambda: value(delivering.database, "select count(*) from sends where state = 'sent'") == 1)
        assert until(lambda: value(delivering.database, "select count(*) from send_read_backs") == 0)
        assert value(delivering.database, NAMED) == ""
        a_send(delivering.database, server)
        assert until(lambda: value(delivering.database, NAMED) == "Acme")


def test_a_mailbox_that_drops_our_header_is_primed_once_before_its_first_mail(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"custom_headers": "drop_until_primed"})
    other = delivering.server("second", customer="globex", email="server@send.example.com")
    do(delivering.database, "update delivery_servers set primed_at = null")
    a_send(delivering.database, server)
    delivering.run()
    a_send(delivering.database, other, customer="globex")
    a_send(delivering.database, server)
    delivering.run()
    assert [one["reference"] for one in delivering.control.deliveries()] != []
    assert all(b"X-ApiConnect-Reference: " in one["raw"] for one in delivering.control.sent())
    assert delivering.calls("create_draft") == 1


def test_a_mailbox_that_can_not_be_primed_sends_all_the_same(delivering: Delivering) -> None:
    server = delivering.server(mailbox={"custom_headers": "drop_until_primed"})
    do(delivering.database, "update delivery_servers set primed_at = null")
    send = a_send(delivering.database, server)
    delivering.control.force("graph_error", match={"operation": "create_draft"}, detail="ErrorInternalServerError")
    delivering.run()
    assert delivering.delivered() == {send.key: 1}
