"""The simulator as msgraph-sdk sees it. Every answer is checked by the fixture `graph` as well."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.internet_message_header import InternetMessageHeader
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.mail_folder import MailFolder
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.users.item.messages.item.copy.copy_post_request_body import CopyPostRequestBody
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

from tests.conformance.conftest import FIRST_RECEIVED, M365, Here, planted
from tests.conformance.graph_client import GraphClient

Query = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters
IMMUTABLE = 'IdType="ImmutableId"'


def configured(immutable: bool = False, **query: Any) -> RequestConfiguration[Any]:
    """Query parameters and, if wanted, ids that stay."""
    made: RequestConfiguration[Any] = RequestConfiguration(query_parameters=Query(**query) if query else None)
    if immutable:
        made.headers.add("Prefer", IMMUTABLE)
    return made


def message(to: str = "somebody@example.net", **more: Any) -> Message:
    return Message(
        subject="Grüße",
        body=ItemBody(content_type=BodyType.Text, content="Hello\nÄ"),
        to_recipients=[Recipient(email_address=EmailAddress(address=to, name="Some Body"))],
        **more,
    )


@pytest.fixture
def mailbox(graph: GraphClient) -> Any:
    return graph.mailbox(M365)


@pytest.fixture
def inbox(mailbox: Any) -> Any:
    return mailbox.mail_folders.by_mail_folder_id("inbox")


def test_a_listing_has_the_newest_first_ten_to_a_page(here: Here, graph: GraphClient, inbox: Any) -> None:
    here.plant("microsoft", 12)
    page = graph.run(inbox.messages.get())
    assert [one.subject for one in page.value] == [f"Mail {number}" for number in range(12, 2, -1)]
    assert page.odata_next_link
    first = page.value[0]
    assert first.received_date_time == datetime.fromtimestamp(FIRST_RECEIVED + 12 * 60, UTC)
    assert (first.from_.email_address.name, first.from_.email_address.address) == ("Sünder 12", "sender12@example.com")
    assert (first.is_read, first.has_attachments, first.internet_message_id) == (False, True, "<12@planted.example>")
    assert (first.body.content_type, first.importance.value, first.flag.flag_status.value) == (
        BodyType.Html, "normal", "notFlagged",
    )  # fmt: skip
    assert set(first.additional_data) == {"@odata.etag"}


def test_the_sdks_page_iterator_goes_through_all_pages(here: Here, graph: GraphClient, inbox: Any) -> None:
    ids = here.plant("microsoft", 23)
    seen: list[str] = []

    async def walk() -> None:
        first = await inbox.messages.get(request_configuration=configured(top=5, select=["id", "subject"]))
        iterator: Any = PageIterator(first, graph.adapter)
        await iterator.iterate(lambda one: seen.append(one.id) or True)

    graph.run(walk())
    assert seen == ids[::-1]
    assert here.calls("microsoft", "list") == {"200": 5}


def test_a_filter_and_an_order_that_belong_together(here: Here, graph: GraphClient, inbox: Any) -> None:
    ids = here.plant("microsoft", 4)
    graph.run(inbox.messages.by_message_id(ids[1]).patch(Message(is_read=True)))
    start = datetime.fromtimestamp(FIRST_RECEIVED + 61, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = configured(
        filter=f"receivedDateTime ge {start} and isRead eq false",
        orderby=["receivedDateTime asc"],
        select=["id", "receivedDateTime"],
        top=1000,
        count=True,
    )
    page = graph.run(inbox.messages.get(request_configuration=wanted))
    assert [one.id for one in page.value] == [ids[2], ids[3]]
    assert page.odata_count == 2


def test_a_filter_without_its_order_is_too_complex(graph: GraphClient, inbox: Any) -> None:
    wanted = configured(filter="isRead eq false", orderby=["receivedDateTime asc"])
    with pytest.raises(ODataError) as refused:
        graph.run(inbox.messages.get(request_configuration=wanted))
    assert (refused.value.response_status_code, refused.value.error.code) == (400, "InefficientFilter")


def test_one_message_with_its_headers(here: Here, graph: GraphClient, mailbox: Any) -> None:
    (mail,) = here.plant("microsoft")
    wanted = configured(select=["subject", "internetMessageHeaders"])
    found = graph.run(mailbox.messages.by_message_id(mail).get(request_configuration=wanted))
    headers = {one.name: one.value for one in found.internet_message_headers}
    assert headers["X-Kept"] == "yes"
    assert headers["Message-ID"] == "<1@planted.example>"


def test_the_raw_mail_is_the_planted_one(here: Here, graph: GraphClient, mailbox: Any) -> None:
    (mail,) = here.plant("microsoft")
    assert graph.run(mailbox.messages.by_message_id(mail).content.get()) == planted(1)


def test_a_json_mail_is_sent(here: Here, graph: GraphClient, mailbox: Any) -> None:
    headers = [InternetMessageHeader(name="x-reference", value="r-1")]
    body = SendMailPostRequestBody(message=message(internet_message_headers=headers), save_to_sent_items=False)
    graph.run(mailbox.send_mail.post(body))
    (sent,) = here.control.sent(M365)
    assert sent["recipients"] == ["somebody@example.net"]
    assert b"x-reference: r-1" in sent["raw"]
    assert here.control.mails("microsoft", M365) == []


def test_a_header_of_ones_own_must_begin_with_x(here: Here, graph: GraphClient, mailbox: Any) -> None:
    headers = [InternetMessageHeader(name="List-Unsubscribe", value="<mailto:u@example.com>")]
    with pytest.raises(ODataError) as refused:
        graph.run(mailbox.send_mail.post(SendMailPostRequestBody(message=message(internet_message_headers=headers))))
    assert refused.value.error.code == "InvalidInternetMessageHeader"
    assert here.control.sent() == []


def test_a_mime_mail_is_sent_as_it_is(here: Here, graph: GraphClient, mailbox: Any) -> None:
    raw = b"To: <somebody@example.net>\r\nSubject: As it is\r\nMessage-ID: <mine@contoso.example>\r\n\r\nHi\r\n"

    def build() -> RequestInformation:
        made = RequestInformation(Method.POST, mailbox.send_mail.url_template, mailbox.send_mail.path_parameters)
        made.set_stream_content(b64encode(raw), "text/plain")
        return made

    graph.run(graph.adapter.send_no_response_content_async(build(), {"XXX": ODataError}))
    assert [one["message_id"] for one in here.control.sent()] == ["<mine@contoso.example>"]
    assert [one["subject"] for one in here.control.mails("microsoft", M365)] == ["As it is"]


def test_a_draft_is_made_and_sent_and_keeps_its_lasting_id(here: Here, graph: GraphClient, mailbox: Any) -> None:
    draft = graph.run(mailbox.messages.post(message(), request_configuration=configured(immutable=True)))
    assert draft.is_draft
    assert draft.internet_message_id
    graph.run(mailbox.messages.by_message_id(draft.id).send.post())
    sent = graph.run(mailbox.messages.by_message_id(draft.id).get(request_configuration=configured(immutable=True)))
    assert not sent.is_draft
    assert sent.internet_message_id == draft.internet_message_id
    folder = graph.run(mailbox.mail_folders.by_mail_folder_id(sent.parent_folder_id).get())
    assert folder.display_name == "Sent Items"
    assert [one["recipients"] for one in here.control.sent()] == [["somebody@example.net"]]


def test_a_mail_is_marked_read(here: Here, graph: GraphClient, inbox: Any) -> None:
    (mail,) = here.plant("microsoft")
    changed = graph.run(inbox.messages.by_message_id(mail).patch(Message(is_read=True, categories=["Seen"])))
    assert (changed.id, changed.is_read, changed.categories) == (mail, True, ["Seen"])
    assert not here.mail("microsoft", mail)["unread"]
    assert graph.run(inbox.get()).unread_item_count == 0


def test_a_move_changes_the_id_unless_it_is_the_lasting_one(here: Here, graph: GraphClient, mailbox: Any) -> None:
    first, second = here.plant("microsoft", 2)
    lasting = here.mail("microsoft", second)["lasting_id"]
    body = MovePostRequestBody(destination_id="deleteditems")
    moved = graph.run(mailbox.messages.by_message_id(first).move.post(body))
    kept = graph.run(
        mailbox.messages.by_message_id(lasting).move.post(body, request_configuration=configured(immutable=True))
    )
    assert moved.id != first
    assert kept.id == lasting
    with pytest.raises(ODataError) as refused:
        graph.run(mailbox.messages.by_message_id(first).get())
    assert (refused.value.response_status_code, refused.value.error.code) == (404, "ErrorItemNotFound")


def test_a_copy_is_another_mail(here: Here, graph: GraphClient, mailbox: Any) -> None:
    (mail,) = here.plant("microsoft")
    copy = graph.run(mailbox.messages.by_message_id(mail).copy.post(CopyPostRequestBody(destination_id="archive")))
    assert copy.id != mail
    assert len(here.control.mails("microsoft", M365)) == 2


def test_delete_goes_to_deleted_items_and_permanent_delete_out_of_reach(
    here: Here, graph: GraphClient, mailbox: Any
) -> None:
    first, second = here.plant("microsoft", 2)
    graph.run(mailbox.messages.by_message_id(first).delete())
    graph.run(mailbox.messages.by_message_id(second).permanent_delete.post())
    deleted = graph.run(mailbox.mail_folders.by_mail_folder_id("deleteditems").messages.get())
    assert [one.subject for one in deleted.value] == ["Mail 1"]
    assert [one["how"] for one in here.control.removals()] == ["delete", "permanentDelete"]
    with pytest.raises(ODataError):
        graph.run(mailbox.messages.by_message_id(second).delete())


def test_folders_are_listed_made_and_found(graph: GraphClient, mailbox: Any) -> None:
    made = graph.run(mailbox.mail_folders.post(MailFolder(display_name="Bounces")))
    inner = graph.run(
        mailbox.mail_folders.by_mail_folder_id(made.id).child_folders.post(MailFolder(display_name="Old"))
    )
    listed = graph.run(mailbox.mail_folders.get())
    assert "Bounces" in [one.display_name for one in listed.value]
    children = graph.run(mailbox.mail_folders.by_mail_folder_id(made.id).child_folders.get())
    assert [(one.id, one.parent_folder_id) for one in children.value] == [(inner.id, made.id)]


def _item(builder: Any, kind: str, name: str, *body: Any, after: list[str] | None = None) -> BatchRequestItem:
    information = getattr(builder, f"to_{kind}_request_information")(*body)
    return BatchRequestItem(information, id=name, depends_on=after or [])


def test_a_batch_carries_reads_changes_and_what_depends_on_them(here: Here, graph: GraphClient, mailbox: Any) -> None:
    first, second = (mailbox.messages.by_message_id(one) for one in here.plant("microsoft", 2))
    nobody = mailbox.messages.by_message_id("AAMkAD" + "0" * 40)
    content = BatchRequestContent()
    for item in (
        _item(first, "get", "1"),
        _item(second.content, "get", "2"),
        _item(second.move, "post", "3", MovePostRequestBody(destination_id="deleteditems"), after=["2"]),
        _item(nobody, "delete", "4"),
        _item(first, "delete", "5", after=["4"]),
    ):
        content.add_request(item.id, item)
    answer = graph.run(BatchRequestBuilder(graph.adapter).post(content))
    assert answer.get_response_status_codes() == {"1": 200, "2": 200, "3": 201, "4": 404, "5": 424}
    # This SDK reads no body that stands in a batch as JSON, so it is looked at on the wire.
    bodies = {one["id"]: one.get("body") for one in graph.exchanges[-1].json()["responses"]}
    assert bodies["1"]["subject"] == "Mail 1"
    assert b64decode(bodies["2"]) == planted(2)
    assert [one["how"] for one in here.control.removals()] == ["move"]


def test_a_full_batch_keeps_to_four_at_once(here: Here, graph: GraphClient, mailbox: Any) -> None:
    content = BatchRequestContent()
    for mail in here.plant("microsoft", 20):
        content.add_request(mail, _item(mailbox.messages.by_message_id(mail), "delete", mail))
    answer = graph.run(BatchRequestBuilder(graph.adapter).post(content))
    assert Counter(answer.get_response_status_codes().values()) == {204: 20}
    assert here.control.limits()[0]["max_concurrent"] <= 4


def test_an_item_of_a_batch_is_throttled_alone(here: Here, graph: GraphClient, mailbox: Any) -> None:
    ids = here.plant("microsoft", 3)
    here.control.force(429, match={"operation": "delete"}, times=1, retry_after=1)
    content = BatchRequestContent()
    for number, mail in enumerate(ids):
        content.add_request(str(number), _item(mailbox.messages.by_message_id(mail), "delete", str(number)))
    answer = graph.run(BatchRequestBuilder(graph.adapter).post(content))
    assert Counter(answer.get_response_status_codes().values()) == {204: 2, 429: 1}


def test_the_sdk_waits_as_long_as_retry_after_says_and_tries_again(here: Here, graph: GraphClient, inbox: Any) -> None:
    here.plant("microsoft")
    graph.run(inbox.messages.get())
    here.control.force(429, match={"provider": "microsoft", "operation": "list"}, times=1, retry_after=5)
    started = time.monotonic()
    assert len(graph.run(inbox.messages.get()).value) == 1
    assert time.monotonic() - started >= 5.0  # of its own accord it would wait 4.25 s at most
    assert here.calls("microsoft", "list") == {"200": 2, "429": 1}


def test_the_simulators_own_limit_is_met_and_waited_out(here: Here, graph: GraphClient, inbox: Any) -> None:
    here.control.set_limits("microsoft", amount=2, window=4)
    for _ in range(3):
        graph.run(inbox.messages.get())
    assert here.calls("microsoft", "list") == {"200": 3, "429": 1}
    assert here.control.limits()[0]["refused_for"] == {"rate": 1}


def test_a_sent_mail_is_sent_twice_by_the_sdks_own_retry_after_a_504(
    here: Here, graph: GraphClient, mailbox: Any
) -> None:
    here.control.force(504, match={"operation": "send"}, when="after", times=1, retry_after=1)
    graph.run(mailbox.send_mail.post(SendMailPostRequestBody(message=message())))
    assert len(here.control.sent()) == 2


def test_a_token_that_is_over_is_refused(here: Here, graph: GraphClient, inbox: Any) -> None:
    graph.run(inbox.messages.get())
    here.control.expire_tokens("microsoft")
    with pytest.raises(ODataError) as refused:
        graph.run(inbox.messages.get())
    assert (refused.value.response_status_code, refused.value.error.code) == (401, "InvalidAuthenticationToken")


def test_a_mailbox_that_is_not_there_is_an_invalid_user(graph: GraphClient) -> None:
    with pytest.raises(ODataError) as refused:
        graph.run(graph.mailbox("nobody@contoso.example").messages.get())
    assert (refused.value.response_status_code, refused.value.error.code) == (404, "ErrorInvalidUser")
