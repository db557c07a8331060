"""What both providers do with what is sent: limits, late copies, headers that are dropped, large attachments, and the log."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
import requests

from services.simulator.core.header_fields import field

M365 = "bounces@contoso.example"
GMAIL = "bounces@corp.example"
KB = 1024


def a_mail(number: int = 1, to: str = "a@example.net") -> bytes:
    return (
        f"To: <{to}>\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@ours.example>\r\n"
        f"X-ApiConnect-Reference: ref-{number}\r\n\r\nHi\r\n"
    ).encode()


def send(api: Any, raw: bytes) -> requests.Response:
    """One mail through either provider."""
    if "v1.0" in api.base:
        answer: requests.Response = api(
            "POST", "/sendMail", data=b64encode(raw), headers={"Content-Type": "text/plain"}
        )
    else:
        answer = api("POST", "/messages/send", json={"raw": urlsafe_b64encode(raw).decode()})
    return answer


def as_json(number: int = 1) -> dict[str, Any]:
    """A message with our header by JSON."""
    return {
        "subject": f"Mail {number}",
        "toRecipients": [{"emailAddress": {"address": "a@example.net"}}],
        "internetMessageHeaders": [{"name": "X-ApiConnect-Reference", "value": f"ref-{number}"}],
    }


def test_every_delivery_is_logged_without_its_content(bench: Any) -> None:
    graph, gmail = bench.graph(), bench.gmail()
    send(graph, a_mail(1))
    send(gmail, a_mail(2, "b@example.net, c@example.net"))
    first, second = bench.control.deliveries()
    assert (first["mailbox"], first["submitted_message_id"], first["reference"]) == (M365, "<1@ours.example>", "ref-1")
    assert (second["mailbox"], second["recipients"]) == (GMAIL, ["b@example.net", "c@example.net"])
    assert "raw" not in first
    assert bench.control.deliveries(after=1) == bench.control.deliveries(GMAIL) == [second]


def test_a_mail_that_left_twice_is_logged_twice(bench: Any) -> None:
    graph = bench.graph()
    bench.control.force(504, match={"operation": "send"}, when="after", times=1)
    for _ in range(2):
        send(graph, a_mail())
    assert [one["reference"] for one in bench.control.deliveries()] == ["ref-1", "ref-1"]


def test_the_reference_is_logged_even_where_the_mailbox_drops_it(bench: Any) -> None:
    bench.control.register_mailbox("microsoft", M365, custom_headers="drop")
    send(bench.graph(), a_mail())
    assert bench.control.deliveries()[0]["reference"] == "ref-1"
    assert field(bench.control.sent()[0]["raw"], "X-ApiConnect-Reference") == ""


@pytest.mark.parametrize("by", ["send", "draft"])
def test_custom_headers_of_mime_are_dropped_until_one_came_by_json(bench: Any, by: str) -> None:
    bench.control.register_mailbox("microsoft", M365, custom_headers="drop_until_primed")
    graph = bench.graph()
    send(graph, a_mail(1))
    if by == "send":
        graph("POST", "/sendMail", json={"message": as_json(2)})
    else:
        graph("POST", "/messages", json=as_json(2))
    send(graph, a_mail(3))
    kept = [field(one["raw"], "X-ApiConnect-Reference") for one in bench.control.sent()]
    assert kept == (["", "ref-2", "ref-3"] if by == "send" else ["", "ref-3"])


def test_sent_items_come_late_by_a_time_between_two(bench: Any) -> None:
    bench.control.register_mailbox("microsoft", M365, sent_items_delay=100, sent_items_delay_most=200)
    send(bench.graph(), a_mail())
    assert bench.control.mails("microsoft", M365) == []
    assert len(bench.control.deliveries()) == 1


def test_a_sent_draft_lies_where_its_time_puts_it(bench: Any) -> None:
    graph = bench.graph(immutable=True)
    draft = graph("POST", "/messages", data=b64encode(a_mail(1)), headers={"Content-Type": "text/plain"}).json()["id"]
    send(graph, a_mail(2))
    graph("POST", f"/messages/{draft}/send", data=b"")
    listed = graph("GET", "/mailFolders/sentitems/messages", params={"$select": "subject"}).json()["value"]
    assert [one["subject"] for one in listed] == ["Mail 1", "Mail 2"]  # the newest first


def test_a_draft_whose_copy_is_late_is_neither_draft_nor_sent(bench: Any) -> None:
    bench.control.register_mailbox("microsoft", M365, sent_items_delay=100)
    graph = bench.graph(immutable=True)
    draft = graph("POST", "/messages", data=b64encode(a_mail()), headers={"Content-Type": "text/plain"}).json()["id"]
    graph("POST", f"/messages/{draft}/send", data=b"")
    assert graph("GET", f"/messages/{draft}").status_code == 404


def test_what_was_sent_shows_no_internet_headers_but_its_mime_has_them(bench: Any) -> None:
    graph = bench.graph()
    send(graph, a_mail())
    url = "/mailFolders/sentitems/messages"
    (copy,) = graph("GET", url, params={"$select": "id,internetMessageHeaders"}).json()["value"]
    assert "internetMessageHeaders" not in copy
    assert b"X-ApiConnect-Reference: ref-1" in graph("GET", f"/messages/{copy['id']}/$value").content


def test_mail_over_the_rate_of_a_minute_is_taken_and_held_back(bench: Any) -> None:
    bench.control.set_send_limits("microsoft", per_minute=2)
    graph = bench.graph()
    assert [send(graph, a_mail(number)).status_code for number in range(3)] == [202] * 3
    first, second, third = bench.control.deliveries()
    assert third["at"] > second["at"] >= first["at"]
    assert len(bench.control.mails("microsoft", M365)) == 2
    (seen,) = bench.control.send_limits("microsoft")
    assert (seen["sent"], seen["held"], seen["max_asked_in_any_minute"], seen["over_limit"]) == (3, 1, 3, True)


def test_it_may_be_refused_instead(bench: Any) -> None:
    bench.control.set_send_limits("microsoft", mailbox=M365, per_minute=1, over_minute="refuse")
    graph = bench.graph()
    send(graph, a_mail(1))
    refused = send(graph, a_mail(2))
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "ErrorExceededMessageLimit")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert len(bench.control.deliveries()) == 1


@pytest.mark.parametrize("draft", [False, True])
def test_the_recipients_of_a_day_are_counted_and_the_rest_refused(bench: Any, draft: bool) -> None:
    bench.control.set_send_limits("microsoft", recipients_per_day=3)
    graph = bench.graph()
    send(graph, a_mail(1, "a@example.net, b@example.net"))
    raw = a_mail(2, "c@example.net, d@example.net")
    if draft:
        made = graph("POST", "/messages", data=b64encode(raw), headers={"Content-Type": "text/plain"}).json()["id"]
        refused = graph("POST", f"/messages/{made}/send", data=b"")
        assert graph("GET", f"/messages/{made}").json()["isDraft"]
    else:
        refused = send(graph, raw)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "ErrorSubmissionQuotaExceeded")
    assert len(bench.control.deliveries()) == 1


def test_gmail_refuses_what_is_over_a_day_and_says_that_it_is_about_sending(bench: Any) -> None:
    bench.control.set_send_limits("google", messages_per_day=1)
    gmail = bench.gmail()
    send(gmail, a_mail(1))
    refused = send(gmail, a_mail(2))
    error = refused.json()["error"]
    assert (refused.status_code, error["errors"][0]["reason"]) == (429, "userRateLimitExceeded")
    assert "(Mail sending)" in error["message"]
    assert gmail("GET", "/profile").status_code == 200


def test_limits_that_are_lifted_hold_nothing_back(bench: Any) -> None:
    bench.control.set_send_limits(enforced=False)
    bench.control.set_limits("microsoft", enforced=False)
    graph = bench.graph()
    assert {send(graph, a_mail(number)).status_code for number in range(40)} == {202}
    assert len(bench.control.mails("microsoft", M365)) == 40


@pytest.mark.parametrize(("provider", "code"), [("microsoft", 400), ("google", 400)])
def test_a_mail_to_too_many_is_refused(bench: Any, provider: str, code: int) -> None:
    api = bench.graph() if provider == "microsoft" else bench.gmail()
    people = ", ".join(f"a{number}@example.net" for number in range(501))
    assert send(api, a_mail(1, people)).status_code == code
    assert bench.control.deliveries() == []


def a_session(bench: Any, size: int) -> tuple[Any, str, str]:
    """A draft, and where the ranges of its attachment go."""
    graph = bench.graph(immutable=True)
    draft = graph("POST", "/messages", data=b64encode(a_mail()), headers={"Content-Type": "text/plain"}).json()["id"]
    item = {"attachmentType": "file", "name": "a.bin", "size": size}
    made = graph("POST", f"/messages/{draft}/attachments/createUploadSession", json={"AttachmentItem": item})
    assert (made.status_code, made.json()["nextExpectedRanges"]) == (201, ["0-"])
    return graph, draft, made.json()["uploadUrl"]


def put(bench: Any, url: str, content: bytes, at: int, size: int) -> requests.Response:
    """One range, without a token."""
    headers = {"Content-Range": f"bytes {at}-{at + len(content) - 1}/{size}"}
    answer: requests.Response = bench.session().put(url, data=content, headers=headers, timeout=20)
    return answer


def test_an_attachment_comes_in_ranges_and_a_range_may_come_again(bench: Any) -> None:
    content = bytes(range(256)) * 40
    graph, draft, url = a_session(bench, len(content))
    assert put(bench, url, content[:4_000], 0, len(content)).json()["nextExpectedRanges"] == ["4000-"]
    assert put(bench, url, content[2_000:6_000], 2_000, len(content)).json()["nextExpectedRanges"] == ["6000-"]
    assert bench.session().get(url, timeout=20).json()["nextExpectedRanges"] == ["6000-"]
    assert put(bench, url, content[8_000:], 8_000, len(content)).status_code == 416
    last = put(bench, url, content[6_000:], 6_000, len(content))
    assert (last.status_code, "Location" in last.headers) == (201, True)
    graph("POST", f"/messages/{draft}/send", data=b"")
    assert b64encode(content)[:70] in bench.control.sent()[0]["raw"].replace(b"\r\n", b"")
    assert bench.session().get(url, timeout=20).status_code == 404


def test_a_range_over_four_megabytes_is_refused(bench: Any) -> None:
    _, _, url = a_session(bench, 6_000 * KB)
    assert put(bench, url, b"x" * (4 * KB * KB + 1), 0, 6_000 * KB).status_code == 400


def test_a_small_attachment_comes_by_json(bench: Any) -> None:
    graph = bench.graph(immutable=True)
    draft = graph("POST", "/messages", json=as_json()).json()["id"]
    body = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "a.txt",
        "contentBytes": b64encode(b"hi").decode(),
    }
    assert graph("POST", f"/messages/{draft}/attachments", json=body).status_code == 201
    assert graph("GET", f"/messages/{draft}").json()["hasAttachments"]
    graph("POST", f"/messages/{draft}/send", data=b"")
    assert graph("POST", f"/messages/{draft}/attachments", json=body).status_code == 400


def test_uploading_needs_the_right_to_write(bench: Any) -> None:
    graph, draft, _ = a_session(bench, 10)
    bench.control.register_app(
        "22222222-2222-2222-2222-222222222222", "11111111-1111-1111-1111-111111111111", "s3cret", roles=["Mail.Send"]
    )
    item = {"attachmentType": "file", "name": "a.bin", "size": 5}
    refused = bench.graph()("POST", f"/messages/{draft}/attachments/createUploadSession", json={"AttachmentItem": item})
    assert refused.json()["error"]["code"] == "ErrorAccessDenied"
    assert graph("GET", f"/messages/{draft}").status_code == 200


def test_pieces_of_an_upload_cost_nothing_until_the_mail_is_sent(bench: Any) -> None:
    bench.control.set_limits("google", amount=100)
    gmail, raw = bench.gmail(), a_mail() + b"x" * 9_000
    url = f"{bench.simulator.http_url}/upload/gmail/v1/users/me/messages/send?uploadType=resumable"
    place = gmail("POST", url, data=b"").headers["Location"]
    first = {"Content-Range": f"bytes 0-3999/{len(raw)}"}
    assert gmail("PUT", place, data=raw[:4_000], headers=first).headers["Range"] == "bytes=0-3999"
    asked = gmail("PUT", place, data=b"", headers={"Content-Range": f"bytes */{len(raw)}"})
    assert (asked.status_code, asked.headers["Range"]) == (308, "bytes=0-3999")
    last = {"Content-Range": f"bytes 4000-{len(raw) - 1}/{len(raw)}"}
    sent = gmail("PUT", place, data=raw[4_000:], headers=last)
    again = gmail("PUT", place, data=b"", headers={"Content-Range": f"bytes */{len(raw)}"})
    assert (sent.status_code, again.json()["id"]) == (200, sent.json()["id"])
    assert len(bench.control.deliveries()) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [({"per_hour": 1}, "unknown send limit per_hour"), ({"over_minute": "drop"}, "hold or refuse")],
)
def test_a_wrong_send_limit_is_told(bench: Any, body: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        bench.control.set_send_limits("microsoft", **body)
