"""The Gmail API's calls: searching, formats, labels, deleting in bulk, uploads, history, batches."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

from services.simulator.core.header_fields import field

GMAIL = "bounces@corp.example"
PREFIX = "https://www.googleapis.com/auth/gmail."
SENT = b"To: <a@example.net>\r\nSubject: S\r\nMessage-ID: <mine@corp.example>\r\n\r\nHi\r\n"


def _ids(answer: Any) -> list[str]:
    return [one["id"] for one in answer.json().get("messages", [])]


def test_a_listing_is_paged_newest_first_while_mail_goes(bench: Any) -> None:
    ids = bench.plant("google", 25)
    gmail, found, asked = bench.gmail(), [], {"maxResults": "10"}
    while True:
        page = gmail("GET", "/messages", params=asked)
        found += _ids(page)
        gmail("POST", f"/messages/{_ids(page)[0]}/trash")
        if "nextPageToken" not in page.json():
            break
        asked["pageToken"] = page.json()["nextPageToken"]
    assert found == ids[::-1]


def test_a_search_picks_by_state_place_time_and_id(bench: Any) -> None:
    one, two, three = bench.plant("google", 3)
    (spam,) = bench.plant("google", 1, folder="SPAM", received=1_790_001_000)
    gmail = bench.gmail()
    gmail("POST", f"/messages/{one}/modify", json={"removeLabelIds": ["UNREAD"]})
    for query, expected in (
        ("is:unread", [three, two]),
        ("is:read in:inbox", [one]),
        ("in:spam", [spam]),
        ("in:anywhere is:unread", [spam, three, two]),
        ("after:1790000120", [three, two]),
        ("before:1790000120 in:inbox", [one]),
        ("rfc822msgid:<2@planted.example>", [two]),
        ("rfc822msgid:2@planted.example", [two]),
        ("from:sender3@example.com", [three]),
        ('subject:"mail 2"', [two]),
        ("-is:unread", [one]),
        ("label:inbox -from:sender3@example.com", [two, one]),
        ("label:nothing", []),
    ):
        assert _ids(gmail("GET", "/messages", params={"q": query})) == expected, query


def test_spam_and_trash_are_listed_only_when_asked_for(bench: Any) -> None:
    (inbox,) = bench.plant("google")
    (spam,) = bench.plant("google", folder="SPAM")
    gmail = bench.gmail()
    assert _ids(gmail("GET", "/messages", params={"labelIds": ["UNREAD"]})) == [inbox]
    asked = {"labelIds": ["SPAM", "UNREAD"], "includeSpamTrash": "true"}
    assert _ids(gmail("GET", "/messages", params=asked)) == [spam]


def test_a_mail_is_shown_in_four_formats(bench: Any) -> None:
    (mail,) = bench.plant("google")
    gmail = bench.gmail()

    def get(**asked: Any) -> dict[str, Any]:
        shown: dict[str, Any] = gmail("GET", f"/messages/{mail}", params=asked).json()
        return shown

    assert b"X-Kept: yes" in urlsafe_b64decode(get(format="raw")["raw"])
    assert get(format="full")["payload"]["body"]["data"]
    assert "payload" not in get(format="minimal")
    headers = get(format="metadata", metadataHeaders="Message-ID")["payload"]["headers"]
    assert headers == [{"name": "Message-ID", "value": "<1@planted.example>"}]
    assert get(format="raw")["internalDate"] == "1790000060000"


def test_labels_say_where_a_mail_is(bench: Any) -> None:
    (mail,) = bench.plant("google")
    gmail = bench.gmail()
    label = gmail("POST", "/labels", json={"name": "Done/Bounces"}).json()["id"]
    assert gmail("POST", "/labels", json={"name": "Done/Bounces"}).status_code == 409
    changed = gmail("POST", f"/messages/{mail}/modify", json={"addLabelIds": [label], "removeLabelIds": ["INBOX"]})
    assert changed.json()["labelIds"] == [label, "UNREAD"]
    assert gmail("GET", f"/labels/{label}").json()["messagesUnread"] == 1
    assert gmail("POST", f"/messages/{mail}/trash").json()["labelIds"] == [label, "TRASH", "UNREAD"]
    assert gmail("POST", f"/messages/{mail}/untrash").json()["labelIds"] == [label, "UNREAD"]
    refused = gmail("POST", f"/messages/{mail}/modify", json={"addLabelIds": ["NONE"]})
    assert refused.json()["error"]["message"] == "Invalid label: NONE"


def test_a_batch_of_ids_is_changed_or_deleted_in_one_call(bench: Any) -> None:
    ids = bench.plant("google", 3)
    gmail = bench.gmail()
    done = gmail("POST", "/messages/batchModify", json={"ids": ids[:2], "removeLabelIds": ["UNREAD"]})
    assert (done.status_code, done.content) == (204, b"")
    assert [one["unread"] for one in bench.control.mails("google", GMAIL)] == [False, False, True]
    assert gmail("POST", "/messages/batchDelete", json={"ids": [*ids[:2], "18c0ffffffffffff"]}).status_code == 204
    assert [one["id"] for one in bench.control.mails("google", GMAIL)] == ids[2:]
    assert gmail("POST", "/messages/batchDelete", json={"ids": [str(n) for n in range(1001)]}).status_code == 400


def test_a_deleted_mail_is_gone(bench: Any) -> None:
    (mail,) = bench.plant("google")
    gmail = bench.gmail()
    assert gmail("DELETE", f"/messages/{mail}").status_code == 204
    again = gmail("DELETE", f"/messages/{mail}")
    assert (again.status_code, again.json()["error"]["errors"][0]["reason"]) == (404, "notFound")


# Any ONE of the scopes named allows the call. Source: the discovery document.
CALLS = {
    "list": ("GET", "/messages", {"metadata", "readonly", "modify"}),
    "profile": ("GET", "/profile", {"metadata", "readonly", "modify", "compose"}),
    "trash": ("POST", "/messages/{id}/trash", {"modify"}),
    "delete": ("DELETE", "/messages/{id}", set()),
    "raw": ("GET", "/messages/{id}?format=raw", {"readonly", "modify"}),
    "send": ("POST", "/messages/send", {"send", "modify", "compose"}),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_a_call_needs_one_of_its_scopes(bench: Any, name: str) -> None:
    method, path, allowed = CALLS[name]
    (mail,) = bench.plant("google")
    for scope in ("send", "readonly", "modify", "metadata", "compose"):
        body = {"json": {"raw": urlsafe_b64encode(SENT).decode()}} if name == "send" else {}
        answer = bench.gmail(scopes=(PREFIX + scope,))(method, path.format(id=mail), **body)
        assert (answer.status_code != 403) == (scope in allowed), (name, scope)
        if scope not in allowed and scope != "metadata":
            assert answer.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"


def test_the_metadata_scope_may_not_search(bench: Any) -> None:
    refused = bench.gmail(scopes=(PREFIX + "metadata",))("GET", "/messages", params={"q": "is:unread"})
    assert refused.json()["error"]["message"] == "Metadata scope does not support 'q' parameter"


def test_another_users_mailbox_is_denied(bench: Any) -> None:
    gmail = bench.gmail()
    own = gmail("GET", f"{gmail.base}/gmail/v1/users/{GMAIL}/profile")
    assert own.json()["emailAddress"] == GMAIL
    other = gmail("GET", f"{gmail.base}/gmail/v1/users/other@corp.example/profile")
    assert (other.status_code, other.json()["error"]["message"]) == (403, f"Delegation denied for {GMAIL}")


def test_a_user_without_gmail_is_a_failed_precondition(bench: Any) -> None:
    bench.control.register_mailbox("google", GMAIL, licensed=False)
    refused = bench.gmail()("GET", "/profile").json()["error"]
    assert (refused["code"], refused["message"]) == (400, "Mail service not enabled")


def test_gmail_rewrites_the_message_id_of_what_is_sent(bench: Any) -> None:
    gmail = bench.gmail()
    sent = gmail("POST", "/messages/send", json={"raw": urlsafe_b64encode(SENT).decode().rstrip("=")}).json()
    assert sent["labelIds"] == ["SENT"]
    raw = urlsafe_b64decode(gmail("GET", f"/messages/{sent['id']}?format=raw").json()["raw"])
    assert field(raw, "Message-ID").endswith("@mail.gmail.com>")
    assert field(raw, "X-Gmail-Original-Message-ID") == "<mine@corp.example>"


def _uploaded(bench: Any) -> list[tuple[str, str]]:
    return [(one["submitted_message_id"], one["subject"]) for one in bench.control.sent()]


def test_a_mail_is_uploaded_as_media_multipart_or_in_pieces(bench: Any) -> None:
    gmail = bench.gmail()
    url = f"{gmail.base}/upload/gmail/v1/users/me/messages/send?uploadType="
    assert gmail("POST", url + "media", data=SENT, headers={"Content-Type": "message/rfc822"}).status_code == 200
    parts = b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + SENT
    kind = {"Content-Type": "multipart/related; boundary=b"}
    assert gmail("POST", url + "multipart", data=parts + b"\r\n--b--", headers=kind).status_code == 200
    place = gmail("POST", url + "resumable", json={}).headers["Location"]
    size = len(SENT)
    first = gmail("PUT", place, data=SENT[:20], headers={"Content-Range": f"bytes 0-19/{size}"}, allow_redirects=False)
    assert (first.status_code, first.headers["Range"]) == (308, "bytes=0-19")
    assert gmail("PUT", place, data=SENT[20:], headers={"Content-Range": f"bytes 20-{size - 1}/{size}"}).json()["id"]
    assert _uploaded(bench) == [("<mine@corp.example>", "S")] * 3


def test_history_tells_what_changed_since(bench: Any) -> None:
    gmail = bench.gmail()
    start = gmail("GET", "/profile").json()["historyId"]
    (mail,) = bench.plant("google")
    gmail("POST", f"/messages/{mail}/trash")
    gmail("DELETE", f"/messages/{mail}")
    told = gmail("GET", "/history", params={"startHistoryId": start}).json()
    kinds = [
        next(kind for kind in one if kind.startswith(("messagesA", "messagesD", "labels"))) for one in told["history"]
    ]
    assert kinds == ["messagesAdded", "labelsAdded", "labelsRemoved", "messagesDeleted"]
    only = gmail("GET", "/history", params={"startHistoryId": start, "historyTypes": "messageAdded"}).json()
    assert len(only["history"]) == 1
    bench.control.call("POST", "history/forget", {"mailbox": GMAIL})
    assert gmail("GET", "/history", params={"startHistoryId": start}).status_code == 404


@pytest.mark.parametrize("path", ["/batch", "/batch/gmail/v1"])
def test_a_batch_answers_each_part_under_its_own_id(bench: Any, path: str) -> None:
    (mail,) = bench.plant("google")
    gmail = bench.gmail()
    parts = []
    for number, line in enumerate((f"GET /gmail/v1/users/me/messages/{mail}?format=minimal&alt=json",
                                   "GET /gmail/v1/users/me/messages/missing",
                                   f"POST /gmail/v1/users/me/messages/{mail}/modify")):  # fmt: skip
        body = json.dumps({"removeLabelIds": ["UNREAD"]}) if line.startswith("POST") else ""
        kind = "Content-Type: application/json\r\n" if body else ""
        parts.append(
            f"--b\r\nContent-Type: application/http\r\nMIME-Version: 1.0\r\nContent-ID: <abc + {number}>\r\n\r\n"
            f"{line} HTTP/1.1\r\n{kind}accept: application/json\r\n\r\n{body}\r\n"
        )
    as_batch = {"Content-Type": 'multipart/mixed; boundary="b"'}
    answer = gmail("POST", gmail.base + path, data="".join(parts) + "--b--", headers=as_batch)
    pieces = answer.text.split("--" + answer.headers["Content-Type"].partition("boundary=")[2])[1:-1]
    assert [piece.partition("HTTP/1.1 ")[2][:3] for piece in pieces] == ["200", "404", "200"]
    assert ["<response-abc + 0>" in pieces[0], "<response-abc + 1>" in pieces[1]] == [True, True]
    assert [one["unread"] for one in bench.control.mails("google", GMAIL)] == [False]
