"""Microsoft Entra's token errors: one table and the body with its seven keys.

Source: learn.microsoft.com/entra/identity-platform/reference-error-codes and bodies quoted in public reports.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from services.simulator.core.answers import Answer, json_answer


class EntraError(NamedTuple):
    """HTTP status, OAuth `error`, text with {client}, {tenant}, {scope} and {time} to fill in."""

    status: int
    error: str
    text: str


ENTRA_ERRORS: dict[int, EntraError] = {
    700016: EntraError(400, "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the"
        " application has not been installed by the administrator of the tenant or consented to by any user in the"
        " tenant. You may have sent your authentication request to the wrong tenant."),
    7000215: EntraError(401, "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not"
        " the client secret ID, for a secret added to app '{client}'."),
    7000222: EntraError(401, "invalid_client",
        "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for"
        " your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security:"
        " https://aka.ms/certCreds."),
    7000218: EntraError(401, "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    7000216: EntraError(401, "invalid_client",
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."),
    7000112: EntraError(401, "unauthorized_client", "Application '{client}'(API Connect) is disabled."),
    7000229: EntraError(401, "invalid_client",
        "The client application {client} is missing service principal in the tenant {tenant}."),
    90002: EntraError(400, "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
        " correct cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for the tenant."),
    900023: EntraError(400, "invalid_request",
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain."),
    900144: EntraError(400, "invalid_request",
        "The request body must contain the following parameter: 'grant_type'."),
    70003: EntraError(400, "unsupported_grant_type", "The app requested an unsupported grant type '{scope}'."),
    70011: EntraError(400, "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter"
        " 'scope' is not valid. The scope {scope} is not valid."),
    1002012: EntraError(400, "invalid_scope",
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with"
        " /.default suffixed to the resource identifier (application ID URI)."),
    500011: EntraError(400, "invalid_resource",
        "The resource principal named {scope} was not found in the tenant named {tenant}. This can happen if the"
        " application has not been installed by the administrator of the tenant or consented to by any user in the"
        " tenant. You might have sent your authentication request to the wrong tenant."),
    700024: EntraError(401, "invalid_client",
        "Client assertion is not within its valid time range. Current time: {time}, assertion valid from {time},"
        " expiry time of assertion {time}."),
    700027: EntraError(401, "invalid_client",
        "Client assertion contains an invalid signature. [Reason - The key was not found.]"),
    65001: EntraError(400, "invalid_grant",
        "The user or administrator has not consented to use the application with ID '{client}' named 'API Connect'."
        " Send an interactive authorization request for this user and resource."),
    53003: EntraError(400, "invalid_grant",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
    50034: EntraError(400, "invalid_grant",
        "The user account does not exist in the {tenant} directory. To sign into this application, the account must"
        " be added to the directory."),
    50196: EntraError(400, "invalid_grant",
        "The server terminated an operation because it encountered a client request loop. Please contact your app"
        " vendor."),
    90033: EntraError(503, "temporarily_unavailable",
        "A transient error has occurred. Please try again."),
    90055: EntraError(429, "temporarily_unavailable",
        "TenantThrottlingError - There are too many incoming requests."),
}  # fmt: skip


def entra_answer(number: int, *, now_text: str, trace: str, correlation: str, **words: str) -> Answer:
    """Entra's error answer for AADSTS`number`; a number outside the table is a 400 invalid_request.

    now_text: "2026-11-21 00:36:03Z". correlation: the client's client-request-id when it sent one.
    """
    known = ENTRA_ERRORS.get(number, EntraError(400, "invalid_request", "The request could not be processed."))
    filled = {"client": "", "tenant": "", "scope": "", "time": now_text, **words}
    text = known.text.format(**filled)
    error = words.get("error", known.error)
    description = f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now_text}"
    body: dict[str, Any] = {
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": now_text,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return json_answer(known.status, body)
