"""Google's errors: the token endpoint's and the Gmail API's, each in its own shape.

Source: developers.google.com/workspace/gmail/api/guides/handle-errors, bodies quoted in public reports.
"""

from __future__ import annotations

from typing import Any

from services.simulator.core.answers import Answer, Refused, json_answer

INVALID_GRANTS: dict[str, tuple[int, str, str]] = {
    "signature": (400, "invalid_grant", "Invalid JWT Signature."),
    "account": (400, "invalid_grant", "Invalid grant: account not found"),
    "subject": (400, "invalid_grant", "Invalid email or User ID"),
    "not_valid_email": (400, "invalid_grant", "Not a valid email or user ID."),
    "clock": (400, "invalid_grant",
        ("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and"
        " exp values in the JWT claim.")),
    "audience": (400, "invalid_grant", ("Invalid JWT: Failed audience check. The right audience is"
        " https://oauth2.googleapis.com/token")),
    "unauthorized": (401, "unauthorized_client",
        ("Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the"
        " scopes requested.")),
    "scope": (400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
    "no_scope": (400, "invalid_scope", "Empty or missing scope not allowed."),
    "principal": (400, "invalid_request", "Invalid principal"),
    "grant_type": (400, "unsupported_grant_type", "Invalid grant_type: {0}"),
    "assertion": (400, "invalid_grant", "Bad Request"),
    "disabled": (401, "invalid_client", "The OAuth client was disabled."),
    "deleted_client": (401, "deleted_client", "The OAuth client was deleted."),
    "rate": (429, "rate_limit_exceeded", "Rate Limit Exceeded"),
    "internal": (500, "internal_failure", "Backend Error"),
}  # fmt: skip

_QUOTA = "usageLimits"
# reason → (HTTP status, domain, canonical status, text)
GMAIL_ERRORS: dict[str, tuple[int, str, str, str]] = {
    "authError": (401, "global", "UNAUTHENTICATED",
        ("Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
        " authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.")),
    "required": (401, "global", "UNAUTHENTICATED", "Login Required."),
    "insufficientPermissions": (403, "global", "PERMISSION_DENIED",
        "Request had insufficient authentication scopes."),
    "forbidden": (403, "global", "PERMISSION_DENIED", "{0}"),
    "rateLimitExceeded": (403, _QUOTA, "PERMISSION_DENIED", "User-rate limit exceeded.  Retry after {0}"),
    "userRateLimitExceeded": (429, _QUOTA, "RESOURCE_EXHAUSTED", "User-rate limit exceeded.  Retry after {0}"),
    "concurrent": (429, _QUOTA, "RESOURCE_EXHAUSTED", "Too many concurrent requests for user."),
    "dailyLimitExceeded": (403, _QUOTA, "PERMISSION_DENIED",
        "Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT)."),
    "sendingLimit": (429, _QUOTA, "RESOURCE_EXHAUSTED",
        "User-rate limit exceeded.  Retry after {0} (Mail sending)"),
    "accessNotConfigured": (403, _QUOTA, "PERMISSION_DENIED",
        ("Gmail API has not been used in project {0} before or it is disabled. Enable it by visiting"
        " https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project={0} then retry. If you"
        " enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.")),
    "failedPrecondition": (400, "global", "FAILED_PRECONDITION", "Mail service not enabled"),
    "precondition": (400, "global", "FAILED_PRECONDITION", "Precondition check failed."),
    "invalidArgument": (400, "global", "INVALID_ARGUMENT", "{0}"),
    "notFound": (404, "global", "NOT_FOUND", "Requested entity was not found."),
    "invalidLabel": (400, "global", "INVALID_ARGUMENT", "Invalid label: {0}"),
    "aborted": (409, "global", "ABORTED", "Label name exists or conflicts"),
    "uploadTooLarge": (413, "global", "INVALID_ARGUMENT", "Request Entity Too Large"),
    "backendError": (500, "global", "INTERNAL", "Internal error encountered."),
    "unavailable": (503, "global", "UNAVAILABLE", "The service is currently unavailable."),
    "deadline": (504, "global", "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}  # fmt: skip
# Names of ours for rows that Google tells apart by text only → the reason on the wire.
_WIRE_REASON = {
    "concurrent": "rateLimitExceeded", "sendingLimit": "userRateLimitExceeded", "precondition": "failedPrecondition",
    "invalidLabel": "invalidArgument", "unavailable": "backendError", "deadline": "backendError",
}  # fmt: skip


def grant_answer(variant: str, *words: str) -> Answer:
    """The token endpoint's error answer; an unknown variant is a plain invalid_grant with that text."""
    status, error, text = INVALID_GRANTS.get(variant, (400, "invalid_grant", variant))
    return json_answer(status, {"error": error, "error_description": text.format(*words)})


def gmail_answer(reason: str, *words: str, message: str = "", status: int = 0) -> Answer:
    """The Gmail API's error answer for a reason of the table."""
    code, domain, canonical, text = GMAIL_ERRORS.get(reason, (400, "global", "INVALID_ARGUMENT", reason))
    code = status or code
    shown = message or text.format(*words)
    item: dict[str, Any] = {"message": shown, "domain": domain, "reason": _WIRE_REASON.get(reason, reason)}
    if reason == "authError":
        item |= {"message": "Invalid Credentials", "location": "Authorization", "locationType": "header"}
    if reason == "insufficientPermissions":
        item["message"] = "Insufficient Permission"
    error: dict[str, Any] = {"code": code, "message": shown, "errors": [item], "status": canonical}
    if detail := _DETAILS.get(reason):
        error["details"] = [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail, "domain": "googleapis.com"}
        ]
    return json_answer(code, {"error": error})


def gmail_refusal(reason: str, *words: str, message: str = "", status: int = 0) -> Refused:
    """The same as an exception."""
    return Refused(gmail_answer(reason, *words, message=message, status=status))


_DETAILS = {
    "insufficientPermissions": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "accessNotConfigured": "SERVICE_DISABLED",
}
