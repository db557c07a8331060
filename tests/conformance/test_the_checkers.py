"""The checkers themselves: right answers pass, and each wrong one is found and named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.discovery import Discovery
from tests.conformance.exchanges import Exchange, WrongAnswer
from tests.conformance.graph_shapes import check_exchange

GUID = "11111111-1111-1111-1111-111111111111"
JSON = {"content-type": "application/json", "request-id": GUID}
USER = "https://localhost/v1.0/users/a%40example.com"
GMAIL = "https://localhost/gmail/v1/users/me"
MAIL = {"id": "18c", "threadId": "18c", "labelIds": ["INBOX"], "historyId": "7", "internalDate": "1790000000000"}
MESSAGE = {"@odata.context": "c", "@odata.etag": 'W/"1"', "id": "AAMk", "isRead": False}
ERROR = {"code": 404, "message": "m", "status": "NOT_FOUND"}
GRAPH_ERROR = {"code": "c", "message": "m"}
INNER = {"date": "d", "request-id": GUID, "client-request-id": "c"}


def exchange(url: str, document: Any, status: int = 200, method: str = "GET", **headers: str) -> Exchange:
    content = b"" if document is None else json.dumps(document).encode()
    return Exchange(method, url, status, JSON | headers, content, {}, b"")


RIGHT_GMAIL = [
    exchange(f"{GMAIL}/messages/18c", MAIL),
    exchange(f"{GMAIL}/messages?alt=json", {"messages": [{"id": "1", "threadId": "1"}], "resultSizeEstimate": 1}),
    exchange(f"{GMAIL}/messages/18c", None, 204, "DELETE"),
    exchange(
        f"{GMAIL}/messages/18c", {"error": ERROR | {"errors": [{"message": "m", "domain": "d", "reason": "r"}]}}, 404
    ),
]
WRONG_GMAIL = [
    (exchange(f"{GMAIL}/messages/18c", MAIL | {"isRead": True}), "isRead"),
    (exchange(f"{GMAIL}/messages/18c", MAIL | {"historyId": 7}), "historyId"),
    (exchange(f"{GMAIL}/messages/18c", MAIL | {"internalDate": "soon"}), "internalDate"),
    (exchange(f"{GMAIL}/messages/18c", MAIL | {"sizeEstimate": 2**31}), "sizeEstimate"),
    (exchange(f"{GMAIL}/messages/18c", MAIL | {"raw": "a+b/"}), "raw"),
    (exchange(f"{GMAIL}/messages/18c", MAIL | {"payload": {"parts": [{"body": {"size": "1"}}]}}), "parts"),
    (exchange(f"{GMAIL}/messages/18c", MAIL, method="DELETE"), "answers nothing"),
    (exchange(f"{GMAIL}/letters", MAIL), "no method"),
    (exchange(f"{GMAIL}/labels/L", {"id": "L", "type": "mine"}), "type"),
    (exchange(f"{GMAIL}/messages/18c", {"error": ERROR}, 404), "errors"),
    (exchange(f"{GMAIL}/messages/18c", {"error": "notFound"}, 404), "error"),
    (replace(RIGHT_GMAIL[3], status=403), "another status"),
    (replace(RIGHT_GMAIL[0], content=b"<html>"), "not JSON"),
]
RIGHT_GRAPH = [
    exchange(f"{USER}/messages/AAMk?$select=isRead", MESSAGE),
    exchange(f"{USER}/mailFolders/inbox/messages", {"@odata.context": "c", "value": []}),
    Exchange("POST", f"{USER}/sendMail", 202, {"request-id": GUID}, b"", {}, b""),
    exchange(f"{USER}/messages/AAMk", {"error": GRAPH_ERROR | {"innerError": INNER}}, 404),
]
WRONG_GRAPH = [
    (exchange(f"{USER}/messages/AAMk?$select=isRead", MESSAGE | {"isRead": "false"}), "isRead"),
    (exchange(f"{USER}/messages/AAMk?$select=isRead", MESSAGE | {"subject": "x"}), "not asked for"),
    (exchange(f"{USER}/messages/AAMk?$select=isRead", MESSAGE | {"labels": []}), "has no labels"),
    (exchange(f"{USER}/messages/AAMk", MESSAGE), "without"),
    (exchange(f"{USER}/messages/AAMk?$select=isRead", {"id": "AAMk"}), "context"),
    (exchange(f"{USER}/messages", {"@odata.context": "c", "value": [], "nextPageToken": "2"}), "collection"),
    (exchange(f"{USER}/messages", {"@odata.context": "c", "value": [], "@odata.nextLink": "https://x.example/v1.0"}), "next"),
    (replace(RIGHT_GRAPH[2], headers=JSON), "names a type"),
    (replace(RIGHT_GRAPH[2], status=200), "answers with 202"),
    (replace(RIGHT_GRAPH[2], headers={}), "request-id"),
    (exchange(f"{USER}/messages/AAMk", {"error": GRAPH_ERROR}, 404), "shape of an error"),
    (replace(RIGHT_GRAPH[3], status=429), "Retry-After"),
    (replace(RIGHT_GRAPH[3], status=401), "WWW-Authenticate"),
]  # fmt: skip


@pytest.mark.parametrize("right", RIGHT_GMAIL, ids=str)
def test_a_right_answer_of_gmail_passes(discovery: Discovery, right: Exchange) -> None:
    discovery.check(right)


@pytest.mark.parametrize(("wrong", "named"), WRONG_GMAIL, ids=[named for _, named in WRONG_GMAIL])
def test_a_wrong_answer_of_gmail_is_found(discovery: Discovery, wrong: Exchange, named: str) -> None:
    with pytest.raises(WrongAnswer, match=named):
        discovery.check(wrong)


@pytest.mark.parametrize("right", RIGHT_GRAPH, ids=str)
def test_a_right_answer_of_graph_passes(right: Exchange) -> None:
    check_exchange(right)


@pytest.mark.parametrize(("wrong", "named"), WRONG_GRAPH, ids=[named for _, named in WRONG_GRAPH])
def test_a_wrong_answer_of_graph_is_found(wrong: Exchange, named: str) -> None:
    with pytest.raises(WrongAnswer, match=named):
        check_exchange(wrong)
