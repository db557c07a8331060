"""What is particular to Graph: batches, ids that last, pages that must not lead elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import (
    BrokerOrDatabaseDown,
    CredentialsRejected,
    PayloadRejected,
    PermissionMissing,
    ProviderUnavailable,
    Throttled,
)
from shared.domain.mailboxes import Disposal, Folder, Provider
from shared.domain.tokens import AccessToken
from shared.providers.graph.client import GraphMailbox
from shared.providers.http import Transport
from tests.integration.shared.providers.doubles import RecordingBudget, Tokens
from tests.integration.shared.providers.peers import GraphPeer, a_raw_mail
from tests.integration.shared.providers.scripted_server import ScriptedServer

ADDRESS = "bounces@acme.example"


@pytest.fixture
def mailbox(server: ScriptedServer, budget: RecordingBudget, tokens: Tokens) -> Iterator[GraphMailbox]:
    """A mailbox at the scripted server."""
    key = ApiKey(1, "k", None, Provider.MICROSOFT, "k", "f", Endpoints("https://login.example", server.url))
    transport = Transport(read_timeout=2)
    yield GraphMailbox(transport, key, ADDRESS, tokens, budget)
    transport.close()


def batch_answer(*items: dict[str, Any]) -> dict[str, Any]:
    return {"responses": [{"id": str(number), **item} for number, item in enumerate(items)]}


def refusal(code: str, message: str = "said") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b'{"value": [{"id": "a"',
        b"[]",
        b"",
        b'{"value": 7}',
        b'{"value": ["a"]}',
        b'{"value": [{"id": 5, "receivedDateTime": "2026-11-21T08:00:00Z"}]}',
        b'{"value": [{"id": "a", "receivedDateTime": "yesterday"}]}',
        b'{"value": [{"id": "a", "receivedDateTime": "2026-11-21T08:00:00"}]}',
        b'{"value": [], "@odata.nextLink": 7}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_can_not_be_read_names_mailbox_and_call(
    server: ScriptedServer, mailbox: GraphMailbox, body: bytes
) -> None:
    server.answers(200, body)
    with pytest.raises(ProviderUnavailable, match=r"microsoft list_unread for bounces@acme\.example: unreadable"):
        mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=10)


@pytest.mark.parametrize("link", ["https://evil.example/v1.0/x", "//evil.example/x", "http://127.0.0.1:1/x", "/v1.0/x"])
def test_a_token_never_follows_a_page_to_another_host(server: ScriptedServer, mailbox: GraphMailbox, link: str) -> None:
    server.answers(200, {"value": [], "@odata.nextLink": link})
    with pytest.raises(ProviderUnavailable, match="not at the key's API"):
        mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=10)
    with pytest.raises(ProviderUnavailable, match="not at the key's API"):
        mailbox.list_unread(Folder.INBOX, since=None, page=link, page_size=10)
    assert len(server.received) == 1


def test_a_page_that_leads_to_itself_ends_the_listing(server: ScriptedServer, mailbox: GraphMailbox) -> None:
    page = f"{server.url}/v1.0/users/x/messages?$skip=10"
    server.answers(200, {"value": [], "@odata.nextLink": page})
    with pytest.raises(ProviderUnavailable, match="this page"):
        mailbox.list_unread(Folder.INBOX, since=None, page=page, page_size=10)


def test_the_next_page_is_asked_for_word_by_word(server: ScriptedServer, mailbox: GraphMailbox) -> None:
    link = f"{server.url}/v1.0/users/x/messages?%24skiptoken=a%2Bb&$top=1"
    server.answers(200, {"value": [], "@odata.nextLink": link})
    server.answers(200, {"value": []})
    page = mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1).next
    mailbox.list_unread(Folder.INBOX, since=None, page=page, page_size=1)
    assert server.received[1].path == "/v1.0/users/x/messages?%24skiptoken=a%2Bb&$top=1"


def test_every_request_and_every_item_asks_for_lasting_ids(server: ScriptedServer, mailbox: GraphMailbox) -> None:
    server.answers(200, {"value": []})
    server.answers(200, b"MIME", Content_Type="text/plain")
    server.answers(200, batch_answer({"status": 200}))
    mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    mailbox.fetch_raw("AAk=", max_bytes=100)
    mailbox.dispose(Disposal.MARK_READ, ["AAk="])
    assert [one.headers["prefer"] for one in server.received] == ['IdType="ImmutableId"'] * 3
    (item,) = server.received[2].json()["requests"]
    assert item["headers"] == {"Prefer": 'IdType="ImmutableId"', "Content-Type": "application/json"}
    assert (item["method"], item["url"]) == ("PATCH", f"/users/{ADDRESS}/messages/AAk%3D")


def test_a_batch_takes_all_slots_and_a_unit_for_each_mail(
    server: ScriptedServer, mailbox: GraphMailbox, budget: RecordingBudget
) -> None:
    server.answers(200, batch_answer(*[{"status": 200}] * 20))
    server.answers(200, batch_answer(*[{"status": 200}] * 5))
    mailbox.dispose(Disposal.TRASH, [f"mail-{number}" for number in range(25)])
    assert budget.spent == [(20, 4), (5, 4)]


def test_each_mail_of_a_batch_has_an_outcome_of_its_own(
    server: ScriptedServer, mailbox: GraphMailbox, budget: RecordingBudget
) -> None:
    items = [
        {"id": "3", "status": 404, "body": refusal("ErrorItemNotFound")},
        {"id": "0", "status": 201, "body": {"id": "x"}},
        {"id": "1", "status": 429, "headers": {"Retry-After": "17"}, "body": refusal("ApplicationThrottled")},
        {"id": "2", "status": 403, "body": refusal("ErrorAccessDenied")},
        {"id": "4", "status": 503, "body": "busy"},
    ]
    server.answers(200, {"responses": items})
    outcome = mailbox.dispose(Disposal.TRASH, ["done", "throttled", "denied", "gone", "busy", "forgotten"])
    assert {mail: type(said) for mail, said in outcome.items()} == {
        "done": type(None),
        "throttled": Throttled,
        "denied": PermissionMissing,
        "gone": type(None),
        "busy": ProviderUnavailable,
        "forgotten": ProviderUnavailable,
    }
    assert budget.refusals == [17.0]


@pytest.mark.parametrize("body", [{"responses": [{"id": "0"}]}, {"responses": {}}, {}, b"<html>"])
def test_a_batch_that_can_not_be_read_disposed_of_nothing(
    server: ScriptedServer, mailbox: GraphMailbox, body: Any
) -> None:
    server.answers(200, body)
    outcome = mailbox.dispose(Disposal.TRASH, ["a", "b"])
    assert {type(said) for said in outcome.values()} == {ProviderUnavailable}


def test_what_was_disposed_of_before_a_failure_stays_done(server: ScriptedServer, mailbox: GraphMailbox) -> None:
    server.answers(200, batch_answer(*[{"status": 200}] * 20))
    server.answers(503, b"")
    ids = [f"mail-{number}" for number in range(50)]
    outcome = mailbox.dispose(Disposal.TRASH, ids)
    assert [outcome[mail] is None for mail in ids] == [True] * 20 + [False] * 30
    assert len(server.received) == 2


def test_a_cloud_without_permanent_delete_is_asked_to_delete(server: ScriptedServer, mailbox: GraphMailbox) -> None:
    not_offered = {
        "status": 400,
        "body": refusal("BadRequest", "Resource not found for the segment 'permanentDelete'."),
    }
    server.answers(200, batch_answer(not_offered, not_offered))
    server.answers(200, batch_answer({"status": 204}, {"status": 204}))
    assert mailbox.dispose(Disposal.DELETE, ["a", "b"]) == {"a": None, "b": None}
    methods = [[item["method"] for item in one.json()["requests"]] for one in server.received]
    assert methods == [["POST", "POST"], ["DELETE", "DELETE"]]


def test_a_move_into_a_folder_that_vanished_is_not_taken_for_a_mail_that_is_gone(
    server: ScriptedServer, mailbox: GraphMailbox
) -> None:
    server.answers(200, {"value": [{"id": "folder-1"}]})
    server.answers(200, batch_answer({"status": 404, "body": refusal("ErrorFolderNotFound")}))
    (said,) = mailbox.dispose(Disposal.MOVE, ["a"], move_to="Seen").values()
    assert isinstance(said, PayloadRejected)


def test_a_401_renews_the_token_once(
    server: ScriptedServer, mailbox: GraphMailbox, tokens: Tokens, budget: RecordingBudget
) -> None:
    server.answers(401, refusal("InvalidAuthenticationToken"))
    server.answers(200, {"value": []})
    mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    assert [one.headers["authorization"] for one in server.received] == ["Bearer token-1", "Bearer token-2"]
    assert len(budget.spent) == 2


def test_a_second_401_is_the_keys_fault(server: ScriptedServer, mailbox: GraphMailbox, tokens: Tokens) -> None:
    for _ in range(2):
        server.answers(401, refusal("InvalidAuthenticationToken"))
    with pytest.raises(CredentialsRejected):
        mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    assert (len(server.received), tokens.renewals) == (2, 1)


def test_a_throttle_is_told_to_the_budget(
    server: ScriptedServer, mailbox: GraphMailbox, budget: RecordingBudget
) -> None:
    server.answers(429, refusal("ApplicationThrottled"), Retry_After="9")
    server.answers(429, refusal("ApplicationThrottled"))
    for _ in range(2):
        with pytest.raises(Throttled):
            mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    assert budget.refusals == [9.0, None]


def test_a_page_instead_of_a_mail_is_not_stored(server: ScriptedServer, mailbox: GraphMailbox) -> None:
    server.answers(200, b"<html>Sign in</html>", Content_Type="text/html")
    with pytest.raises(ProviderUnavailable):
        mailbox.fetch_raw("a", max_bytes=100)


def test_a_database_that_is_down_is_nobodys_outcome(server: ScriptedServer, tokens: Tokens) -> None:
    class Broken(RecordingBudget):
        @contextmanager
        def spend(self, units: float, slots: int = 1) -> Iterator[None]:
            raise BrokerOrDatabaseDown("no database")
            yield

    key = ApiKey(1, "k", None, Provider.MICROSOFT, "k", "f", Endpoints("https://login.example", server.url))
    with pytest.raises(BrokerOrDatabaseDown):
        GraphMailbox(Transport(), key, ADDRESS, tokens, Broken()).dispose(Disposal.TRASH, ["a"])


def test_an_expired_token_is_renewed_in_the_middle_of_the_work(graph: GraphPeer) -> None:
    graph.plant(a_raw_mail("one"))
    kept: list[AccessToken] = []

    def tokens(renew: bool) -> AccessToken:
        if renew or not kept:
            kept.append(graph.record.acquire_token(graph.key, graph.address, ".default"))
        return kept[-1]

    mailbox = graph.record.open_mailbox(graph.key, graph.address, tokens, graph.budget())
    mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    graph.control.expire_tokens("microsoft")
    page = mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=1)
    assert (len(page.mails), len(kept)) == (1, 2)


def test_no_call_is_refused_by_the_simulators_limits(graph: GraphPeer) -> None:
    planted = [graph.plant(a_raw_mail(str(number))) for number in range(40)]
    graph.open().dispose(Disposal.TRASH, planted)
    (observed,) = graph.control.limits(mailbox=graph.address)
    assert observed["refused"] == 0


def test_the_national_clouds_have_their_own_scope(graph: GraphPeer) -> None:
    key = replace(graph.key, endpoints=Endpoints("https://login.microsoftonline.us", "https://graph.microsoft.us"))
    subject = graph.record.token_subject(key, graph.address, ".default")
    assert (subject.subject, subject.scopes) == (key.tenant_id, "https://graph.microsoft.us/.default")
