"""Google's reasons become our errors: by reason and not by status, with the wait that the message names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.errors import (
    CredentialsRejected,
    MailboxMissing,
    MailGone,
    PayloadRejected,
    Permanent,
    PermissionMissing,
    ProviderUnavailable,
    Temporary,
    Throttled,
)
from shared.providers.answers import Answer, Call
from shared.providers.error_table import Row
from shared.providers.gmail.errors import ROWS, explain, retry_after_in

CALL = Call("google", "fetch_raw", "bounces@acme.example")
NOW = 1_795_248_000.0  # 2026-11-21T08:00:00Z


def answer(status: int, body: Any, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(CALL, status, named, content, False, NOW)


def gmail(reason: str, message: str = "said", status: str = "PERMISSION_DENIED") -> dict[str, Any]:
    listed = [{"message": message, "domain": "global", "reason": reason}]
    return {"error": {"code": 403, "message": message, "errors": listed, "status": status}}


def token(error: str, text: str) -> dict[str, Any]:
    return {"error": error, "error_description": text}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}-{row.contains}".strip("-"))
def test_every_row_is_reached_by_what_google_says(row: Row) -> None:
    as_token = row.code.islower() and row.code not in ("forbidden", "aborted", "conflict")
    error = explain(answer(400, token(row.code, row.example) if as_token else gmail(row.code, row.example, "")))
    assert type(error) is row.error
    if isinstance(error, Permanent):
        assert (error.diagnosis.code, error.diagnosis.cause, error.diagnosis.fix) == (row.code, row.cause, row.fix)
        assert error.diagnosis.link.startswith("https://")


@pytest.mark.parametrize(
    ("status", "body", "kind", "fix"),
    [
        (400, token("invalid_grant", "Invalid JWT Signature."), CredentialsRejected, "whole file"),
        (400, token("invalid_grant", "Invalid grant: account not found"), CredentialsRejected, "service account"),
        (400, token("invalid_grant", "Not a valid email or user ID."), MailboxMissing, "primary address"),
        (400, token("invalid_grant", "Invalid email or User ID"), MailboxMissing, "primary address"),
        (400, token("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                    "timeframe. Check your iat and exp values in the JWT claim."), CredentialsRejected, "NTP"),
        (401, token("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or "
                    "client not authorized for any of the scopes requested."), CredentialsRejected, "24 hours"),
        (403, gmail("forbidden", "Delegation denied for user@acme.example"), PermissionMissing, "stand in"),
        (403, gmail("insufficientPermissions"), PermissionMissing, "gmail.modify"),
        (403, gmail("accessNotConfigured"), PermissionMissing, "Enable"),
        (400, gmail("failedPrecondition", "Mail service not enabled"), MailboxMissing, "licence"),
        (400, gmail("failedPrecondition", "Precondition check failed."), MailboxMissing, "suspended"),
        (401, gmail("authError", "Invalid Credentials", "UNAUTHENTICATED"), CredentialsRejected, "clock"),
        (400, gmail("somethingNew", status="INVALID_ARGUMENT"), PayloadRejected, "Report"),
        (403, gmail("somethingNew"), PermissionMissing, "scopes"),
    ],
)  # fmt: skip
def test_a_person_is_told_the_cause_and_the_fix(
    status: int, body: dict[str, Any], kind: type[Permanent], fix: str
) -> None:
    error = explain(answer(status, body))
    assert type(error) is kind
    assert isinstance(error, Permanent)
    assert fix in error.diagnosis.fix
    assert (error.mailbox, error.call) == ("bounces@acme.example", "fetch_raw")


@pytest.mark.parametrize("status", [403, 429, 400])
def test_the_quota_is_a_throttle_whatever_the_status(status: int) -> None:
    said = "User-rate limit exceeded.  Retry after 2026-11-21T08:00:45.500Z"
    error = explain(answer(status, gmail("rateLimitExceeded", said)))
    assert type(error) is Throttled
    assert error.retry_after == pytest.approx(45.5)


def test_the_wait_is_counted_by_googles_clock_not_ours() -> None:
    said = "User-rate limit exceeded.  Retry after 2026-11-21T09:00:45.000Z"
    error = explain(answer(403, gmail("rateLimitExceeded", said), date="Sat, 21 Nov 2026 09:00:00 GMT"))
    assert isinstance(error, Throttled)
    assert error.retry_after == pytest.approx(45.0)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Retry after 2026-11-21T08:00:10.000Z", 10.0),
        ("retry after 2026-11-21T09:00:10+01:00", 10.0),
        ("Retry after 2026-11-21T07:59:00.000Z", 0.0),
        ("Retry after 2031-01-01T00:00:00.000Z", 86_400.0),
        ("Retry after 2026-99-21T08:00:10Z", None),
        ("User-rate limit exceeded.", None),
    ],
)
def test_the_wait_is_read_from_the_message(message: str, seconds: float | None) -> None:
    assert retry_after_in(message, NOW) == seconds


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}-{row.contains}".strip("-"))
def test_a_throttle_or_an_outage_never_blames_key_or_mailbox(status: int, row: Row) -> None:
    assert isinstance(explain(answer(status, gmail(row.code, row.example))), Temporary)


@pytest.mark.parametrize("body", [b"", b"<html>Sorry</html>", b'{"error":', b"[]", b'{"error": 7}', b'{"error": {}}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_refusal_without_a_reason_is_not_the_keys_fault(status: int, body: bytes) -> None:
    assert type(explain(answer(status, body))) is ProviderUnavailable


def test_a_mail_that_is_gone_is_no_failure_of_the_mailbox() -> None:
    body = gmail("notFound", "Requested entity was not found.", "NOT_FOUND")
    assert type(explain(answer(404, body))) is MailGone
