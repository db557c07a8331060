"""Google's reasons, at the token endpoint and from Gmail, and what they mean to us. One table, first match wins.

Gmail is read by `reason`, never by status: the quota per user comes as 403 far more often than as 429.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.domain.errors import (
    ApiConnectError,
    CredentialsRejected,
    MailboxMissing,
    MailGone,
    PayloadRejected,
    PermissionMissing,
    ProviderUnavailable,
    SendingLimitReached,
    Throttled,
)
from shared.providers.answers import Answer
from shared.providers.error_table import Row, answered_at, find_row, raised, retry_after_seconds

_DELEGATION = "https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority"
_KEYS = "https://cloud.google.com/iam/docs/keys-create-delete"
_SCOPES = "https://developers.google.com/workspace/gmail/api/auth/scopes"
_ENABLE = "https://console.cloud.google.com/apis/library/gmail.googleapis.com"
_QUOTA = "https://developers.google.com/workspace/gmail/api/reference/quota"
_ERRORS = "https://developers.google.com/workspace/gmail/api/guides/handle-errors"
_SENDING = "https://support.google.com/a/answer/166852"
_USERS = "https://admin.google.com/ac/users"

_MAX_WAIT_SECONDS = 24 * 3600.0  # the longest block that Google names (sending limits)

ROWS: tuple[Row, ...] = (
    # --- token endpoint
    Row(
        "invalid_grant",
        CredentialsRejected,
        "The private key does not belong to the service account, or was withdrawn.",
        "Make a new JSON key for the service account and paste the whole file, without added spaces.",
        _KEYS,
        contains="JWT Signature",
        example="Invalid JWT Signature.",
    ),
    Row(
        "invalid_grant",
        CredentialsRejected,
        "The service account does not exist.",
        "Check the service account's address, and that it was not deleted.",
        _KEYS,
        contains="account not found",
        example="Invalid grant: account not found",
    ),
    Row(
        "invalid_grant",
        CredentialsRejected,
        "The request's time is refused: this machine's clock is wrong.",
        "Synchronise this machine's clock (NTP).",
        _DELEGATION,
        contains="reasonable timeframe",
        example="Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
    ),
    Row(
        "invalid_grant",
        CredentialsRejected,
        "The signed request is malformed or refused.",
        "Make a new JSON key for the service account and paste the whole file.",
        _KEYS,
        contains="JWT",
        example="Invalid JWT: Failed audience check.",
    ),
    Row(
        "invalid_grant",
        MailboxMissing,
        "The address is no user of this Workspace.",
        "Check the address: it must be a user's primary address, not a group or an alias of another domain.",
        _USERS,
        contains="email or user ID",
        example="Invalid email or User ID",
    ),
    Row(
        "invalid_grant", CredentialsRejected, "Google refuses the key.", "Check key, user and delegation.", _DELEGATION
    ),
    Row(
        "unauthorized_client",
        CredentialsRejected,
        "Domain-wide delegation is missing for this service account or for a scope that was asked for.",
        "In the Admin console, under API controls, add the service account's numeric client ID with exactly the "
        "scopes; it may take up to 24 hours to work.",
        _DELEGATION,
        example="Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
        "of the scopes requested.",
    ),
    Row(
        "access_denied",
        CredentialsRejected,
        "The Workspace's administrator does not allow this scope.",
        "Add the scope to the service account's client ID under API controls.",
        _DELEGATION,
    ),
    Row("invalid_scope", CredentialsRejected, "A scope is not known.", "Check the delegated scopes.", _SCOPES),
    Row("invalid_client", CredentialsRejected, "The service account is not known.", "Check its address.", _KEYS),
    Row(
        "invalid_request",
        MailboxMissing,
        "The address can't be impersonated.",
        "Check that it is a user of this Workspace.",
        _USERS,
        contains="principal",
        example="Invalid principal",
    ),
    Row("invalid_request", CredentialsRejected, "The token request is refused.", "Paste the whole key again.", _KEYS),
    Row("admin_policy_enforced", CredentialsRejected, "A policy forbids it.", "Ask the administrator.", _DELEGATION),
    Row("org_internal", CredentialsRejected, "A policy forbids it.", "Ask the administrator.", _DELEGATION),
    Row("internal_failure", ProviderUnavailable, "Google had a fault.", "Nothing: it is tried again.", _ERRORS),
    Row("temporarily_unavailable", ProviderUnavailable, "Google is busy.", "Nothing: it is tried again.", _ERRORS),
    # --- Gmail: not now. Before everything that a 403 could otherwise mean.
    Row(
        "userRateLimitExceeded",
        SendingLimitReached,
        "The mailbox has sent as many mails as Google lets it in a day.",
        "Nothing: it waits, up to 24 hours. For more, send through several mailboxes.",
        _SENDING,
        contains="mail sending",
        example="User-rate limit exceeded.  Retry after 2026-09-11T20:00:00.000Z (Mail sending)",
    ),
    Row(
        "rateLimitExceeded",
        SendingLimitReached,
        "The mailbox has sent as many mails as Google lets it in a day.",
        "Nothing: it waits, up to 24 hours. For more, send through several mailboxes.",
        _SENDING,
        contains="mail sending",
        example="User-rate limit exceeded.  Retry after 2026-09-11T20:00:00.000Z (Mail sending)",
    ),
    Row("rateLimitExceeded", Throttled, "The quota of this minute is used up.", "Nothing: it waits.", _QUOTA),
    Row(
        "userRateLimitExceeded", Throttled, "The user's quota of this minute is used up.", "Nothing: it waits.", _QUOTA
    ),
    Row("RATE_LIMIT_EXCEEDED", Throttled, "The quota of this minute is used up.", "Nothing: it waits.", _QUOTA),
    Row("quotaExceeded", Throttled, "A quota of the project is used up.", "Nothing: it waits.", _QUOTA),
    Row("dailyLimitExceeded", Throttled, "The project's day quota is used up.", "Wait, or raise the quota.", _QUOTA),
    Row("concurrentLimitExceeded", Throttled, "Too many requests at once.", "Nothing: it waits.", _QUOTA),
    Row("sendingLimitExceeded", SendingLimitReached, "The user sent its day's mails.", "Nothing: it waits.", _SENDING),
    Row("RESOURCE_EXHAUSTED", Throttled, "A quota is used up.", "Nothing: it waits.", _QUOTA),
    Row("backendError", ProviderUnavailable, "Google had a fault.", "Nothing: it is tried again.", _ERRORS),
    Row("internalError", ProviderUnavailable, "Google had a fault.", "Nothing: it is tried again.", _ERRORS),
    # --- Gmail: who may
    Row(
        "insufficientPermissions",
        PermissionMissing,
        "The token's scopes do not cover this call.",
        "Delegate the scope: gmail.readonly reads, gmail.modify tidies, gmail.send sends, https://mail.google.com/ "
        "deletes for good.",
        _SCOPES,
        example="Request had insufficient authentication scopes.",
    ),
    Row(
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        PermissionMissing,
        "The token's scopes do not cover this call.",
        "Delegate the scope that the call needs.",
        _SCOPES,
    ),
    Row(
        "accessNotConfigured",
        PermissionMissing,
        "The Gmail API is not enabled in the project.",
        "Enable it under APIs & Services, Library, in the service account's project.",
        _ENABLE,
        example="Gmail API has not been used in project 1 before or it is disabled.",
    ),
    Row(
        "SERVICE_DISABLED",
        PermissionMissing,
        "The Gmail API is not enabled in the project.",
        "Enable it under APIs & Services, Library, in the service account's project.",
        _ENABLE,
    ),
    Row(
        "forbidden",
        PermissionMissing,
        "The token stands for another mailbox.",
        "Check that the key may stand in for this user.",
        _DELEGATION,
        contains="Delegation denied",
        example="Delegation denied for user@example.com",
    ),
    Row(
        "domainPolicy",
        PermissionMissing,
        "The Workspace has Gmail's API switched off.",
        "Ask its administrator.",
        _USERS,
    ),
    Row("forbidden", PermissionMissing, "Google refuses this to the key.", "Check the delegated scopes.", _SCOPES),
    Row(
        "authError",
        CredentialsRejected,
        "Gmail refuses a token that was just issued.",
        "Check the key's endpoints, and this machine's clock (NTP).",
        _ERRORS,
        example="Invalid Credentials",
    ),
    Row("UNAUTHENTICATED", CredentialsRejected, "Gmail refuses the token.", "Check the key's endpoints.", _ERRORS),
    # --- Gmail: which mailbox, which mail
    Row(
        "failedPrecondition",
        MailboxMissing,
        "The user has no Gmail.",
        "Give the user a licence with Gmail.",
        _USERS,
        contains="Mail service not enabled",
        example="Mail service not enabled",
    ),
    Row(
        "failedPrecondition",
        MailboxMissing,
        "The user can't be opened: not in this Workspace, suspended, or without Gmail.",
        "Check that the user exists, is not suspended and has Gmail, and that the scopes are delegated.",
        _USERS,
        example="Precondition check failed.",
    ),
    Row("notFound", MailGone, "The mail is not there any more.", "Nothing.", _ERRORS),
    # --- Gmail: what we asked
    Row(
        "invalidArgument",
        PayloadRejected,
        "A recipient is missing, malformed, or there are too many.",
        "Correct the addresses, or send to fewer at a time.",
        _SENDING,
        contains="recipient",
        example="Recipient address required",
    ),
    Row(
        "invalidArgument",
        PayloadRejected,
        "An address field of the mail can't be read.",
        "Correct the address.",
        _ERRORS,
        contains="Invalid To header",
        example="Invalid To header",
    ),
    Row("invalidArgument", PayloadRejected, "Gmail refuses the request.", "Report this as a fault.", _ERRORS),
    Row("badRequest", PayloadRejected, "Gmail refuses the request.", "Report this as a fault.", _ERRORS),
    Row("uploadTooLarge", PayloadRejected, "The mail is too large.", "Make it smaller.", _ERRORS),
    Row("aborted", ProviderUnavailable, "Somebody changed it meanwhile.", "Nothing: it is tried again.", _ERRORS),
    Row("conflict", ProviderUnavailable, "Somebody changed it meanwhile.", "Nothing: it is tried again.", _ERRORS),
)

# For a reason that no row has: what the status alone lets us say.
BY_STATUS: Mapping[int, Row] = {
    401: Row("unauthorized", CredentialsRejected, "Google refuses the key.", "Check the key; see the code.", _ERRORS),
    403: Row("forbidden", PermissionMissing, "Google refuses this to the key.", "Check the delegated scopes.", _SCOPES),
    404: Row("notFound", MailGone, "It is not there any more.", "Nothing.", _ERRORS),
    408: Row("requestTimeout", ProviderUnavailable, "The request took too long.", "Nothing: tried again.", _ERRORS),
    409: Row("conflict", ProviderUnavailable, "Somebody changed it meanwhile.", "Nothing: tried again.", _ERRORS),
    413: Row("tooLarge", PayloadRejected, "The request is larger than Gmail takes.", "Make it smaller.", _ERRORS),
}
_OTHER = Row("badRequest", PayloadRejected, "Gmail refuses the request.", "Report the code as a fault.", _ERRORS)
_THROTTLE = Row("rateLimitExceeded", Throttled, "A quota is used up.", "Nothing: it waits.", _QUOTA)
_OUTAGE = Row("backendError", ProviderUnavailable, "Google has a fault.", "Nothing: it is tried again.", _ERRORS)
_NO_REASON = Row("noReason", ProviderUnavailable, "Refused without a readable reason.", "Look for a proxy.", _ERRORS)


def explain(answer: Answer) -> ApiConnectError:
    """The error for an answer of 400 or more, from Gmail or from the token endpoint. Never raises."""
    reasons, message = _reasons_and_message(answer.error_object() or {})
    wait = retry_after_seconds(answer)
    if wait is None:
        wait = retry_after_in(message, answered_at(answer))
    code = reasons[0] if reasons else ""
    rows = [row for reason in reasons if (row := find_row(ROWS, reason, message)) is not None]
    throttle = next((row for row in rows if issubclass(row.error, Throttled)), None)
    if throttle or answer.status == 429:
        return raised(throttle or _THROTTLE, answer.call, message, retry_after=wait, code=code)
    if answer.status >= 500:
        words = message or f"status {answer.status}"
        return raised(_OUTAGE, answer.call, words, retry_after=wait, code=code or str(answer.status))
    if not reasons:
        return raised(_NO_REASON, answer.call, f"status {answer.status}", retry_after=wait, code=str(answer.status))
    row = rows[0] if rows else BY_STATUS.get(answer.status, _OTHER)
    return raised(row, answer.call, message, retry_after=wait, code=row.code if rows else code)


def retry_after_in(message: str, now: float) -> float | None:
    """The wait that Gmail names inside its message, "… Retry after 2026-09-11T20:00:00.000Z", in seconds from `now`.

    None if it names none. At most a day: a time beyond that is not believed.
    """
    named = re.search(r"retry after (\d{4}-\d\d-\d\dT[\d:.]+)(Z|[+-]\d\d:\d\d)", message, re.IGNORECASE)
    if named is None:
        return None
    try:
        at = datetime.fromisoformat(named.group(1) + named.group(2).upper().replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        return None
    return min(max(0.0, at.timestamp() - now), _MAX_WAIT_SECONDS)


def _reasons_and_message(body: Mapping[str, Any]) -> tuple[list[str], str]:
    """All reasons that are named, the most telling first, and the message.

    Gmail: {"error": {"message", "status", "errors": [{"reason"}], "details": [{"reason"}]}}.
    Token endpoint: {"error": "invalid_grant", "error_description": "…"}.
    """
    error = body.get("error")
    if isinstance(error, str):
        return [error], str(body.get("error_description") or "")
    if not isinstance(error, Mapping):
        return [], ""
    reasons = []
    for part in ("errors", "details"):
        listed = error.get(part)
        reasons += (
            [str(item.get("reason") or "") for item in listed if isinstance(item, Mapping)]
            if isinstance(listed, list)
            else []
        )
    reasons.append(str(error.get("status") or ""))
    return [reason for reason in reasons if reason], str(error.get("message") or "")
