"""Mail that is larger than one request: it arrives whole and with its header, or it is refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.errors import (
    PayloadRejected,
    PermissionMissing,
    ProviderUnavailable,
    SendOutcomeUnknown,
    Throttled,
)
from shared.domain.sending import DraftState
from shared.providers.gmail import sending as gmail_sending
from shared.providers.gmail import upload
from shared.providers.gmail.limits import LARGEST_MAIL_BYTES
from shared.providers.graph import attachments
from shared.providers.graph import sending as graph_sending
from shared.providers.graph.limits import LARGEST_MIME_BYTES
from tests.integration.shared.providers.outgoing import Outgoing, a_large_mail, a_mail_to_send, content_of
from tests.integration.shared.providers.peers import SEND_ONLY, GmailPeer, GraphPeer, Peer

MB = 1024 * 1024
KB = 1024
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests, ranges and pieces a thousandth of their size, so that what is large here is sent in no time."""
    monkeypatch.setattr(graph_sending, "LARGEST_MIME_BYTES", 3 * KB)
    monkeypatch.setattr(attachments, "RANGE_BYTES", 4 * KB)
    monkeypatch.setattr(gmail_sending, "LARGEST_JSON_MAIL_BYTES", 3 * KB)
    monkeypatch.setattr(upload, "PIECE_BYTES", 4 * KB)


def a_mail_of(size: int, sender: str) -> Outgoing:
    """A mail without attachments, of exactly that many bytes."""
    small = a_mail_to_send(sender, text="")
    return Outgoing(small.raw + b"x" * (size - len(small.raw)), small.message_id, small.reference)


def test_a_large_mail_arrives_whole_and_with_its_header(peer: Peer) -> None:
    mail = a_large_mail(peer.address, 5 * MB + 5, 300)
    peer.open().send(mail.raw)
    (left,) = peer.left()
    assert left.files == {"file-0.bin": content_of(5 * MB + 5), "file-1.bin": content_of(300)}
    assert left.reference == mail.reference
    assert left.header("List-Unsubscribe")
    assert peer.open().find_sent(mail.message_id, mail.reference, _LONG_AGO) is not None


@pytest.mark.parametrize(("over", "calls"), [(0, {"send": {"202": 1}}), (1, {})])
def test_a_mail_goes_in_one_request_as_long_as_graph_takes_it(
    graph: GraphPeer, over: int, calls: dict[str, dict[str, int]]
) -> None:
    mail = a_mail_of(LARGEST_MIME_BYTES + over, graph.address)
    if over:
        with pytest.raises(PayloadRejected) as refused:
            graph.open().send(mail.raw)
        assert refused.value.diagnosis.code == "mailTooLarge"
        assert str(LARGEST_MIME_BYTES) in refused.value.diagnosis.cause
    else:
        graph.open().send(mail.raw)
    assert graph.control.statistics(graph.address)["calls"]["microsoft"] == calls


@pytest.mark.usefixtures("small")
def test_several_large_attachments_each_have_a_session_of_their_own(graph: GraphPeer) -> None:
    graph.open().send(a_large_mail(graph.address, 5 * KB, 4 * KB, 1_000).raw)
    calls = graph.control.statistics(graph.address)["calls"]["microsoft"]
    assert {name: sum(found.values()) for name, found in calls.items()} == {
        "create_draft": 1,
        "create_upload": 2,
        "upload_range": 3,  # 4 KB each
        "send_draft": 1,
    }


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["503", "504", "cut", "429"])
@pytest.mark.parametrize("after", [False, True])
def test_a_range_that_fails_is_asked_about_and_goes_on_from_there(graph: GraphPeer, kind: str, after: bool) -> None:
    graph.interrupt("upload_range", kind, after=after)
    mail, mailbox = a_large_mail(graph.address, 9 * KB), graph.open()
    if kind == "429":
        with pytest.raises(Throttled):
            mailbox.send(mail.raw)
        assert graph.left() == []
    else:
        mailbox.send(mail.raw)
        (left,) = graph.left()
        assert left.files == {"file-0.bin": content_of(9 * KB)}


@pytest.mark.usefixtures("small")
def test_an_upload_that_never_succeeds_leaves_neither_mail_nor_draft(graph: GraphPeer) -> None:
    graph.control.force("503", match={"operation": "upload_range", "mailbox": graph.address})
    with pytest.raises(ProviderUnavailable):
        graph.open().send(a_large_mail(graph.address, 5 * KB).raw)
    assert graph.left() == []
    assert "drafts" not in [mail["places"][0] for mail in graph.control.mails("microsoft", graph.address)]


@pytest.mark.usefixtures("small")
def test_a_large_mails_open_outcome_names_its_draft(graph: GraphPeer) -> None:
    graph.interrupt("send_draft", "504", after=True)
    mailbox = graph.open()
    with pytest.raises(SendOutcomeUnknown) as unknown:
        mailbox.send(a_large_mail(graph.address, 5 * KB).raw)
    assert mailbox.draft_state(str(unknown.value.draft_id)) is DraftState.SENT


@pytest.mark.usefixtures("small")
def test_a_large_mail_through_graph_needs_the_right_to_write(graph: GraphPeer) -> None:
    graph.allow_only(SEND_ONLY)
    with pytest.raises(PermissionMissing) as refused:
        graph.open().send(a_large_mail(graph.address, 5 * KB).raw)
    assert "Mail.ReadWrite" in refused.value.diagnosis.fix
    assert graph.left() == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("over", [0, 1])
def test_an_attachment_over_what_exchange_takes_is_refused_before_it_travels(
    graph: GraphPeer, monkeypatch: pytest.MonkeyPatch, over: int
) -> None:
    monkeypatch.setattr(attachments, "LARGEST_ATTACHMENT_BYTES", 4 * KB)
    mail = a_large_mail(graph.address, 4 * KB + over)
    if over:
        with pytest.raises(PayloadRejected) as refused:
            graph.open().send(mail.raw)
        assert refused.value.diagnosis.code == "attachmentTooLarge"
        assert graph.control.statistics(graph.address)["total"] == 0
    else:
        graph.open().send(mail.raw)
    assert len(graph.left()) == 1 - over


@pytest.mark.usefixtures("small")
def test_gmail_takes_a_large_mail_from_a_key_that_may_only_send(gmail: GmailPeer) -> None:
    gmail.allow_only(SEND_ONLY)
    ids = gmail.open().send(a_large_mail(gmail.address, 9 * KB).raw)
    assert ids.provider_mail_id
    calls = gmail.control.statistics(gmail.address)["calls"]["google"]
    assert (calls["upload_begin"], calls["upload_piece"], calls["send"]) == ({"200": 1}, {"308": 3}, {"200": 1})


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("operation", ["upload_piece", "send"])
@pytest.mark.parametrize("kind", ["503", "504", "cut"])
@pytest.mark.parametrize("after", [False, True])
def test_a_piece_that_got_no_answer_is_asked_about_and_the_mail_leaves_once(
    gmail: GmailPeer, operation: str, kind: str, after: bool
) -> None:
    gmail.interrupt(operation, kind, after=after)
    ids = gmail.open().send(a_large_mail(gmail.address, 9 * KB).raw)
    (left,) = gmail.left()
    assert left.files == {"file-0.bin": content_of(9 * KB)}
    assert ids.provider_mail_id


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("after", [False, True])
def test_the_last_piece_without_any_answer_leaves_the_outcome_open(gmail: GmailPeer, after: bool) -> None:
    gmail.interrupt("send", "504", after=after)
    gmail.control.force("503", match={"operation": "upload_state", "mailbox": gmail.address})
    with pytest.raises(SendOutcomeUnknown):
        gmail.open().send(a_large_mail(gmail.address, 9 * KB).raw)
    assert len(gmail.left()) == after


@pytest.mark.usefixtures("small")
def test_an_early_piece_without_any_answer_means_that_nothing_was_sent(gmail: GmailPeer) -> None:
    gmail.control.force("503", match={"operation": "upload_*", "mailbox": gmail.address})
    with pytest.raises(ProviderUnavailable):
        gmail.open().send(a_large_mail(gmail.address, 9 * KB).raw)
    assert gmail.left() == []


@pytest.mark.parametrize("over", [0, 1])
def test_gmail_takes_a_mail_up_to_its_limit(gmail: GmailPeer, over: int) -> None:
    mail = a_mail_of(LARGEST_MAIL_BYTES + over, gmail.address)
    if over:
        with pytest.raises(PayloadRejected) as refused:
            gmail.open().send(mail.raw)
        assert str(LARGEST_MAIL_BYTES) in refused.value.diagnosis.cause
    else:
        gmail.open().send(mail.raw)
    assert len(gmail.left()) == 1 - over


@pytest.mark.usefixtures("small")
def test_a_large_draft_is_made_and_sent(peer: Peer) -> None:
    mail, mailbox = a_large_mail(peer.address, 5 * KB), peer.open()
    draft = mailbox.create_draft(mail.raw)
    assert peer.left() == []
    mailbox.send_draft(draft)
    (left,) = peer.left()
    assert left.files == {"file-0.bin": content_of(5 * KB)}
    assert left.reference == mail.reference
