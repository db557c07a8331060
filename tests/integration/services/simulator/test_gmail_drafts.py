"""Gmail's drafts as the simulator keeps them; the real client's view of them is in tests/conformance."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

SCOPE = "https://www.googleapis.com/auth/gmail."
MIME = b"To: <somebody@example.net>\r\nSubject: Draft\r\nMessage-ID: <m@corp.example>\r\n\r\nHi\r\n"
BODY = {"message": {"raw": urlsafe_b64encode(MIME).decode()}}


def test_a_draft_is_sent_once_and_is_gone_then(bench: Any) -> None:
    gmail = bench.gmail()
    draft = gmail("POST", "/drafts", json=BODY).json()
    sent = gmail("POST", "/drafts/send", json={"id": draft["id"]}).json()
    assert (sent["labelIds"], sent["threadId"]) == (["SENT"], draft["message"]["threadId"])
    again = gmail("POST", "/drafts/send", json={"id": draft["id"]})
    assert (again.status_code, again.json()["error"]["errors"][0]["reason"]) == (404, "notFound")
    assert [one["recipients"] for one in bench.control.sent()] == [["somebody@example.net"]]
    assert [one["places"] for one in bench.control.mails("google", "bounces@corp.example")] == [["SENT"]]


def test_an_uploaded_draft_is_not_sent(bench: Any) -> None:
    url = f"{bench.simulator.http_url}/upload/gmail/v1/users/me/drafts?uploadType=media"
    gmail = bench.gmail()
    draft = gmail("POST", url, data=MIME, headers={"Content-Type": "message/rfc822"}).json()
    kept = gmail("GET", f"/drafts/{draft['id']}?format=raw").json()
    assert urlsafe_b64decode(kept["message"]["raw"]) == MIME
    assert bench.control.sent() == []


def test_an_upload_to_anything_else_sends_nothing(bench: Any) -> None:
    url = f"{bench.simulator.http_url}/upload/gmail/v1/users/me/messages/import?uploadType=media"
    assert bench.gmail()("POST", url, data=MIME).status_code == 404
    assert bench.control.sent() == []


def test_a_draft_whose_message_is_deleted_is_gone(bench: Any) -> None:
    gmail = bench.gmail()
    draft = gmail("POST", "/drafts", json=BODY).json()
    gmail("DELETE", f"/messages/{draft['message']['id']}")
    assert gmail("GET", f"/drafts/{draft['id']}").status_code == 404
    assert gmail("GET", "/drafts").json() == {"resultSizeEstimate": 0}


@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"message": {}}, 400), ({"message": {"raw": "***"}}, 400), (BODY, 200)]
)
def test_a_draft_needs_a_mail(bench: Any, body: dict[str, Any], status: int) -> None:
    assert bench.gmail()("POST", "/drafts", json=body).status_code == status


def test_sending_a_draft_needs_more_than_the_right_to_send(bench: Any) -> None:
    refused = bench.gmail(scopes=(SCOPE + "send",))("POST", "/drafts", json=BODY)
    assert (refused.status_code, refused.json()["error"]["errors"][0]["reason"]) == (403, "insufficientPermissions")
