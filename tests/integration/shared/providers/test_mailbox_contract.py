"""What every provider promises of a mailbox: the same tests over memory, Graph and Gmail.

Graph and Gmail are the real clients, with msal and google-auth, over https.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from shared.domain.errors import (
    ApiConnectError,
    CredentialsRejected,
    MailboxMissing,
    MailGone,
    PermissionMissing,
    ProviderUnavailable,
    Throttled,
)
from shared.domain.mailboxes import Capability, Disposal, Folder, Provider
from shared.providers.catalogue import catalogue
from shared.providers.http import Transport
from shared.providers.provider import Mailbox
from tests.integration.shared.providers.peers import READ_ONLY, START, GmailPeer, GraphPeer, Peer, Seen, a_raw_mail


def listed(mailbox: Mailbox, folder: Folder = Folder.INBOX, *, page_size: int = 100) -> list[str]:
    """All pages."""
    found, page = [], None
    while True:
        one = mailbox.list_unread(folder, since=None, page=page, page_size=page_size)
        found += [mail.provider_mail_id for mail in one.mails]
        page = one.next
        if page is None:
            return found


def test_every_provider_of_the_catalogue_is_in_this_suite() -> None:
    assert set(catalogue(Transport())) == {GraphPeer.provider, GmailPeer.provider} == set(Provider)


def test_unread_mail_is_listed_and_read_mail_is_not(peer: Peer) -> None:
    unread = peer.plant(a_raw_mail("one"))
    peer.plant(a_raw_mail("two"), unread=False)
    assert listed(peer.open()) == [unread]


def test_an_empty_folder_is_one_empty_page(peer: Peer) -> None:
    page = peer.open().list_unread(Folder.JUNK, since=None, page=None, page_size=10)
    assert (page.mails, page.next) == ((), None)


def test_each_folder_is_listed_alone(peer: Peer) -> None:
    inbox, junk = peer.plant(a_raw_mail("one")), peer.plant(a_raw_mail("two"), folder=Folder.JUNK)
    mailbox = peer.open()
    assert (listed(mailbox, Folder.INBOX), listed(mailbox, Folder.JUNK)) == ([inbox], [junk])


def test_pages_follow_each_other_to_the_end_and_hold_each_mail_once(peer: Peer) -> None:
    planted = [peer.plant(a_raw_mail(str(number)), minute=number) for number in range(7)]
    found = listed(peer.open(), page_size=3)
    assert sorted(found) == sorted(planted)


def test_since_leaves_out_what_came_before(peer: Peer) -> None:
    peer.plant(a_raw_mail("old"), minute=0)
    at, after = peer.plant(a_raw_mail("at"), minute=10), peer.plant(a_raw_mail("after"), minute=20)
    page = peer.open().list_unread(Folder.INBOX, since=START + timedelta(minutes=10), page=None, page_size=10)
    assert {mail.provider_mail_id for mail in page.mails} == {at, after}


def test_a_listing_names_the_time_or_none(peer: Peer) -> None:
    peer.plant(a_raw_mail("one"), minute=5)
    (mail,) = peer.open().list_unread(Folder.INBOX, since=None, page=None, page_size=10).mails
    assert mail.received_at in (None, START + timedelta(minutes=5))
    assert mail.folder is Folder.INBOX


def test_raw_mime_comes_back_byte_for_byte(peer: Peer) -> None:
    raw = a_raw_mail("Rücksendung") + bytes(range(256)) * 3
    found = peer.open().fetch_raw(peer.plant(raw), max_bytes=1_000_000)
    assert (found.content, found.truncated, found.size) == (raw, False, len(raw))


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_mail_is_cut_only_when_it_is_over_the_cap(peer: Peer, over: int) -> None:
    raw = a_raw_mail("boundary", size=3_000)
    found = peer.open().fetch_raw(peer.plant(raw), max_bytes=len(raw) - over)
    assert (found.content, found.truncated) == (raw[: len(raw) - over], over > 0)


def test_a_huge_mail_is_cut_and_its_size_is_known(peer: Peer) -> None:
    raw = a_raw_mail("huge", size=3_000_000)
    found = peer.open().fetch_raw(peer.plant(raw), max_bytes=100_000)
    assert (found.content, found.truncated) == (raw[:100_000], True)
    assert found.size >= 100_000


def test_reading_a_mail_leaves_it_unread(peer: Peer) -> None:
    mail_id = peer.plant(a_raw_mail("one"))
    peer.open().fetch_raw(mail_id, max_bytes=1_000)
    assert peer.look(mail_id) == Seen("inbox", unread=True)


def test_a_mail_that_somebody_took_out_is_gone(peer: Peer) -> None:
    mail_id = peer.plant(a_raw_mail("one"))
    peer.take_out(mail_id)
    with pytest.raises(MailGone):
        peer.open().fetch_raw(mail_id, max_bytes=1_000)


@pytest.mark.parametrize("folder", list(Folder))
@pytest.mark.parametrize(
    ("disposal", "place"),
    [
        (Disposal.LEAVE, None),
        (Disposal.MARK_READ, None),
        (Disposal.MOVE, "Bounces seen"),
        (Disposal.TRASH, "trash"),
        (Disposal.DELETE, "gone"),
    ],
)
def test_a_disposal_does_what_it_says(peer: Peer, disposal: Disposal, place: str | None, folder: Folder) -> None:
    mail_id, other = peer.plant(a_raw_mail("one"), folder=folder), peer.plant(a_raw_mail("two"), folder=folder)
    move_to = "Bounces seen" if disposal is Disposal.MOVE else None
    assert peer.open().dispose(disposal, [mail_id], move_to=move_to) == {mail_id: None}
    assert peer.look(mail_id).place == (place or folder.value)
    assert peer.look(other) == Seen(folder.value, unread=True)
    if disposal is not Disposal.LEAVE:
        assert listed(peer.open(), folder) == [other]
    if disposal is Disposal.MARK_READ:
        assert not peer.look(mail_id).unread


@pytest.mark.parametrize("disposal", [Disposal.MARK_READ, Disposal.MOVE, Disposal.TRASH, Disposal.DELETE])
def test_a_mail_that_is_gone_counts_as_disposed_of_and_does_not_stop_the_rest(peer: Peer, disposal: Disposal) -> None:
    first, gone, last = (peer.plant(a_raw_mail(str(number))) for number in range(3))
    peer.take_out(gone)
    mailbox = peer.open()
    outcome = mailbox.dispose(disposal, [first, gone, last], move_to="Elsewhere")
    assert outcome == {first: None, gone: None, last: None}
    assert listed(mailbox) == []


def test_the_same_disposal_twice_is_the_same_as_once(peer: Peer) -> None:
    mail_id = peer.plant(a_raw_mail("one"))
    mailbox = peer.open()
    for _ in range(2):
        assert mailbox.dispose(Disposal.TRASH, [mail_id]) == {mail_id: None}
    assert peer.look(mail_id).place == "trash"


def test_a_move_finds_the_folder_that_the_move_before_made(peer: Peer) -> None:
    first, second = peer.plant(a_raw_mail("one")), peer.plant(a_raw_mail("two"))
    for mail_id in (first, second):
        assert peer.open().dispose(Disposal.MOVE, [mail_id], move_to="O'Hara's") == {mail_id: None}
    assert peer.look(first).place == peer.look(second).place == "O'Hara's"


def test_a_mail_keeps_its_id_when_it_is_moved(peer: Peer) -> None:
    raw = a_raw_mail("one")
    mail_id = peer.plant(raw)
    peer.open().dispose(Disposal.TRASH, [mail_id])
    assert peer.open().fetch_raw(mail_id, max_bytes=10_000).content == raw


def test_more_than_a_batch_is_disposed_of_in_one_go(peer: Peer) -> None:
    planted = [peer.plant(a_raw_mail(str(number))) for number in range(45)]
    outcome = peer.open().dispose(Disposal.TRASH, planted)
    assert outcome == dict.fromkeys(planted)
    assert {peer.look(mail_id).place for mail_id in planted} == {"trash"}


def test_nothing_to_dispose_of_is_no_call(peer: Peer) -> None:
    peer.fail("dispose", Throttled)
    assert peer.open().dispose(Disposal.TRASH, []) == {}


def test_the_oldest_unread_mail_is_found(peer: Peer) -> None:
    for minute in (30, 10, 20):
        peer.plant(a_raw_mail("one"), minute=minute)
    peer.plant(a_raw_mail("read"), minute=5, unread=False)
    mailbox = peer.open()
    assert mailbox.oldest_unread_at(Folder.INBOX) == START + timedelta(minutes=10)
    assert mailbox.oldest_unread_at(Folder.JUNK) is None


@pytest.mark.parametrize("error", [Throttled, ProviderUnavailable, PermissionMissing, MailboxMissing])
def test_a_listing_that_fails_says_by_its_type_what_follows(peer: Peer, error: type[ApiConnectError]) -> None:
    peer.fail("list_unread", error)
    with pytest.raises(error):
        listed(peer.open())


@pytest.mark.parametrize("error", [Throttled, ProviderUnavailable, PermissionMissing])
def test_a_disposal_that_fails_says_so_for_each_mail(peer: Peer, error: type[ApiConnectError]) -> None:
    mail_id = peer.plant(a_raw_mail("one"))
    peer.fail("dispose", error)
    outcome = peer.open().dispose(Disposal.TRASH, [mail_id])
    assert {mail: type(said) for mail, said in outcome.items()} == {mail_id: error}
    assert peer.look(mail_id) == Seen("inbox", unread=True)


@pytest.mark.parametrize("error", [CredentialsRejected, ProviderUnavailable, Throttled])
def test_a_token_that_is_refused_says_by_its_type_what_follows(peer: Peer, error: type[ApiConnectError]) -> None:
    peer.fail("token", error)
    with pytest.raises(error):
        peer.record.acquire_token(peer.key, peer.address, peer.record.scopes[Capability.READ][0])


def test_a_key_that_may_only_read_still_reads(peer: Peer) -> None:
    raw = a_raw_mail("one")
    mail_id = peer.plant(raw)
    peer.allow_only(READ_ONLY)
    mailbox = peer.open()
    assert listed(mailbox) == [mail_id]
    assert mailbox.fetch_raw(mail_id, max_bytes=10_000).content == raw
    assert {type(said) for said in mailbox.dispose(Disposal.TRASH, [mail_id]).values()} == {PermissionMissing}
    assert peer.look(mail_id) == Seen("inbox", unread=True)


def test_one_mailbox_serves_several_threads(peer: Peer) -> None:
    raws = {peer.plant(raw): raw for raw in (a_raw_mail(str(number)) for number in range(12))}
    mailbox = peer.open()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda mail_id: mailbox.fetch_raw(mail_id, max_bytes=10_000).content, raws))
    assert found == list(raws.values())


def test_neither_key_nor_token_shows_itself(peer: Peer) -> None:
    token = peer.record.acquire_token(peer.key, peer.address, peer.record.scopes[Capability.READ][0])
    secrets = [part for part in (peer.key.client_secret, peer.key.private_key, token.value) if part]
    shown = repr(peer.key) + repr(token) + repr(peer.record.token_subject(peer.key, peer.address, "a"))
    assert not any(secret in shown for secret in secrets)
