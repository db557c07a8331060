"""Limits with the providers' own words, forced errors before and after the work, and what is written down."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

M365 = "bounces@contoso.example"
GMAIL = "bounces@corp.example"
MIME = b64encode(b"To: <gone@example.net>\r\nMessage-ID: <mine@contoso.example>\r\n\r\nHi\r\n")


def _together(count: int, work: Callable[[], int]) -> list[int]:
    """Run `work` in that many threads at once."""
    results: list[int] = []
    gate = threading.Barrier(count)

    def one() -> None:
        gate.wait()
        results.append(work())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def test_a_fifth_request_at_once_is_refused_by_graph(bench: Any) -> None:
    graphs = [bench.graph() for _ in range(6)]
    bench.control.set_latency(800, "microsoft")
    assert _together(6, lambda: graphs.pop()("GET", "/messages").status_code) == [200] * 4 + [429] * 2
    (seen,) = bench.control.limits("microsoft", M365)
    assert (seen["requests"], seen["refused"], seen["max_concurrent"]) == (6, 2, 5)
    assert seen["over_limit"]


def test_graph_names_concurrency_and_when_to_come_back(bench: Any) -> None:
    bench.control.set_limits("microsoft", concurrent=0)
    refused = bench.graph()("GET", "/messages")
    assert refused.json()["error"]["code"] == "ApplicationThrottled"
    assert refused.json()["error"]["message"] == "Application is over its MailboxConcurrency limit."
    assert int(refused.headers["Retry-After"]) >= 1


def test_a_window_that_is_full_refuses_until_it_has_moved_on(bench: Any) -> None:
    bench.control.set_limits("microsoft", amount=3, window=600)
    graph = bench.graph()
    assert [graph("GET", "/messages").status_code for _ in range(4)] == [200, 200, 200, 429]
    (seen,) = bench.control.limits("microsoft")
    assert (seen["max_in_any_window"], seen["max_asked_in_any_window"], seen["over_limit"]) == (3, 4, True)


def test_a_bucket_that_starts_empty_refuses_at_once(bench: Any) -> None:
    bench.control.set_limits("google", starts_empty=True, amount=60, window=6000)
    assert bench.gmail()("GET", "/profile").status_code == 403


def test_gmail_says_when_in_the_text_and_with_a_403(bench: Any) -> None:
    bench.control.set_limits("google", amount=24)
    (mail,) = bench.plant("google")
    gmail = bench.gmail()
    assert gmail("GET", f"/messages/{mail}?format=raw").status_code == 200  # 20 units
    refused = gmail("GET", "/messages")  # 5 units: 25 of 24
    error = refused.json()["error"]
    assert (refused.status_code, error["errors"][0]["reason"]) == (403, "rateLimitExceeded")
    text, _, moment = error["message"].partition("  Retry after ")
    assert text == "User-rate limit exceeded."
    wait = datetime.fromisoformat(moment) - datetime.now(UTC)
    assert 50 < wait.total_seconds() <= 60
    assert "Retry-After" not in refused.headers
    assert bench.control.limits("google")[0]["max_in_any_window"] == 20


def test_the_table_of_units_can_be_the_old_one(bench: Any) -> None:
    bench.control.set_limits("google", amount=24, units={"raw": 5})
    (mail,) = bench.plant("google")
    gmail = bench.gmail()
    statuses = [gmail("GET", f"/messages/{mail}?format=raw").status_code for _ in range(5)]
    assert statuses == [200] * 4 + [403]  # 4 * 5 units fit into 24, 5 * 5 do not


def test_items_of_a_batch_are_counted_one_by_one(bench: Any) -> None:
    bench.control.set_limits("microsoft", amount=3)
    graph = bench.graph()
    listed = [{"id": str(n), "method": "GET", "url": f"/users/{M365}/messages"} for n in range(5)]
    answer = graph("POST", f"{graph.base}/$batch", json={"requests": listed})
    items = answer.json()["responses"]
    assert sorted(one["status"] for one in items) == [200] * 3 + [429] * 2
    assert all("Retry-After" in one["headers"] for one in items if one["status"] == 429)


def test_a_batch_of_twenty_stays_within_four_at_once(bench: Any) -> None:
    graph = bench.graph()
    bench.control.set_latency(10)
    listed = [{"id": str(n), "method": "GET", "url": f"/users/{M365}/messages"} for n in range(20)]
    answer = graph("POST", f"{graph.base}/$batch", json={"requests": listed})
    assert {one["status"] for one in answer.json()["responses"]} == {200}
    assert bench.control.limits("microsoft")[0]["max_concurrent"] == 4


def test_a_504_after_the_work_has_really_sent_the_mail(bench: Any) -> None:
    bench.control.force(504, match={"operation": "send"}, when="after", times=1)
    answer = bench.graph()("POST", "/sendMail", data=MIME, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 504
    assert [one["message_id"] for one in bench.control.sent()] == ["<mine@contoso.example>"]


def test_a_503_before_the_work_has_sent_nothing(bench: Any) -> None:
    bench.control.force(503, match={"operation": "send"}, times=1, retry_after=7)
    answer = bench.graph()("POST", "/sendMail", data=MIME, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert bench.control.sent() == []


@pytest.mark.parametrize(("when", "left"), [("before", 1), ("after", 0)])
def test_a_cut_connection_leaves_the_work_undone_or_done(bench: Any, when: str, left: int) -> None:
    (mail,) = bench.plant("google")
    bench.control.force("cut", match={"mailbox": GMAIL, "operation": "delete"}, when=when, times=1)
    gmail = bench.gmail()
    with pytest.raises(requests.exceptions.ConnectionError):
        gmail("DELETE", f"/messages/{mail}")
    assert len(bench.control.mails("google", GMAIL)) == left
    assert gmail("GET", "/profile").status_code == 200


def test_a_slow_answer_outlasts_the_clients_patience_and_the_work_is_done(bench: Any) -> None:
    (mail,) = bench.plant("google")
    gmail = bench.gmail()
    bench.control.force("slow:0.6", match={"operation": "delete"}, times=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        gmail.session.delete(f"{gmail.base}{gmail.mailbox}/messages/{mail}", timeout=0.2)
    end = time.monotonic() + 10
    while bench.control.mails("google", GMAIL) and time.monotonic() < end:
        pass
    assert [one["how"] for one in bench.control.removals()] == ["delete"]


@pytest.mark.parametrize("kind", ["not_json", "truncated_json"])
def test_an_answer_may_be_no_json_at_all(bench: Any, kind: str) -> None:
    bench.plant("microsoft")
    bench.control.force(kind, match={"provider": "microsoft", "operation": "list"}, when="after", times=1)
    graph = bench.graph()
    with pytest.raises(requests.exceptions.JSONDecodeError):
        graph("GET", "/messages").json()
    assert len(graph("GET", "/messages").json()["value"]) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_each_status_comes_in_the_providers_own_shape(bench: Any, status: int) -> None:
    bench.control.force(status, times=2, match={"operation": "list"}, retry_after=3)
    graph, gmail = bench.graph()("GET", "/messages"), bench.gmail()("GET", "/messages")
    assert (graph.status_code, gmail.status_code) == (status, status)
    assert graph.json()["error"]["code"]
    assert gmail.json()["error"]["errors"][0]["reason"]
    assert ("Retry-After" in graph.headers, "Retry-After" in gmail.headers) == (True, False)


def test_a_seed_makes_chance_repeatable(bench: Any) -> None:
    gmail = bench.gmail()

    def statuses() -> list[int]:
        bench.control.clear_faults()
        bench.control.set_seed(7)
        bench.control.force(500, probability=0.5, match={"provider": "google", "operation": "profile"})
        return [gmail("GET", "/profile").status_code for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 500}
    assert statuses() == first


def test_every_removal_is_written_down_with_its_way_and_time(bench: Any) -> None:
    first, second, third = bench.plant("microsoft", 3)
    graph, gmail = bench.graph(), bench.gmail()
    graph("DELETE", f"/messages/{first}")
    graph("POST", f"/messages/{second}/permanentDelete", data=b"")
    graph("POST", f"/messages/{third}/move", json={"destinationId": "junkemail"})
    ids = bench.plant("google", 4)
    gmail("POST", f"/messages/{ids[0]}/trash")
    gmail("DELETE", f"/messages/{ids[1]}")
    gmail("POST", "/messages/batchDelete", json={"ids": [ids[2]]})
    gmail("POST", "/messages/batchModify", json={"ids": [ids[3]], "removeLabelIds": ["UNREAD"]})
    log = bench.control.removals()
    assert [one["how"] for one in log] == ["delete", "permanentDelete", "move", "trash", "delete", "batchDelete"]
    assert [one["message_id"] for one in log[:3]] == [f"<{n}@planted.example>" for n in (1, 2, 3)]
    moments = [datetime.fromisoformat(one["at"]) for one in log]
    assert moments == sorted(moments)
    assert all(len(one["at"]) == len("2026-11-21T00:00:00.000000+00:00") for one in log)
    assert bench.control.removals(mailbox=GMAIL, after=4) == log[4:]


@pytest.mark.parametrize(
    ("provider", "mailbox", "mark"),
    [
        ("microsoft", M365, b"X-MS-Exchange-Message-Is-Ndr:"),
        ("google", GMAIL, b"X-Failed-Recipients: gone@example.net"),
    ],
)
def test_a_send_is_answered_with_the_providers_own_report(bench: Any, provider: str, mailbox: str, mark: bytes) -> None:
    bench.control.answer_sends("hard", domain="example.net")
    if provider == "microsoft":
        bench.graph()("POST", "/sendMail", data=MIME, headers={"Content-Type": "text/plain"})
    else:
        url = f"{bench.simulator.http_url}/upload/gmail/v1/users/me/messages/send?uploadType=media"
        bench.gmail()("POST", url, data=b"To: <gone@example.net>\r\nMessage-ID: <m@corp.example>\r\n\r\nHi\r\n")
    inbox = {"microsoft": "inbox", "google": "INBOX"}[provider]
    (report,) = [one for one in bench.control.mails(provider, mailbox) if inbox in one["places"]]
    raw = bench.control.raw(provider, mailbox, report["id"])
    assert mark in raw
    assert bench.control.sent()[0]["message_id"].encode() in raw


def test_statistics_count_calls_by_operation_and_status(bench: Any) -> None:
    graph = bench.graph()
    graph("GET", "/messages")
    graph("GET", "/messages/short")
    calls = bench.control.statistics()["calls"]["microsoft"]
    assert (calls["list"], calls["get"], calls["token"]) == ({"200": 1}, {"400": 1}, {"200": 1})
    assert bench.control.statistics(M365)["total"] == 2
    bench.control.restart_statistics()
    assert bench.control.statistics()["total"] == 0


def test_mail_to_a_mailbox_here_arrives(bench: Any) -> None:
    raw = f"To: <{GMAIL}>\r\nSubject: across\r\n\r\nHi\r\n".encode()
    bench.graph()("POST", "/sendMail", data=b64encode(raw), headers={"Content-Type": "text/plain"})
    assert [one["subject"] for one in bench.control.mails("google", GMAIL)] == ["across"]
