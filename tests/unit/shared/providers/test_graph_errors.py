"""Microsoft's codes become our errors: each row is reached, and nothing that may pass is called permanent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import (
    ApiConnectError,
    CredentialsRejected,
    MailboxMissing,
    MailGone,
    PayloadRejected,
    Permanent,
    PermissionMissing,
    ProviderUnavailable,
    Throttled,
)
from shared.providers.answers import Answer, Call
from shared.providers.error_table import Row
from shared.providers.graph.errors import ROWS, explain

CALL = Call("microsoft", "fetch_raw", "bounces@acme.example")
NOW = 1_795_248_000.0  # 2026-11-21T08:00:00Z


def answer(status: int, body: Any, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(CALL, status, named, content, False, NOW)


def graph(code: str, message: str = "said") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "innerError": {"date": "2026-11-21T08:00:00"}}}


def entra(number: int, text: str, error: str = "invalid_client") -> dict[str, Any]:
    described = f"AADSTS{number}: {text} Trace ID: 1 Correlation ID: 2 Timestamp: 2026-11-21 08:00:00Z"
    return {"error": error, "error_description": described, "error_codes": [number]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}-{row.contains}".strip("-"))
def test_every_row_is_reached_by_what_microsoft_says(row: Row) -> None:
    if row.code.startswith("AADSTS"):
        body = entra(int(row.code.removeprefix("AADSTS")), row.example)
    elif row.code.islower():
        body = {"error": row.code, "error_description": "AADSTS1: a number we have no row for"}
    else:
        body = graph(row.code, row.example)
    error = explain(answer(400, body))
    assert type(error) is row.error
    if isinstance(error, Permanent):
        assert (error.diagnosis.cause, error.diagnosis.fix) == (row.cause, row.fix)
        assert error.diagnosis.link.startswith("https://")


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "fix"),
    [
        (400, entra(700016, "not found", "unauthorized_client"), CredentialsRejected, "AADSTS700016", "Client ID"),
        (401, entra(7000215, "Invalid client secret provided."), CredentialsRejected, "AADSTS7000215", "secret"),
        (401, entra(7000222, "keys are expired"), CredentialsRejected, "AADSTS7000222", "new client secret"),
        (401, entra(700024, "not within its valid time range"), CredentialsRejected, "AADSTS700024", "clock"),
        (401, entra(700027, "contains an invalid signature"), CredentialsRejected, "AADSTS700027", "clock"),
        (400, entra(90002, "Tenant not found", "invalid_tenant"), CredentialsRejected, "AADSTS90002", "Tenant ID"),
        (403, graph("ErrorAccessDenied", "Access is denied."), PermissionMissing, "ErrorAccessDenied", "consent"),
        (403, graph("ErrorAccessDenied", "Access to OData is disabled"), PermissionMissing,
            "ErrorAccessDenied", "RBAC"),
        (403, graph("Authorization_RequestDenied"), PermissionMissing, "Authorization_RequestDenied", "consent"),
        (404, graph("ErrorInvalidUser"), MailboxMissing, "ErrorInvalidUser", "principal"),
        (404, graph("MailboxNotEnabledForRESTAPI"), MailboxMissing, "MailboxNotEnabledForRESTAPI", "licence"),
        (400, graph("SomethingNew"), PayloadRejected, "SomethingNew", "Report"),
        (403, graph("SomethingNew"), PermissionMissing, "SomethingNew", "consent"),
        (401, entra(999999, "a new number"), CredentialsRejected, "AADSTS999999", "secret"),
    ],
)  # fmt: skip
def test_a_person_is_told_the_cause_and_the_fix(
    status: int, body: dict[str, Any], kind: type[Permanent], code: str, fix: str
) -> None:
    error = explain(answer(status, body))
    assert type(error) is kind
    assert isinstance(error, Permanent)
    assert error.diagnosis.code == code
    assert fix in error.diagnosis.fix
    assert (error.mailbox, error.call) == ("bounces@acme.example", "fetch_raw")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 507])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}-{row.contains}".strip("-"))
def test_a_throttle_or_an_outage_never_blames_key_or_mailbox(status: int, row: Row) -> None:
    error = explain(answer(status, graph(row.code, row.example)))
    assert isinstance(error, Throttled if status == 429 else ProviderUnavailable | Throttled)


@pytest.mark.parametrize("body", [b"", b"<html>Forbidden by proxy</html>", b'{"error":', b"[]", b'{"error": 7}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_refusal_without_a_reason_is_not_the_keys_fault(status: int, body: bytes) -> None:
    assert type(explain(answer(status, body))) is ProviderUnavailable


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"retry_after": "17"}, 17.0),
        ({"retry_after": "Sat, 21 Nov 2026 08:00:30 GMT", "date": "Sat, 21 Nov 2026 08:00:10 GMT"}, 20.0),
        ({"retry_after": "Sat, 21 Nov 2026 08:00:30 GMT"}, 30.0),
        ({"retry_after": "Sat, 21 Nov 2026 07:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: dict[str, str], seconds: float | None) -> None:
    error = explain(answer(429, graph("ApplicationThrottled"), **said))
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds


def test_a_mail_that_is_gone_is_no_failure_of_the_mailbox() -> None:
    assert type(explain(answer(404, graph("ErrorItemNotFound")))) is MailGone


@pytest.mark.parametrize("operation", ["list_unread", "find_folder", "make_folder", "token"])
def test_a_listing_that_is_not_found_is_not_a_mail_that_is_gone(operation: str) -> None:
    said = answer(404, graph("ErrorItemNotFound"))
    assert type(explain(replace(said, call=replace(CALL, operation=operation)))) is ProviderUnavailable


@pytest.mark.parametrize("body", [{"error": {"code": 5, "message": None}}, {"error": {"code": ["x"]}}, {"error": {}}])
def test_a_body_of_wrong_types_is_survived(body: dict[str, Any]) -> None:
    assert isinstance(explain(answer(403, body)), ApiConnectError)
