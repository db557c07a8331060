"""What a request alone tells: each fault is refused with its field, its reason and a fix."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.sender.core.checking import FARTHEST_AHEAD, FARTHEST_BACK, check, problems_of
from services.sender.core.rejections import Rejection
from shared.contracts.sending import MOST_INLINE_BYTES, MOST_RECIPIENTS, SendMail
from shared.domain.sending import Reason
from tests.send_requests import NOW, a_document, a_request

SECOND = timedelta(seconds=1)
STORED = "0198aaaa-bbbb-7ccc-8ddd-eeeeffff0009"
PDF = {"filename": "a.pdf", "content": base64.b64encode(b"%PDF-1.7").decode()}


def rejection(**fields: Any) -> Rejection:
    found = check(a_request(**fields), now=NOW)
    assert found is not None
    assert found.detail
    return found


def people(count: int, start: int = 0) -> list[dict[str, str]]:
    return [{"email": f"r{n}@example.net"} for n in range(start, start + count)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": ..., "html": "<p>Hello</p>"},
        {"to": [], "bcc": people(1)},
        {"to": people(MOST_RECIPIENTS)},
        {"to": [{"email": "anna@müller.example", "name": 'Änna, "the" Müller'}]},
        {"subject": "Zahlung erhalten: 10 € =?utf-8?q?danke?="},
        {"headers": [{"name": "X-Campaign", "value": "nov\tember"}, {"name": "References", "value": "<a@b> <c@d>"}]},
        {"list_unsubscribe": "https://example.com/u?x=1"},
        {"list_unsubscribe": "mailto:leave@example.com"},
        {"attachments": [PDF, {"filename": "ü.txt", "stored": STORED}]},
        {"attachments": [{"filename": "a", "content": ""}, {"filename": "b", "content": "YWJj\r\nZGVm\n"}]},
        {"attachments": [{"filename": "a", "content": base64.b64encode(bytes(MOST_INLINE_BYTES)).decode()}]},
        {"text": "{{ braces }} without merge fields are plain text {% x"},
        {"text": "Hello {{ name }}", "merge": {"name": "Anna"}},
        {"not_before": NOW - timedelta(minutes=5)},
        {"not_before": NOW - FARTHEST_BACK},
        {"not_before": NOW + FARTHEST_AHEAD, "expires_at": NOW + FARTHEST_AHEAD + SECOND},
        {"expires_at": NOW + SECOND},
    ],
)
def test_a_request_that_can_be_sent_passes(fields: dict[str, Any]) -> None:
    assert check(a_request(**fields), now=NOW) is None


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"to": []}, "to", "no recipient"),
        ({"to": people(MOST_RECIPIENTS + 1)}, "to", "501 recipients"),
        ({"to": people(10_000)}, "to", "10000 recipients"),
        ({"to": people(250), "cc": people(250, 250), "bcc": people(1, 500)}, "bcc", "split"),
        ({"to": people(400), "cc": people(101, 400)}, "cc", "split"),
        ({"to": [{"email": "nobody"}]}, "to.0.email", "local@domain"),
        ({"cc": [{"email": "b@example.net"}, {"email": "müller@example.net"}]}, "cc.1.email", "ASCII"),
        ({"to": people(2), "bcc": [{"email": "R1@EXAMPLE.net"}]}, "bcc.0.email", "to.1"),
        ({"reply_to": {"email": "a@localhost"}}, "reply_to.email", "domain"),
        ({"text": ...}, "text", "no body"),
        ({"text": " \n\t", "html": ""}, "text", "no body"),
        ({"text": "a\x00b"}, "text", "NUL"),
        ({"text": ..., "html": "<p>\x00"}, "html", "NUL"),
        ({"list_unsubscribe": "https://example.com/ü"}, "list_unsubscribe", "percent"),
        ({"expires_at": NOW + SECOND, "not_before": NOW + SECOND}, "expires_at", "not_before"),
        ({"not_before": NOW + FARTHEST_AHEAD + SECOND}, "not_before", "90 days ahead"),
        ({"not_before": NOW - FARTHEST_BACK - SECOND}, "not_before", "clock"),
        ({"headers": [{"name": "X-A", "value": "x" * 901}]}, "headers.0.value", "900"),
        ({"headers": [{"name": "References", "value": "<a@b>"}] * 2}, "headers.1.name", "once"),
        ({"attachments": [{"filename": "a"}]}, "attachments.0", "either"),
        ({"attachments": [{**PDF, "stored": STORED}]}, "attachments.0", "either"),
        ({"attachments": [PDF, {**PDF, "content": "no base64"}]}, "attachments.1.content", "base64"),
        ({"attachments": [{**PDF, "content": "YWJ"}]}, "attachments.0.content", "base64"),
        ({"attachments": [{**PDF, "content": "YW=j"}]}, "attachments.0.content", "base64"),
        ({"attachments": [{**PDF, "content": "YW-_"}]}, "attachments.0.content", "base64"),
        ({"attachments": [{**PDF, "filename": "a\u202efdp.exe"}]}, "attachments.0.filename", "direction"),
        ({"attachments": [{**PDF, "content_type": "message/rfc822"}]}, "attachments.0.content_type", "octet-stream"),
        ({"attachments": [{**PDF, "content_type": "Multipart/mixed"}]}, "attachments.0.content_type", "octet-stream"),
        ({"attachments": [{**PDF, "content_id": "<a>"}]}, "attachments.0.content_id", "angle"),
        ({"attachments": [{**PDF, "content_id": "a"}] * 2}, "attachments.1.content_id", "differ"),
    ],
)  # fmt: skip
def test_what_can_not_be_sent_is_refused_with_field_and_fix(fields: dict[str, Any], field: str, says: str) -> None:
    found = rejection(**fields)
    assert (found.reason, found.field) == (Reason.INVALID, field)
    assert says in found.detail


@pytest.mark.parametrize("late", [timedelta(0), SECOND, timedelta(days=400)])
def test_a_request_that_came_too_late_is_told_what_time_it_is_here(late: timedelta) -> None:
    found = rejection(expires_at=NOW - late)
    assert (found.reason, found.field) == (Reason.EXPIRED, "expires_at")
    assert "2026-11-21 12:00:00Z" in found.detail


def test_attachments_in_the_request_are_limited_together_to_the_byte() -> None:
    half = {"filename": "a", "content": base64.b64encode(bytes(MOST_INLINE_BYTES // 2)).decode()}
    rest = {"filename": "b", "content": base64.b64encode(bytes(MOST_INLINE_BYTES // 2 + 1)).decode()}
    assert check(a_request(attachments=[half, half]), now=NOW) is None
    found = rejection(attachments=[half, rest])
    assert (found.reason, found.field) == (Reason.TOO_LARGE, "attachments")


INJECTIONS = [
    "a\x0bBcc: x@example.net",
    "a\x0cb",
    "a\x85b",
    "a\u2028Bcc: x@example.net",
    "a\u2029b",
    "a\x1bb",
    "a\x7fb",
    "=?utf-8?q?a=0D=0ABcc:_x=40example.net?=",
    "=?utf-8?b?YQ0KQmNjOiB4?=",
]


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("from_name", lambda value: {"from_name": value}),
        ("subject", lambda value: {"subject": value}),
        ("to.0.name", lambda value: {"to": [{"email": "a@example.net", "name": value}]}),
        ("bcc.0.name", lambda value: {"bcc": [{"email": "b@example.net", "name": value}]}),
        ("reply_to.name", lambda value: {"reply_to": {"email": "a@example.net", "name": value}}),
        ("headers.0.value", lambda value: {"headers": [{"name": "X-A", "value": value}]}),
        ("attachments.0.filename", lambda value: {"attachments": [{**PDF, "filename": value}]}),
    ],
)  # fmt: skip
def test_no_value_ends_its_header_line_not_even_when_decoded(field: str, fields: Any, value: str) -> None:
    assert rejection(**fields(value)).field == field


@pytest.mark.parametrize(
    "name",
    [
        "From", "sender", "TO", "Cc", "BCC", "Subject",
        "Date", "message-id", "Reply-To", "Return-Path", "Received", "MIME-Version",
        "Content-Type", "content-transfer-encoding", "List-Unsubscribe", "List-Unsubscribe-Post", "X-ApiConnect-Reference", "x-apiconnect-x",
        "DKIM-Signature", "ARC-Seal", "Authentication-Results", "Resent-To", "Delivered-To", "Apparently-To",
    ],
)  # fmt: skip
def test_a_header_that_the_sender_makes_itself_is_refused_by_name(name: str) -> None:
    found = rejection(headers=[{"name": "X-Fine", "value": "1"}, {"name": name, "value": "1"}])
    assert found.field == "headers.1.name"
    assert name in found.detail


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"subject": "For {{ name }}"}, "subject", "'name' is undefined"),
        ({"html": "<p>{{ name }</p>"}, "html", "not closed"),
        ({"text": "a\n{% if %}"}, "text", "line 2"),
        ({"subject": "{{ lines }}", "merge": {"lines": "a\r\nBcc: b"}}, "subject", "line break"),
        ({"text": "{{ empty }}", "merge": {"empty": " "}}, "text", "no body"),
    ],
)
def test_a_template_that_can_not_be_filled_in_is_refused(fields: dict[str, Any], field: str, says: str) -> None:
    found = rejection(**{"merge": {"other": 1}, **fields})
    assert (found.reason, found.field) == (Reason.TEMPLATE, field)
    assert says in found.detail


def schema_rejection(document: dict[str, Any]) -> Rejection:
    with pytest.raises(ValidationError) as caught:
        SendMail.model_validate_json(json.dumps(document))
    return problems_of(caught.value)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"idempotency_key": ...}, "idempotency_key", "is missing"),
        ({"idempotency_key": "a b"}, "idempotency_key", "not allowed"),
        ({"idempotency_key": "k" * 201}, "idempotency_key", "at most 200"),
        ({"to": [{"name": "Anna"}]}, "to.0.email", "is missing"),
        ({"subject": "a\r\nBcc: x@example.net"}, "subject", "not allowed"),
        ({"subject": 5}, "subject", "must be a text"),
        ({"not_before": "2026-11-21T12:00:00"}, "not_before", "time zone"),
        ({"not_before": "tomorrow"}, "not_before", "must be a time"),
        ({"version": 2}, "version", "must be 1"),
        ({"fail_over": "perhaps"}, "fail_over", "true or false"),
        ({"to": "anna@example.net"}, "to", "must be a list"),
        ({"merge": []}, "merge", "must be an object"),
        ({"attachments": [{"filename": "../x"}]}, "attachments.0.filename", "not allowed"),
        ({"attachments": [{"filename": "x", "stored": "7"}]}, "attachments.0.stored", "UUID"),
        ({"headers": [{"name": "X-A", "value": "1"}] * 51}, "headers", "at most 50"),
        ({"list": "l" * 201}, "list", "at most 200"),
        ({"list_unsubscribe": "http://example.com"}, "list_unsubscribe", "not allowed"),
        ({"priority": 1}, "priority", "no such field"),
    ],
)
def test_what_does_not_fit_the_schema_is_told_in_plain_words(fields: dict[str, Any], field: str, says: str) -> None:
    found = schema_rejection(a_document(**fields))
    assert (found.reason, found.field) == (Reason.INVALID, field)
    assert says in found.detail
    assert "?" not in found.detail.replace("…", "")


def test_five_problems_are_told_and_the_rest_is_counted() -> None:
    found = schema_rejection(a_document(**{f"extra{n}": n for n in range(8)}))
    assert found.detail.count("no such field") == 5
    assert found.detail.endswith("And 3 more.")


def test_a_value_is_never_repeated_and_a_made_up_name_is_cut() -> None:
    found = schema_rejection(a_document(subject="sekret\r\n", text=["sekret"], **{"x\n" * 200: "sekret"}))
    assert "sekret" not in found.detail
    assert "\n" not in found.detail
    assert len(found.detail) < 500
