"""What every provider promises of sending: the same tests over memory, Graph and Gmail.

Two words decide everything: a mail was surely not sent, or nobody knows.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import (
    ApiConnectError,
    MailGone,
    PayloadRejected,
    Permanent,
    PermissionMissing,
    ProviderUnavailable,
    SendingLimitReached,
    SendOutcomeUnknown,
    Temporary,
    Throttled,
)
from shared.domain.mailboxes import Capability, Provider
from shared.domain.sending import DraftState
from shared.providers.http import Transport
from shared.providers.provider import Mailbox
from tests.integration.shared.providers.doubles import RecordingBudget
from tests.integration.shared.providers.outgoing import Outgoing, a_mail_to_send
from tests.integration.shared.providers.peers import READ_ONLY, SEND_ONLY, GmailPeer, GraphPeer, MemoryPeer, Peer

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_READ_AND_SEND = frozenset({Capability.READ, Capability.SEND})


def found(mailbox: Mailbox, mail: Outgoing) -> bool:
    return mailbox.find_sent(mail.message_id, mail.reference, LONG_AGO) is not None


def test_a_mail_goes_out_once_with_all_of_its_header(peer: Peer) -> None:
    mail = a_mail_to_send(peer.address, more="References: <earlier@acme.example>\r\n")
    peer.open().send(mail.raw)
    (left,) = peer.left()
    assert left.reference == mail.reference
    assert left.header("References") == "<earlier@acme.example>"
    assert left.header("List-Unsubscribe").startswith("<https://acme.example/u/")
    assert left.raw.endswith(b"Hi\r\n")


def test_what_was_sent_is_found_with_the_id_that_it_left_with(peer: Peer) -> None:
    mail, other = a_mail_to_send(peer.address), a_mail_to_send(peer.address)
    mailbox = peer.open()
    mailbox.send(other.raw)
    mailbox.send(mail.raw)
    ids = mailbox.find_sent(mail.message_id, mail.reference, LONG_AGO)
    assert ids is not None
    assert ids.message_id == peer.left()[1].message_id
    assert mailbox.read_back(str(ids.provider_mail_id)).message_id == ids.message_id


def test_the_mailboxes_own_name_is_read_back(peer: Peer) -> None:
    peer.behave(display_name="Café Acme")
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    ids = mailbox.find_sent(mail.message_id, mail.reference, LONG_AGO)
    assert ids is not None
    assert (ids.sender_name, mailbox.read_back(str(ids.provider_mail_id)).sender_name) == ("Café Acme", "Café Acme")


def test_a_mailbox_without_a_name_tells_none(peer: Peer) -> None:
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    ids = mailbox.find_sent(mail.message_id, mail.reference, LONG_AGO)
    assert ids is not None
    assert (ids.sender_name, mailbox.read_back(str(ids.provider_mail_id)).sender_name) == (None, None)


def test_what_was_never_sent_is_not_found(peer: Peer) -> None:
    mailbox = peer.open()
    mailbox.send(a_mail_to_send(peer.address).raw)
    assert not found(mailbox, a_mail_to_send(peer.address))


def test_a_mail_whose_message_id_was_replaced_is_found_by_its_reference(peer: Peer) -> None:
    peer.behave(new_message_ids=True)
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(a_mail_to_send(peer.address).raw)
    mailbox.send(mail.raw)
    ids = mailbox.find_sent(mail.message_id, mail.reference, LONG_AGO)
    assert ids is not None
    assert ids.message_id == peer.left()[1].message_id != mail.message_id


def test_a_mail_whose_custom_headers_were_dropped_is_found_by_its_message_id(peer: Peer) -> None:
    peer.behave(drop_headers=True)
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    assert found(mailbox, mail)


def test_a_copy_that_is_late_is_not_seen(peer: Peer) -> None:
    peer.behave(late=True)
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    assert not found(mailbox, mail)


def test_a_reference_counts_only_on_what_was_sent_since(peer: Peer) -> None:
    peer.behave(new_message_ids=True)
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert mailbox.find_sent("other@acme.example", mail.reference, later) is None


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "cut"])
@pytest.mark.parametrize("after", [False, True])
def test_a_send_without_a_proper_answer_leaves_the_outcome_open(peer: Peer, kind: str, after: bool) -> None:
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    peer.interrupt("send", kind, after=after)
    with pytest.raises(SendOutcomeUnknown) as unknown:
        mailbox.send(mail.raw)
    assert not isinstance(unknown.value, Temporary | Permanent)
    assert len(peer.left()) == after
    assert found(mailbox, mail) is after


@pytest.mark.parametrize("error", [Throttled, SendingLimitReached, PermissionMissing, PayloadRejected])
def test_a_send_that_is_refused_says_by_its_type_what_follows_and_nothing_left(
    peer: Peer, error: type[ApiConnectError]
) -> None:
    peer.fail("send", error)
    with pytest.raises(error) as refused:
        peer.open().send(a_mail_to_send(peer.address).raw)
    assert type(refused.value) is error
    assert peer.left() == []


@pytest.mark.parametrize("error", [Throttled, ProviderUnavailable])
def test_a_token_that_does_not_come_means_that_nothing_was_sent(peer: Peer, error: type[ApiConnectError]) -> None:
    peer.fail("token", error)
    with pytest.raises(error):
        peer.open().send(a_mail_to_send(peer.address).raw)
    assert peer.left() == []


def test_a_limit_for_sending_does_not_hold_up_the_rest_of_the_mailbox(graph: GraphPeer, gmail: GmailPeer) -> None:
    for peer in (graph, gmail):
        budget = RecordingBudget()
        peer.fail("send", SendingLimitReached)
        with pytest.raises(SendingLimitReached):
            peer.open(budget).send(a_mail_to_send(peer.address).raw)
        assert budget.refusals == []


def test_a_key_that_may_only_send_sends_and_sees_nothing(peer: Peer) -> None:
    peer.allow_only(SEND_ONLY)
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    assert len(peer.left()) == 1
    with pytest.raises(PermissionMissing):
        found(mailbox, mail)
    with pytest.raises(PermissionMissing):
        mailbox.create_draft(mail.raw)


def test_a_key_that_may_only_read_sends_nothing(peer: Peer) -> None:
    peer.allow_only(READ_ONLY)
    with pytest.raises(PermissionMissing) as refused:
        peer.open().send(a_mail_to_send(peer.address).raw)
    assert refused.value.diagnosis.fix
    assert peer.left() == []


def test_a_key_that_may_send_and_read_finds_what_it_sent(peer: Peer) -> None:
    peer.allow_only(_READ_AND_SEND)
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    mailbox.send(mail.raw)
    assert found(mailbox, mail)


def test_a_draft_is_not_sent_until_it_is(peer: Peer) -> None:
    mail, mailbox = a_mail_to_send(peer.address), peer.open()
    draft = mailbox.create_draft(mail.raw)
    assert (mailbox.draft_state(draft), peer.left()) == (DraftState.DRAFT, [])
    mailbox.send_draft(draft)
    (left,) = peer.left()
    assert (left.reference, left.header("References")) == (mail.reference, "")
    assert mailbox.draft_state(draft) is (DraftState.GONE if isinstance(peer, GmailPeer) else DraftState.SENT)
    assert found(mailbox, mail)


@pytest.mark.parametrize("after", [False, True])
def test_a_drafts_state_tells_what_an_answer_did_not(peer: Peer, after: bool) -> None:
    mailbox = peer.open()
    draft = mailbox.create_draft(a_mail_to_send(peer.address).raw)
    peer.interrupt("send_draft", "504", after=after)
    with pytest.raises(SendOutcomeUnknown):
        mailbox.send_draft(draft)
    assert (mailbox.draft_state(draft) is DraftState.DRAFT) is not after
    assert len(peer.left()) == after


def test_a_draft_is_sent_once_however_often_it_is_asked_for(peer: Peer) -> None:
    mailbox = peer.open()
    draft = mailbox.create_draft(a_mail_to_send(peer.address).raw)
    mailbox.send_draft(draft)
    with pytest.raises(MailGone):
        mailbox.send_draft(draft)
    assert len(peer.left()) == 1


def test_a_draft_that_is_thrown_away_is_gone_and_twice_is_the_same(peer: Peer) -> None:
    mailbox = peer.open()
    draft = mailbox.create_draft(a_mail_to_send(peer.address).raw)
    for _ in range(2):
        mailbox.discard_draft(draft)
    with pytest.raises(MailGone):
        mailbox.send_draft(draft)
    assert peer.left() == []


def test_a_drafts_outcome_that_is_open_names_the_draft(graph: GraphPeer, gmail: GmailPeer) -> None:
    for peer in (graph, gmail):
        mailbox = peer.open()
        draft = mailbox.create_draft(a_mail_to_send(peer.address).raw)
        peer.interrupt("send_draft", "cut", after=True)
        with pytest.raises(SendOutcomeUnknown) as unknown:
            mailbox.send_draft(draft)
        assert unknown.value.draft_id == draft


def test_only_gmail_tells_the_id_of_what_it_sends(peer: Peer) -> None:
    ids = peer.open().send(a_mail_to_send(peer.address).raw)
    assert (ids.provider_mail_id is not None) is isinstance(peer, GmailPeer)
    assert ids.message_id is None


def test_a_provider_that_can_not_be_reached_was_sent_nothing(graph: GraphPeer, gmail: GmailPeer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for peer in (graph, gmail):
        token = peer.record.acquire_token(peer.key, peer.address, peer.scopes)
        key = replace(peer.key, endpoints=replace(peer.key.endpoints, api=f"http://127.0.0.1:{port}"))
        mailbox = peer.record.open_mailbox(key, peer.address, lambda renew, token=token: token, peer.budget())
        with pytest.raises(ProviderUnavailable):
            mailbox.send(a_mail_to_send(peer.address).raw)


def test_an_answer_that_is_too_late_leaves_the_outcome_open(graph: GraphPeer, gmail: GmailPeer) -> None:
    for peer in (graph, gmail):
        impatient = Transport(ca_file=str(peer.ca_file), read_timeout=0.3)
        mailbox = peer.reached_by(impatient).open()
        mail = a_mail_to_send(peer.address)
        peer.control.force("slow:1", match={"operation": "send", "mailbox": peer.address}, times=1)
        with pytest.raises(SendOutcomeUnknown):
            mailbox.send(mail.raw)
        impatient.close()


def test_an_expired_token_is_renewed_and_the_mail_leaves_once(graph: GraphPeer, gmail: GmailPeer) -> None:
    for peer in (graph, gmail):
        peer.control.force("expired_token", match={"operation": "send", "mailbox": peer.address}, times=1)
        peer.open().send(a_mail_to_send(peer.address).raw)
        assert len(peer.left()) == 1


def test_the_memory_double_of_gmail_tells_ids_too() -> None:
    peer = MemoryPeer(Provider.GOOGLE)
    assert peer.open().send(a_mail_to_send(peer.address).raw).provider_mail_id
