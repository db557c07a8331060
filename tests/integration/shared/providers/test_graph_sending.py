"""What is particular to sending through Graph: the JSON form, priming, and calls that are few."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import PayloadRejected, SendOutcomeUnknown
from shared.domain.mailboxes import Capability, Provider
from shared.domain.sending import MailForm
from shared.mail.message_ids import REFERENCE_HEADER
from shared.providers.graph.client import GraphMailbox
from shared.providers.http import Transport
from tests.integration.shared.providers.doubles import RecordingBudget, Tokens
from tests.integration.shared.providers.outgoing import Outgoing, a_large_mail, a_mail_to_send
from tests.integration.shared.providers.peers import SEND_ONLY, GraphPeer
from tests.integration.shared.providers.scripted_server import ScriptedServer

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def for_json(graph: GraphPeer, more: str = "") -> Outgoing:
    """A mail with no header that JSON can't carry, but for `more`."""
    mail = a_mail_to_send(graph.address)
    head, _, rest = mail.raw.partition(b"List-Unsubscribe: ")
    return Outgoing(head + more.encode() + rest.partition(b"\r\n")[2], mail.message_id, mail.reference)


def calls(graph: GraphPeer) -> dict[str, int]:
    """How often each operation was called."""
    found = graph.control.statistics(graph.address)["calls"]["microsoft"]
    return {name: sum(statuses.values()) for name, statuses in found.items()}


def test_a_mail_goes_by_json_with_its_marks_and_is_found_again(graph: GraphPeer) -> None:
    mail = for_json(graph)
    graph.open().send(mail.raw, form=MailForm.JSON)
    (left,) = graph.left()
    assert (left.reference, left.message_id, left.header("To")) == (
        mail.reference,
        mail.message_id,
        "reader@example.net",
    )
    assert graph.open().find_sent(mail.message_id, mail.reference, LONG_AGO) is not None


@pytest.mark.parametrize(
    "more", ["List-Unsubscribe: <https://a.example>\r\n", "".join(f"X-{number}: 1\r\n" for number in range(5))]
)
def test_a_header_that_json_can_not_carry_is_refused_and_never_left_out(graph: GraphPeer, more: str) -> None:
    with pytest.raises(PayloadRejected) as refused:
        graph.open().send(for_json(graph, more).raw, form=MailForm.JSON)
    assert more.partition(":")[0][:2] in refused.value.diagnosis.cause
    assert refused.value.diagnosis.fix == "Send it as MIME."
    assert calls(graph) == {}


def test_a_send_by_json_without_an_answer_leaves_the_outcome_open(graph: GraphPeer) -> None:
    graph.interrupt("send", "504", after=True)
    with pytest.raises(SendOutcomeUnknown):
        graph.open().send(for_json(graph).raw, form=MailForm.JSON)


def test_a_new_mailbox_drops_our_header_until_it_is_primed(graph: GraphPeer) -> None:
    graph.control.register_mailbox("microsoft", graph.address, custom_headers="drop_until_primed")
    mailbox = graph.open()
    mailbox.send(a_mail_to_send(graph.address).raw)
    mailbox.prime(REFERENCE_HEADER)
    second = a_mail_to_send(graph.address)
    mailbox.send(second.raw)
    assert [left.reference for left in graph.left()] == ["", second.reference]
    assert "drafts" not in {mail["places"][0] for mail in graph.control.mails("microsoft", graph.address)}


def test_a_key_that_may_only_send_primes_by_a_mail_to_the_mailbox_itself(graph: GraphPeer) -> None:
    graph.control.register_mailbox("microsoft", graph.address, custom_headers="drop_until_primed")
    graph.allow_only(SEND_ONLY)
    mailbox = graph.open()
    mailbox.prime(REFERENCE_HEADER)
    mail = a_mail_to_send(graph.address)
    mailbox.send(mail.raw)
    primer, left = graph.left()
    assert primer.header("To") == graph.address
    assert left.reference == mail.reference


def test_a_plain_send_is_one_call_and_finding_it_one_more(graph: GraphPeer) -> None:
    mail, mailbox = a_mail_to_send(graph.address), graph.open()
    mailbox.send(mail.raw)
    assert mailbox.find_sent(mail.message_id, mail.reference, LONG_AGO) is not None
    assert calls(graph) == {"send": 1, "list": 1}


def test_the_oldest_since_then_is_looked_at_first(graph: GraphPeer) -> None:
    graph.behave(new_message_ids=True)
    mail, mailbox = a_mail_to_send(graph.address), graph.open()
    since = datetime.now(UTC)
    mailbox.send(mail.raw)
    for _ in range(5):
        mailbox.send(a_mail_to_send(graph.address).raw)
    assert mailbox.find_sent(mail.message_id, mail.reference, since) is not None
    assert calls(graph) == {"send": 6, "list": 2, "raw": 1}


def test_mails_that_kept_an_id_of_ours_are_not_looked_into(graph: GraphPeer) -> None:
    mailbox, since = graph.open(), datetime.now(UTC)
    for _ in range(5):
        mailbox.send(a_mail_to_send(graph.address).raw)
    never = a_mail_to_send(graph.address)
    assert mailbox.find_sent(never.message_id, never.reference, since) is None
    assert calls(graph) == {"send": 5, "list": 2}


def test_an_apostrophe_in_a_message_id_is_no_end_of_the_filter(graph: GraphPeer) -> None:
    mail = a_mail_to_send(graph.address)
    odd = "o'hara'); drop@acme.example"
    mailbox = graph.open()
    mailbox.send(mail.raw.replace(mail.message_id.encode(), odd.encode()))
    assert mailbox.find_sent(odd, "", LONG_AGO) is not None


def test_a_mail_that_is_gone_while_it_is_looked_for_is_passed_over(graph: GraphPeer) -> None:
    graph.behave(new_message_ids=True)
    mail, mailbox = a_mail_to_send(graph.address), graph.open()
    since = datetime.now(UTC)
    mailbox.send(a_mail_to_send(graph.address).raw)
    mailbox.send(mail.raw)
    graph.control.force("graph_error:ErrorItemNotFound", match={"operation": "raw", "mailbox": graph.address}, times=1)
    assert mailbox.find_sent(mail.message_id, mail.reference, since) is not None


@pytest.fixture
def scripted(server: ScriptedServer, budget: RecordingBudget, tokens: Tokens) -> Iterator[GraphMailbox]:
    """A mailbox at the scripted server."""
    key = ApiKey(1, "k", None, Provider.MICROSOFT, "k", "f", Endpoints("https://login.example", server.url))
    transport = Transport(read_timeout=2)
    yield GraphMailbox(transport, key, "news@acme.example", tokens, budget)
    transport.close()


def test_the_address_of_an_upload_is_not_told_our_token(server: ScriptedServer, scripted: GraphMailbox) -> None:
    server.answers(201, {"id": "draft-1"})
    server.answers(201, {"uploadUrl": f"{server.url}/elsewhere?authtoken=1", "nextExpectedRanges": ["0-"]})
    server.answers(200, {"nextExpectedRanges": ["3932160-"]})
    server.answers(201, b"")
    server.answers(202, b"")
    scripted.send(a_large_mail("news@acme.example", 5_000_000).raw)
    named = [(one.method, "authorization" in one.headers) for one in server.received]
    assert named == [("POST", True), ("POST", True), ("PUT", False), ("PUT", False), ("POST", True)]
    assert [one.headers["content-range"] for one in server.received[2:4]] == [
        "bytes 0-3932159/5000000",
        "bytes 3932160-4999999/5000000",
    ]


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_that_is_not_graphs_leaves_the_outcome_open(
    server: ScriptedServer, scripted: GraphMailbox, status: int
) -> None:
    server.answers(status, b"<html>welcome to the hotel</html>" if status == 200 else b"")
    with pytest.raises(SendOutcomeUnknown, match="202"):
        scripted.send(a_mail_to_send("news@acme.example").raw)
    assert len(server.received) == 1


def test_a_mail_travels_as_base64_of_the_bytes_it_is(server: ScriptedServer, scripted: GraphMailbox) -> None:
    mail = a_mail_to_send("news@acme.example", text="ä\x00")
    server.answers(202, b"")
    scripted.send(mail.raw)
    (one,) = server.received
    assert (one.path, one.headers["content-type"]) == ("/v1.0/users/news@acme.example/sendMail", "text/plain")
    assert b64decode(one.body) == mail.raw


def test_a_role_for_sending_alone_is_seen_in_the_token(graph: GraphPeer) -> None:
    graph.allow_only(SEND_ONLY)
    token = graph.record.acquire_token(graph.key, graph.address, graph.scopes)
    assert graph.record.granted(token, graph.scopes) == frozenset({Capability.SEND})
