"""Graph's mail calls: listing rules, ids, the two ways of deleting, drafts and sending."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from services.simulator.core.header_fields import field

UNREAD = {"$filter": "isRead eq false"}


def test_a_listing_is_paged_to_the_end_newest_first(bench: Any) -> None:
    ids = bench.plant("microsoft", 25)
    graph, found = bench.graph(), []
    page = graph("GET", "/mailFolders/inbox/messages", params=UNREAD | {"$select": "id", "$top": "10"}).json()
    found += [one["id"] for one in page["value"]]
    while "@odata.nextLink" in page:
        page = graph("GET", page["@odata.nextLink"]).json()
        found += [one["id"] for one in page["value"]]
    assert found == ids[::-1]


def test_a_page_is_ten_unless_top_says_otherwise(bench: Any) -> None:
    bench.plant("microsoft", 12)
    assert len(bench.graph()("GET", "/messages").json()["value"]) == 10


@pytest.mark.parametrize("top", ["0", "1001"])
def test_a_page_size_out_of_range_is_refused(bench: Any, top: str) -> None:
    assert bench.graph()("GET", "/messages", params={"$top": top}).status_code == 400


@pytest.mark.parametrize(
    ("wanted", "order", "status"),
    [
        ("isRead eq false", "receivedDateTime desc", 400),
        ("isRead eq false and receivedDateTime ge 1900-01-01T00:00:00Z", "receivedDateTime", 400),
        ("receivedDateTime ge 1900-01-01T00:00:00Z and isRead eq false", "receivedDateTime desc", 200),
        ("isRead eq false", "", 200),
        ("", "receivedDateTime", 200),
    ],
)
def test_what_is_ordered_by_must_open_the_filter(bench: Any, wanted: str, order: str, status: int) -> None:
    asked = {name: value for name, value in (("$filter", wanted), ("$orderby", order)) if value}
    answer = bench.graph()("GET", "/mailFolders/inbox/messages", params=asked)
    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["code"] == "InefficientFilter"


def test_a_filter_picks_by_flag_time_and_id(bench: Any) -> None:
    ids = bench.plant("microsoft", 3)
    graph = bench.graph()
    graph("PATCH", f"/messages/{ids[0]}", json={"isRead": True})
    for wanted, expected in (
        ("isRead eq false", [ids[2], ids[1]]),
        ("receivedDateTime gt 2026-09-21T14:14:20Z", [ids[2], ids[1]]),
        ("internetMessageId eq '<2@planted.example>'", [ids[1]]),
        ("contains(subject,'mail 3') or isRead eq true", [ids[2], ids[0]]),
        ("not (isRead eq false)", [ids[0]]),
        ("from/emailAddress/address eq 'sender1@example.com'", [ids[0]]),
    ):
        page = graph("GET", "/messages", params={"$filter": wanted, "$select": "id"}).json()
        assert [one["id"] for one in page["value"]] == expected, wanted


def test_a_double_slash_and_an_encoded_at_reach_the_mailbox(bench: Any) -> None:
    bench.plant("microsoft")
    graph = bench.graph()
    url = f"{graph.base}//users/bounces%40contoso.example/mailFolders/inbox/messages?$select=id,subject"
    assert graph("GET", url).json()["value"][0]["subject"] == "Mail 1"


def test_headers_are_shown_only_when_selected(bench: Any) -> None:
    (mail,) = bench.plant("microsoft")
    graph = bench.graph()
    assert "internetMessageHeaders" not in graph("GET", f"/messages/{mail}").json()
    shown = graph("GET", f"/messages/{mail}", params={"$select": "internetMessageHeaders"}).json()
    assert {"name": "X-Kept", "value": "yes"} in shown["internetMessageHeaders"]


def test_a_move_changes_the_id_unless_ids_are_immutable(bench: Any) -> None:
    bench.plant("microsoft")
    changing, lasting = bench.graph(), bench.graph(immutable=True)
    old = changing("GET", "/messages").json()["value"][0]["id"]
    kept = lasting("GET", "/messages").json()["value"][0]["id"]
    moved = changing("POST", f"/messages/{old}/move", json={"destinationId": "junkemail"})
    assert moved.status_code == 201
    assert moved.json()["id"] != old
    assert changing("GET", f"/messages/{old}").json()["error"]["code"] == "ErrorItemNotFound"
    assert lasting("GET", f"/messages/{kept}").json()["id"] == kept


def test_delete_goes_to_deleted_items_and_from_there_out_of_reach(bench: Any) -> None:
    bench.plant("microsoft")
    graph = bench.graph(immutable=True)
    mail = graph("GET", "/messages").json()["value"][0]["id"]
    assert graph("DELETE", f"/messages/{mail}").status_code == 204
    assert [one["places"] for one in bench.control.mails("microsoft", "bounces@contoso.example")] == [["deleteditems"]]
    assert graph("DELETE", f"/messages/{mail}").status_code == 204
    assert graph("DELETE", f"/messages/{mail}").status_code == 404
    assert graph("GET", "/messages").json()["value"] == []


def test_permanent_delete_takes_one_step(bench: Any) -> None:
    (mail,) = bench.plant("microsoft")
    assert bench.graph()("POST", f"/messages/{mail}/permanentDelete", data=b"").status_code == 204
    assert bench.control.mails("microsoft", "bounces@contoso.example") == []


def test_a_custom_folder_is_a_place_like_any_other(bench: Any) -> None:
    (mail,) = bench.plant("microsoft")
    graph = bench.graph()
    made = graph("POST", "/mailFolders", json={"displayName": "Processed"})
    moved = graph("POST", f"/messages/{mail}/move", json={"destinationId": made.json()["id"]})
    assert moved.json()["parentFolderId"] == made.json()["id"]
    assert len(graph("GET", f"/mailFolders/{made.json()['id']}/messages").json()["value"]) == 1
    again = graph("POST", "/mailFolders", json={"displayName": "processed"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ErrorFolderExists")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/messages/short", 400, "ErrorInvalidIdMalformed"),
        ("/messages/AAMkADQ0MDQ0MDQ0MDQ0MDQ0MDQ0MDQ0", 404, "ErrorItemNotFound"),
        ("/mailFolders/AQMkADQ0MDQ0MDQ0MDQ0MDQ0MDQ0MDQ0/messages", 404, "ErrorItemNotFound"),
        ("/messages?$select=nothing", 400, "BadRequest"),
        ("/messages?$filter=isRead is false", 400, "BadRequest"),
    ],
)
def test_a_wrong_path_or_query_is_refused(bench: Any, path: str, status: int, code: str) -> None:
    answer = bench.graph()("GET", path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()["error"]["innerError"]) == {"date", "request-id", "client-request-id"}


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [({"licensed": False}, 404, "MailboxNotEnabledForRESTAPI"),
     ({"tenant": "another"}, 404, "ErrorInvalidUser"),
     ({"denied_clients": ["11111111-1111-1111-1111-111111111111"]}, 403, "ErrorAccessDenied")],
)  # fmt: skip
def test_a_mailbox_out_of_reach_says_why(bench: Any, options: dict[str, Any], status: int, code: str) -> None:
    bench.control.register_mailbox("microsoft", "other@contoso.example", **options)
    answer = bench.graph("other@contoso.example")("GET", "/messages")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_missing_role_is_access_denied(bench: Any) -> None:
    (mail,) = bench.plant("microsoft")
    bench.control.register_app(
        "22222222-2222-2222-2222-222222222222", "11111111-1111-1111-1111-111111111111", "s3cret", roles=["Mail.Read"]
    )
    graph = bench.graph()
    assert graph("GET", f"/messages/{mail}/$value").status_code == 200
    assert graph("PATCH", f"/messages/{mail}", json={"isRead": True}).json()["error"]["code"] == "ErrorAccessDenied"


def test_mime_is_sent_as_it_came(bench: Any) -> None:
    raw = b"To: <a@example.net>\r\nMessage-ID: <mine@contoso.example>\r\nList-Unsubscribe: <https://x.example>\r\n\r\nHi\r\n"
    sent = bench.graph()("POST", "/sendMail", data=b64encode(raw), headers={"Content-Type": "text/plain"})
    assert (sent.status_code, sent.content) == (202, b"")
    (entry,) = bench.control.sent()
    assert entry["recipients"] == ["a@example.net"]
    assert entry["message_id"] == "<mine@contoso.example>"
    assert field(entry["raw"], "List-Unsubscribe") == "<https://x.example>"


def test_a_mailbox_may_rewrite_ids_and_drop_custom_headers(bench: Any) -> None:
    bench.control.register_mailbox(
        "microsoft", "bounces@contoso.example", message_ids="rewrite", custom_headers="drop", sent_items_delay=600
    )
    raw = b"To: <a@example.net>\r\nMessage-ID: <mine@contoso.example>\r\nX-Mine: 1\r\n\r\nHi\r\n"
    bench.graph()("POST", "/sendMail", data=b64encode(raw), headers={"Content-Type": "text/plain"})
    (entry,) = bench.control.sent()
    assert entry["submitted_message_id"] == "<mine@contoso.example>"
    assert entry["message_id"].endswith(".prod.outlook.com>")
    assert field(entry["raw"], "X-Mine") == ""
    assert bench.control.mails("microsoft", "bounces@contoso.example") == []


def test_json_is_sent_with_parameters_in_any_case(bench: Any) -> None:
    message = {"subject": "S", "body": {"contentType": "HTML", "content": "<p>ä</p>"},
               "toRecipients": [{"emailAddress": {"address": "a@example.net"}}],
               "internetMessageHeaders": [{"name": "X-Mine", "value": "1"}]}  # fmt: skip
    assert bench.graph()("POST", "/sendMail", json={"Message": message, "SaveToSentItems": "false"}).status_code == 202
    (entry,) = bench.control.sent()
    assert (entry["subject"], field(entry["raw"], "X-Mine")) == ("S", "1")
    assert bench.control.mails("microsoft", "bounces@contoso.example") == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([{"name": "In-Reply-To", "value": "<a@b>"}], "InvalidInternetMessageHeader"),
        ([{"name": f"X-{n}", "value": "1"} for n in range(6)], "InvalidInternetMessageHeaderCollection"),
        ([], "InvalidInternetMessageHeaderCollection"),
    ],
)
def test_json_takes_at_most_five_headers_of_ours(bench: Any, headers: list[dict[str, str]], code: str) -> None:
    people = [{"emailAddress": {"address": "a@example.net"}}]
    message = {"subject": "S", "toRecipients": people, "internetMessageHeaders": headers}
    assert bench.graph()("POST", "/sendMail", json={"message": message}).json()["error"]["code"] == code


def test_base64_in_quotes_is_no_mime(bench: Any) -> None:
    answer = bench.graph()("POST", "/sendMail", data=b'"VG86"', headers={"Content-Type": "text/plain"})
    assert answer.json()["error"]["code"] == "ErrorMimeContentInvalidBase64String"


def test_a_drafts_lasting_id_is_the_sent_copys(bench: Any) -> None:
    graph = bench.graph(immutable=True)
    message = {"subject": "S", "toRecipients": [{"emailAddress": {"address": "a@example.net"}}]}
    draft = graph("POST", "/messages", json=message)
    assert draft.status_code == 201
    assert draft.json()["isDraft"]
    assert graph("POST", f"/messages/{draft.json()['id']}/send", data=b"").status_code == 202
    copy = graph("GET", f"/messages/{draft.json()['id']}").json()
    assert not copy["isDraft"]
    assert copy["internetMessageId"] == draft.json()["internetMessageId"]


def test_a_batch_runs_items_one_after_another_when_they_depend(bench: Any) -> None:
    (mail,) = bench.plant("microsoft")
    graph = bench.graph(immutable=True)
    body = {"requests": [
        {"id": "1", "method": "PATCH", "url": f"/users/bounces@contoso.example/messages/{mail}", "body": {"isRead": True},
         "headers": {"Content-Type": "application/json"}},
        {"id": "2", "method": "GET", "url": f"{graph.base}/users/bounces@contoso.example/messages/{mail}?$select=isRead",
         "dependsOn": ["1"]},
        {"id": "3", "method": "DELETE", "url": "/users/bounces@contoso.example/messages/short"},
        {"id": "4", "method": "GET", "url": f"/users/bounces@contoso.example/messages/{mail}", "dependsOn": ["3"]},
    ]}  # fmt: skip
    answer = graph("POST", f"{graph.base}/$batch", json=body)
    items = {one["id"]: one for one in answer.json()["responses"]}
    assert {number: one["status"] for number, one in items.items()} == {"1": 200, "2": 200, "3": 400, "4": 424}
    assert items["2"]["body"]["isRead"] is True


@pytest.mark.parametrize(
    "requests",
    [
        [{"id": str(n), "method": "GET", "url": "/users/a/messages"} for n in range(21)],
        [{"id": "1", "method": "PATCH", "url": "/users/a/messages/x", "body": {"isRead": True}}],
        [{"id": "1", "method": "GET", "url": "/x"}, {"id": "1", "method": "GET", "url": "/y"}],
        [],
    ],
)
def test_a_batch_that_breaks_the_rules_is_refused(bench: Any, requests: list[dict[str, Any]]) -> None:
    graph = bench.graph()
    assert graph("POST", f"{graph.base}/$batch", json={"requests": requests}).status_code == 400


def test_me_and_the_directory_are_closed_to_an_app(bench: Any) -> None:
    graph = bench.graph()
    assert "delegated" in graph("GET", f"{graph.base}/me/messages").json()["error"]["message"]
    assert graph("GET", "").json()["error"]["code"] == "Authorization_RequestDenied"
