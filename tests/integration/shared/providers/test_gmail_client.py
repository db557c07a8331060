"""What is particular to Gmail: units, raw mail inside JSON, batches with one outcome for all."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import PayloadRejected, ProviderUnavailable, Throttled
from shared.domain.mailboxes import Disposal, Folder, Provider
from shared.providers.gmail.client import GmailMailbox
from shared.providers.gmail.limits import GmailQuota
from shared.providers.gmail.record import budget_scope
from shared.providers.http import Transport
from tests.integration.shared.providers.doubles import RecordingBudget, Tokens
from tests.integration.shared.providers.peers import START, GmailPeer, a_raw_mail
from tests.integration.shared.providers.scripted_server import ScriptedServer

ADDRESS = "bounces@acme.example"


def a_key(api: str, account: str = "a@project-1.iam.gserviceaccount.com") -> ApiKey:
    endpoints = Endpoints("https://oauth2.example/token", api)
    return ApiKey(1, "k", None, Provider.GOOGLE, "k", "f", endpoints, service_account_email=account)


@pytest.fixture
def mailbox(server: ScriptedServer, budget: RecordingBudget, tokens: Tokens) -> Iterator[GmailMailbox]:
    """A mailbox at the scripted server."""
    transport = Transport(read_timeout=2)
    yield GmailMailbox(transport, GmailQuota(), a_key(server.url), ADDRESS, tokens, budget)
    transport.close()


def refusal(status: int, reason: str, message: str = "said") -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b'{"messages": [{"id": "a"',
        b"[]",
        b"",
        b'{"messages": 7}',
        b'{"messages": ["a"]}',
        b'{"messages": [{"id": 5}]}',
        b'{"messages": [], "nextPageToken": 7}',
    ],
)
def test_an_answer_that_can_not_be_read_names_mailbox_and_call(
    server: ScriptedServer, mailbox: GmailMailbox, body: bytes
) -> None:
    server.answers(200, body)
    with pytest.raises(ProviderUnavailable, match=r"google list_unread for bounces@acme\.example: unreadable"):
        mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=10)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"id": "a"}',
        b'{"raw": 7}',
        b'{"raw": "A"}',
        b'{"raw": "TUl!NRQ"}',
        b'{"raw": "TUlNRQ',
        b'["raw", "TUlNRQ"]',
    ],
)
def test_a_raw_mail_that_can_not_be_read_names_mailbox_and_call(
    server: ScriptedServer, mailbox: GmailMailbox, body: bytes
) -> None:
    server.answers(200, body)
    with pytest.raises(ProviderUnavailable, match=r"google fetch_raw for bounces@acme\.example: unreadable"):
        mailbox.fetch_raw("a", max_bytes=100)


@pytest.mark.parametrize("length", range(5))
@pytest.mark.parametrize("padded", [True, False])
def test_raw_mail_of_any_length_is_decoded_with_and_without_padding(
    server: ScriptedServer, mailbox: GmailMailbox, length: int, padded: bool
) -> None:
    content = b"\xff\xfe\xfb\xf0\xaa"[:length]
    raw = base64.urlsafe_b64encode(content).decode()
    server.answers(200, {"raw": raw if padded else raw.rstrip("="), "internalDate": "1795248000000"})
    found = mailbox.fetch_raw("a", max_bytes=100)
    assert (found.content, found.truncated) == (content, False)
    assert found.received_at == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("raw_first", [True, False])
def test_a_huge_mail_is_not_read_to_its_end(server: ScriptedServer, mailbox: GmailMailbox, raw_first: bool) -> None:
    content = bytes(range(256)) * 4_000
    raw = {"raw": base64.urlsafe_b64encode(content).decode()}
    around = {"internalDate": "1795248000000", "sizeEstimate": len(content)}
    server.answers(200, raw | around if raw_first else around | raw)
    found = mailbox.fetch_raw("a", max_bytes=10_001)
    assert (found.content, found.truncated) == (content[:10_001], True)
    if not raw_first:
        assert found.size == len(content)


def test_each_call_costs_its_units(server: ScriptedServer, mailbox: GmailMailbox, budget: RecordingBudget) -> None:
    server.answers(200, {"messages": []})
    server.answers(200, {"raw": "TUlNRQ"})
    server.answers(204, b"")
    server.answers(204, b"")
    server.answers(200, {"id": "a"})
    server.answers(204, b"")
    mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=10)
    mailbox.fetch_raw("a", max_bytes=100)
    mailbox.dispose(Disposal.TRASH, ["a", "b"])
    mailbox.dispose(Disposal.DELETE, ["a", "b"])
    mailbox.dispose(Disposal.MARK_READ, ["a"])
    mailbox.dispose(Disposal.DELETE, ["a"])
    assert [units for units, _ in budget.spent] == [5, 20, 50, 50, 5, 10]


def test_an_older_project_has_other_units_and_a_wider_limit() -> None:
    older = GmailQuota(units_per_minute=15_000, units={"get": 5})
    assert older.units["get"] == 5
    assert older.limits().units_per_second == pytest.approx(242.5)


def test_a_thousand_mails_are_one_call_and_one_more_is_two(server: ScriptedServer, mailbox: GmailMailbox) -> None:
    server.answers(204, b"")
    server.answers(200, {"id": "x"})
    ids = [f"mail-{number}" for number in range(1_001)]
    assert set(mailbox.dispose(Disposal.TRASH, ids).values()) == {None}
    assert len(server.received[0].json()["ids"]) == 1_000
    assert server.received[1].path.endswith("/messages/mail-1000/modify")


def test_a_refused_batch_is_not_taken_apart(server: ScriptedServer, mailbox: GmailMailbox) -> None:
    server.answers(400, refusal(400, "invalidArgument", "Invalid label: x"))
    outcome = mailbox.dispose(Disposal.TRASH, [f"mail-{number}" for number in range(100)])
    assert {type(said) for said in outcome.values()} == {PayloadRejected}
    assert len(server.received) == 1


def test_mails_that_are_gone_do_not_stop_a_batch_and_cost_few_calls(gmail: GmailPeer) -> None:
    planted = [gmail.plant(a_raw_mail(str(number))) for number in range(60)]
    for mail_id in planted[:3]:
        gmail.take_out(mail_id)
    assert set(gmail.open().dispose(Disposal.MARK_READ, planted).values()) == {None}
    assert not any(gmail.look(mail_id).unread for mail_id in planted[3:])


def test_the_quota_as_403_is_a_throttle_whose_time_reaches_the_budget(
    server: ScriptedServer, mailbox: GmailMailbox, budget: RecordingBudget
) -> None:
    words = "User-rate limit exceeded.  Retry after 2026-11-21T08:00:45.000Z"
    server.answers(403, refusal(403, "rateLimitExceeded", words), Date="Sat, 21 Nov 2026 08:00:00 GMT")
    with pytest.raises(Throttled):
        mailbox.fetch_raw("a", max_bytes=100)
    assert budget.refusals == [45.0]


def test_since_is_told_in_seconds_and_includes_its_own(server: ScriptedServer, mailbox: GmailMailbox) -> None:
    server.answers(200, {})
    mailbox.list_unread(Folder.JUNK, since=START, page="p2", page_size=9_999)
    assert server.received[0].path.split("?")[1] == (
        f"labelIds=SPAM&labelIds=UNREAD&includeSpamTrash=true&q=after%3A{int(START.timestamp()) - 1}"
        "&pageToken=p2&maxResults=500"
    )


def test_the_oldest_is_found_over_several_pages(gmail: GmailPeer) -> None:
    for minute in range(3):
        gmail.plant(a_raw_mail("one"), minute=10 - minute)
    assert gmail.open().oldest_unread_at(Folder.INBOX) == START + timedelta(minutes=8)


@pytest.mark.parametrize(
    ("account", "scope"),
    [
        ("one@project-1.iam.gserviceaccount.com", f"google/project-1.iam.gserviceaccount.com/{ADDRESS}"),
        ("Two@project-1.iam.gserviceaccount.com", f"google/project-1.iam.gserviceaccount.com/{ADDRESS}"),
        ("12-compute@developer.gserviceaccount.com", f"google/12-compute@developer.gserviceaccount.com/{ADDRESS}"),
    ],
)
def test_the_accounts_of_one_project_share_a_limit(account: str, scope: str) -> None:
    assert budget_scope(a_key("https://gmail.example", account), f" {ADDRESS.title()}") == scope
