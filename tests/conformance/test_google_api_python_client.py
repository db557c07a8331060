"""The simulator as google-api-python-client sees it. Every answer is checked by the fixture `gmail` as well."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import google.auth.exceptions
import pytest
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload

from tests.conformance.conftest import ACCOUNT, GMAIL, Here, planted
from tests.conformance.discovery import Discovery
from tests.conformance.google_client import GoogleClient

MIME = (
    b"To: <somebody@example.net>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <m@corp.example>\r\n\r\nHi\r\n"
)
SCOPE = "https://www.googleapis.com/auth/gmail."


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()


def reason(refused: pytest.ExceptionInfo[HttpError]) -> tuple[int, str]:
    """The status, and why, as the client itself reads them."""
    return refused.value.status_code, refused.value.error_details[0]["reason"]


def test_the_profile_names_the_mailbox(here: Here, gmail: GoogleClient) -> None:
    here.plant("google", 3)
    found = gmail.users.getProfile(userId="me").execute()
    assert (found["emailAddress"], found["messagesTotal"]) == (GMAIL, 3)


def test_list_next_goes_through_all_pages_newest_first(here: Here, gmail: GoogleClient) -> None:
    ids = here.plant("google", 12)
    seen: list[str] = []
    # list_next of this client fails when a parameter stands in the address twice, so one label it is.
    request = gmail.messages.list(userId="me", labelIds=["UNREAD"], q="in:inbox", maxResults=5)
    while request is not None:
        page = request.execute()
        seen += [one["id"] for one in page["messages"]]
        request = gmail.messages.list_next(request, page)
    assert seen == ids[::-1]
    assert here.calls("google", "list") == {"200": 3}


def test_an_empty_listing_has_no_messages_at_all(gmail: GoogleClient) -> None:
    assert gmail.messages.list(userId="me").execute() == {"resultSizeEstimate": 0}


def test_filters_by_query_and_label(here: Here, gmail: GoogleClient) -> None:
    first, second, third = here.plant("google", 3)
    gmail.messages.modify(userId="me", id=second, body={"removeLabelIds": ["UNREAD"]}).execute()
    (junk,) = here.plant("google", 1, folder="SPAM")
    listed = {
        query: [one["id"] for one in gmail.messages.list(userId="me", q=query).execute().get("messages", [])]
        for query in ("is:unread", 'subject:"Mail 3"', "in:spam", "after:1790000100")
    }
    assert listed == {
        "is:unread": [third, first],
        'subject:"Mail 3"': [third],
        "in:spam": [junk],
        "after:1790000100": [third, second],
    }
    both = gmail.messages.list(userId="me", labelIds=["SPAM"], includeSpamTrash=True).execute()
    assert [one["id"] for one in both["messages"]] == [junk]


def test_the_raw_mail_is_the_planted_one(here: Here, gmail: GoogleClient) -> None:
    (mail,) = here.plant("google")
    found = gmail.messages.get(userId="me", id=mail, format="raw").execute()
    assert urlsafe_b64decode(found["raw"]) == planted(1)
    assert set(found["labelIds"]) == {"INBOX", "UNREAD"}


def test_the_full_form_shows_parts_and_their_attachments(here: Here, gmail: GoogleClient) -> None:
    (mail,) = here.plant("google")
    found = gmail.messages.get(userId="me", id=mail).execute()
    texts, paper = found["payload"]["parts"]
    assert [one["mimeType"] for one in texts["parts"]] == ["text/plain", "text/html"]
    attachment = gmail.messages.attachments().get(userId="me", messageId=mail, id=paper["body"]["attachmentId"])
    assert urlsafe_b64decode(attachment.execute()["data"]) == b"%PDF-1.7\n"


def test_metadata_shows_the_headers_that_were_asked_for(here: Here, gmail: GoogleClient) -> None:
    (mail,) = here.plant("google")
    request = gmail.messages.get(userId="me", id=mail, format="metadata", metadataHeaders=["Message-ID", "Subject"])
    headers = {one["name"]: one["value"] for one in request.execute()["payload"]["headers"]}
    assert headers == {"Subject": "Mail 1", "Message-ID": "<1@planted.example>"}


def test_a_mail_is_sent_as_raw(here: Here, gmail: GoogleClient) -> None:
    sent = gmail.messages.send(userId="me", body={"raw": encoded(MIME)}).execute()
    assert sent["labelIds"] == ["SENT"]
    (one,) = here.control.sent(GMAIL)
    assert (one["recipients"], one["submitted_message_id"]) == (["somebody@example.net"], "<m@corp.example>")
    kept = gmail.messages.get(userId="me", id=sent["id"], format="metadata").execute()
    assert one["message_id"] in {header["value"] for header in kept["payload"]["headers"]}


@pytest.mark.parametrize("resumable", [False, True])
@pytest.mark.parametrize("body", [None, {"threadId": "18c0000000000007"}])
def test_a_mail_is_sent_as_an_upload(here: Here, gmail: GoogleClient, resumable: bool, body: Any) -> None:
    media = MediaInMemoryUpload(MIME, mimetype="message/rfc822", chunksize=262144, resumable=resumable)
    sent = gmail.messages.send(userId="me", body=body, media_body=media).execute()
    assert sent["labelIds"] == ["SENT"]
    assert sent["threadId"] == (body["threadId"] if body else sent["id"])
    assert b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=" in here.control.sent()[0]["raw"]


def test_an_upload_in_pieces_arrives_whole(here: Here, gmail: GoogleClient) -> None:
    raw = MIME + b"0123456789abcdef\r\n" * 40_000
    media = MediaInMemoryUpload(raw, mimetype="message/rfc822", chunksize=262144, resumable=True)
    request, answer, steps = gmail.messages.send(userId="me", media_body=media), None, 0
    while answer is None:
        _, answer = request.next_chunk()
        steps += 1
    assert steps == 3
    assert here.control.sent()[0]["raw"].endswith(raw[-100_000:])


def test_a_draft_is_made_changed_and_sent(here: Here, gmail: GoogleClient) -> None:
    draft = gmail.drafts.create(userId="me", body={"message": {"raw": encoded(MIME)}}).execute()
    assert draft["message"]["labelIds"] == ["DRAFT"]
    other = MIME.replace(b"Hi", b"Hello")
    changed = gmail.drafts.update(userId="me", id=draft["id"], body={"message": {"raw": encoded(other)}}).execute()
    assert changed["id"] == draft["id"]
    assert changed["message"]["id"] != draft["message"]["id"]
    kept = gmail.drafts.get(userId="me", id=draft["id"], format="raw").execute()
    assert urlsafe_b64decode(kept["message"]["raw"]) == other
    assert here.control.sent() == []
    sent = gmail.drafts.send(userId="me", body={"id": draft["id"]}).execute()
    assert (sent["labelIds"], sent["threadId"]) == (["SENT"], draft["message"]["threadId"])
    assert here.control.sent()[0]["raw"].endswith(b"Hello\r\n")
    assert gmail.drafts.list(userId="me").execute() == {"resultSizeEstimate": 0}


def test_drafts_are_listed_by_pages_and_thrown_away(here: Here, gmail: GoogleClient) -> None:
    media = MediaInMemoryUpload(MIME, mimetype="message/rfc822")
    ids = [gmail.drafts.create(userId="me", body={}, media_body=media).execute()["id"] for _ in range(3)]
    request, seen = gmail.drafts.list(userId="me", maxResults=2), []
    while request is not None:
        page = request.execute()
        seen += [one["id"] for one in page["drafts"]]
        request = gmail.drafts.list_next(request, page)
    assert seen == ids[::-1]
    gmail.drafts.delete(userId="me", id=ids[0]).execute()
    with pytest.raises(HttpError) as refused:
        gmail.drafts.send(userId="me", body={"id": ids[0]}).execute()
    assert reason(refused) == (404, "notFound")
    assert len(here.control.mails("google", GMAIL)) == 2
    assert here.control.sent() == []


def test_mails_are_marked_one_by_one_and_many_at_once(here: Here, gmail: GoogleClient) -> None:
    first, *others = here.plant("google", 3)
    changed = gmail.messages.modify(userId="me", id=first, body={"removeLabelIds": ["UNREAD"]}).execute()
    assert changed["labelIds"] == ["INBOX"]
    gmail.messages.batchModify(userId="me", body={"ids": others, "removeLabelIds": ["UNREAD"]}).execute()
    assert not any(one["unread"] for one in here.control.mails("google", GMAIL))


def test_a_mail_is_moved_by_its_labels(here: Here, gmail: GoogleClient) -> None:
    (mail,) = here.plant("google")
    made = gmail.users.labels().create(userId="me", body={"name": "Bounces"}).execute()
    body = {"addLabelIds": [made["id"]], "removeLabelIds": ["INBOX"]}
    moved = gmail.messages.modify(userId="me", id=mail, body=body).execute()
    assert set(moved["labelIds"]) == {made["id"], "UNREAD"}
    counted = gmail.users.labels().get(userId="me", id=made["id"]).execute()
    assert (counted["name"], counted["messagesTotal"], counted["type"]) == ("Bounces", 1, "user")
    assert made["id"] in [one["id"] for one in gmail.users.labels().list(userId="me").execute()["labels"]]


def test_trash_untrash_and_both_ways_of_deleting(here: Here, gmail: GoogleClient) -> None:
    first, second, *others = here.plant("google", 4)
    assert "TRASH" in gmail.messages.trash(userId="me", id=first).execute()["labelIds"]
    assert "TRASH" not in gmail.messages.untrash(userId="me", id=first).execute()["labelIds"]
    assert gmail.messages.delete(userId="me", id=second).execute() == ""
    assert gmail.messages.batchDelete(userId="me", body={"ids": [*others, "18c0000000000000"]}).execute() == ""
    assert [one["id"] for one in here.control.mails("google", GMAIL)] == [first]
    with pytest.raises(HttpError) as refused:
        gmail.messages.get(userId="me", id=second).execute()
    assert reason(refused) == (404, "notFound")


def test_history_tells_what_changed(here: Here, gmail: GoogleClient) -> None:
    start = gmail.users.getProfile(userId="me").execute()["historyId"]
    first, second = here.plant("google", 2)
    gmail.messages.modify(userId="me", id=first, body={"removeLabelIds": ["UNREAD"]}).execute()
    gmail.messages.delete(userId="me", id=second).execute()
    history, request = (
        gmail.users.history(),
        gmail.users.history().list(userId="me", startHistoryId=start, maxResults=3),
    )
    seen: list[str] = []
    while request is not None:
        page = request.execute()
        seen += [kind for one in page["history"] for kind in one if kind not in ("id", "messages")]
        request = history.list_next(request, page)
    assert seen == ["messagesAdded", "messagesAdded", "labelsRemoved", "messagesDeleted"]


def in_a_batch(gmail: GoogleClient, requests: dict[str, Any]) -> dict[str, Any]:
    """What the client hands out for each request of one batch: the answer or the exception."""
    answers: dict[str, Any] = {}
    # A batch without a token fetches one over a connection of its own, which knows no CA but the usual ones.
    gmail.users.getProfile(userId="me").execute()

    def keep(name: str, answer: Any, problem: Exception | None) -> None:
        answers[name] = problem or answer

    batch = gmail.service.new_batch_http_request(callback=keep)
    for name, request in requests.items():
        batch.add(request, request_id=name)
    batch.execute()
    return answers


def test_a_batch_carries_reads_and_changes_and_each_fails_alone(here: Here, gmail: GoogleClient) -> None:
    first, second, third = here.plant("google", 3)
    answers = in_a_batch(gmail, {
        "raw": gmail.messages.get(userId="me", id=first, format="raw"),
        "mark": gmail.messages.modify(userId="me", id=second, body={"removeLabelIds": ["UNREAD"]}),
        "gone": gmail.messages.get(userId="me", id="18c0000000000000"),
        "delete": gmail.messages.delete(userId="me", id=third),
        "send": gmail.messages.send(userId="me", body={"raw": encoded(MIME)}),
    })  # fmt: skip
    assert urlsafe_b64decode(answers["raw"]["raw"]) == planted(1)
    assert answers["mark"]["labelIds"] == ["INBOX"]
    assert (answers["gone"].status_code, answers["delete"]) == (404, "")
    assert answers["send"]["labelIds"] == ["SENT"]


def test_parts_of_a_batch_run_at_once_and_some_are_too_many(here: Here, gmail: GoogleClient) -> None:
    ids = here.plant("google", 30)
    here.control.set_limits("google", concurrent=20)
    here.control.set_latency(50, "google", batch_item_ms=50)
    answers = in_a_batch(gmail, {one: gmail.messages.get(userId="me", id=one, format="minimal") for one in ids})
    refused = [one for one in answers.values() if isinstance(one, HttpError)]
    assert (len(refused), {one.status_code for one in refused}) == (10, {429})
    assert {one.error_details[0]["message"] for one in refused} == {"Too many concurrent requests for user."}


@pytest.mark.parametrize(
    ("status", "why"), [(429, "userRateLimitExceeded"), (403, "rateLimitExceeded"), (503, "backendError")]
)
def test_the_client_tries_again_by_itself_when_it_is_told_to(
    here: Here, gmail: GoogleClient, status: int, why: str
) -> None:
    (mail,) = here.plant("google")
    here.control.force(status, match={"provider": "google", "operation": "list"}, times=2, retry_after=5)
    with pytest.raises(HttpError) as refused:
        gmail.messages.list(userId="me").execute()
    assert reason(refused) == (status, why)
    assert [one["id"] for one in gmail.messages.list(userId="me").execute(num_retries=2)["messages"]] == [mail]
    assert here.calls("google", "list") == {"200": 1, str(status): 2}


def test_a_quota_that_is_used_up_says_when_to_come_back_in_words_only(here: Here, gmail: GoogleClient) -> None:
    here.control.set_limits("google", amount=10, window=4)
    started = time.monotonic()
    for _ in range(2):
        gmail.messages.list(userId="me").execute()
    with pytest.raises(HttpError) as refused:
        gmail.messages.list(userId="me").execute()
    assert reason(refused) == (403, "rateLimitExceeded")
    assert "Retry after 20" in refused.value.reason
    assert "retry-after" not in refused.value.resp
    gmail.messages.list(userId="me").execute(num_retries=6)
    assert time.monotonic() - started >= 3.9


def test_another_mailbox_than_ones_own_is_delegation_denied(gmail: GoogleClient) -> None:
    with pytest.raises(HttpError) as refused:
        gmail.messages.list(userId="other@corp.example").execute()
    assert reason(refused) == (403, "forbidden")


def test_a_token_that_is_over_is_renewed_by_the_client_itself(here: Here, gmail: GoogleClient) -> None:
    gmail.messages.list(userId="me").execute()
    here.control.expire_tokens("google")
    gmail.messages.list(userId="me").execute()
    assert here.calls("google", "list") == {"200": 2}
    assert here.calls("google", "token") == {"200": 2}


Calls = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("scope", "call", "allowed"),
    [
        (SCOPE + "readonly", lambda users: users.messages().list(userId="me", q="is:unread"), True),
        (SCOPE + "readonly", lambda users: users.messages().trash(userId="me", id="18c0000000001f31"), False),
        (SCOPE + "modify", lambda users: users.messages().trash(userId="me", id="18c0000000001f31"), True),
        (SCOPE + "modify", lambda users: users.messages().delete(userId="me", id="18c0000000001f31"), False),
        (SCOPE + "metadata", lambda users: users.messages().list(userId="me", q="is:unread"), False),
        (SCOPE + "send", lambda users: users.getProfile(userId="me"), False),
        (SCOPE + "send", lambda users: users.drafts().list(userId="me"), False),
        (SCOPE + "compose", lambda users: users.drafts().list(userId="me"), True),
    ],
)
def test_a_scope_allows_what_the_document_says(
    here: Here, discovery: Discovery, scope: str, call: Calls, allowed: bool
) -> None:
    here.plant("google")
    key_file = here.control.register_service_account(ACCOUNT, token_uri=f"{here.url}/token")
    assert key_file is not None
    client = GoogleClient(discovery.document, here.url, here.running.ca_file, key_file, GMAIL, scopes=[scope])
    try:
        if allowed:
            call(client.users).execute()
        else:
            with pytest.raises(HttpError) as refused:
                call(client.users).execute()
            assert refused.value.status_code == 403
        for exchange in client.exchanges:
            discovery.check(exchange)
    finally:
        client.close()


def test_a_key_that_was_replaced_is_refused_by_name(here: Here, gmail: GoogleClient) -> None:
    here.control.register_service_account(ACCOUNT)
    with pytest.raises(google.auth.exceptions.RefreshError) as refused:
        gmail.messages.list(userId="me").execute()
    assert str(refused.value.args[0]) == "invalid_grant: Invalid JWT Signature."
