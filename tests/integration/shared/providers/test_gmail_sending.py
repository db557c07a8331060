"""What is particular to sending through Gmail: calls, units, and answers that can't be read."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import ProviderUnavailable, SendOutcomeUnknown
from shared.domain.mailboxes import Provider
from shared.domain.sending import MailForm, SentIds
from shared.providers.gmail.client import GmailMailbox
from shared.providers.gmail.limits import GmailQuota
from shared.providers.http import Transport
from tests.integration.shared.providers.doubles import RecordingBudget, Tokens
from tests.integration.shared.providers.outgoing import a_large_mail, a_mail_to_send
from tests.integration.shared.providers.peers import GmailPeer
from tests.integration.shared.providers.scripted_server import ScriptedServer

ADDRESS = "news@acme.example"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def mailbox(server: ScriptedServer, budget: RecordingBudget, tokens: Tokens) -> Iterator[GmailMailbox]:
    """A mailbox at the scripted server."""
    key = ApiKey(1, "k", None, Provider.GOOGLE, "k", "f", Endpoints(f"{server.url}/token", server.url))
    transport = Transport(read_timeout=2)
    yield GmailMailbox(transport, GmailQuota(), key, ADDRESS, tokens, budget)
    transport.close()


def test_a_mail_travels_as_base64url_and_costs_a_hundred_units(
    server: ScriptedServer, mailbox: GmailMailbox, budget: RecordingBudget
) -> None:
    mail = a_mail_to_send(ADDRESS, text="???>>>")
    server.answers(200, {"id": "m1", "threadId": "t1", "labelIds": ["SENT"]})
    assert mailbox.send(mail.raw) == SentIds("m1", "t1", None)
    (one,) = server.received
    assert urlsafe_b64decode(one.json()["raw"]) == mail.raw
    assert budget.spent == [(100, 1)]


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"id": "m1"', b'{"id": 7}', b"[]"])
def test_a_success_that_can_not_be_read_leaves_the_outcome_open(
    server: ScriptedServer, mailbox: GmailMailbox, body: bytes
) -> None:
    server.answers(200, body)
    with pytest.raises(SendOutcomeUnknown):
        mailbox.send(a_mail_to_send(ADDRESS).raw)
    assert len(server.received) == 1


@pytest.mark.parametrize("place", ["https://evil.example/upload", "", "//evil.example/x"])
def test_our_token_never_follows_an_upload_to_another_host(
    server: ScriptedServer, mailbox: GmailMailbox, place: str
) -> None:
    server.answers(200, b"", Location=place)
    with pytest.raises(ProviderUnavailable, match="not at the key's API"):
        mailbox.send(a_large_mail(ADDRESS, 5_000_000).raw)
    assert len(server.received) == 1


def test_an_upload_costs_a_hundred_units_once(
    server: ScriptedServer, mailbox: GmailMailbox, budget: RecordingBudget
) -> None:
    raw = a_large_mail(ADDRESS, 4_500_000).raw
    server.answers(200, b"", Location=f"{server.url}/upload/x?upload_id=1")
    server.answers(308, b"", Range="bytes=0-4194303")
    server.answers(200, {"id": "m1", "threadId": "t1"})
    mailbox.send(raw)
    assert b"".join(one.body for one in server.received[1:]) == raw
    assert [units for units, _ in budget.spent] == [0, 0, 100]


def test_a_mail_by_json_is_graphs_alone(mailbox: GmailMailbox) -> None:
    with pytest.raises(ValueError, match="MIME only"):
        mailbox.send(a_mail_to_send(ADDRESS).raw, form=MailForm.JSON)


def test_the_mails_since_then_are_looked_at_from_the_oldest(gmail: GmailPeer) -> None:
    gmail.behave(new_message_ids=True)
    mail, mailbox = a_mail_to_send(gmail.address), gmail.open()
    since = datetime.now(UTC)
    mailbox.send(mail.raw)
    for _ in range(5):
        mailbox.send(a_mail_to_send(gmail.address).raw)
    assert mailbox.find_sent(mail.message_id, mail.reference, since) is not None
    calls = gmail.control.statistics(gmail.address)["calls"]["google"]
    assert (calls["list"], calls["get"]) == ({"200": 2}, {"200": 1})


def test_with_an_address_of_its_to_field_little_else_is_looked_at(gmail: GmailPeer) -> None:
    gmail.behave(new_message_ids=True)
    mailbox, since = gmail.open(), datetime.now(UTC)
    for number in range(5):
        mailbox.send(a_mail_to_send(gmail.address, to=f"other{number}@example.net").raw)
    mail = a_mail_to_send(gmail.address, to="reader+1@example.net")
    mailbox.send(mail.raw)
    found = mailbox.find_sent(mail.message_id, mail.reference, since, to="reader+1@example.net")
    assert found is not None
    calls = gmail.control.statistics(gmail.address)["calls"]["google"]
    assert (calls["list"], calls["get"]) == ({"200": 2}, {"200": 1})


@pytest.mark.parametrize("to", ["a@b.example OR in:anywhere", '"', "ä@example.net"])
def test_what_is_no_plain_address_does_not_end_up_in_a_search(gmail: GmailPeer, to: str) -> None:
    mail, mailbox = a_mail_to_send(gmail.address), gmail.open()
    mailbox.send(mail.raw)
    assert mailbox.find_sent("other@acme.example", mail.reference, LONG_AGO, to=to) is not None


def test_what_is_no_message_id_does_not_end_up_in_a_search(gmail: GmailPeer) -> None:
    mail, mailbox = a_mail_to_send(gmail.address), gmail.open()
    mailbox.send(mail.raw)
    assert mailbox.find_sent("x OR in:anywhere", "", LONG_AGO) is None
    assert mailbox.find_sent("x OR in:anywhere", mail.reference, LONG_AGO) is not None
