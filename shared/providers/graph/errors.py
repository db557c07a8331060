"""Microsoft's codes, at the token endpoint and from Graph, and what they mean to us. One table, first match wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from shared.providers.answers import Answer, Call
from shared.providers.error_table import Row, find_row, raised, retry_after_seconds

_AADSTS = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
_APPS = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
_CONSENT = "https://learn.microsoft.com/graph/permissions-reference"
_SCOPING = "https://learn.microsoft.com/graph/auth-limit-mailbox-access"
_GRAPH = "https://learn.microsoft.com/graph/errors"
_SENDING = "https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits"
_THROTTLING = "https://learn.microsoft.com/graph/throttling"

_NEW_SECRET = "Make a new client secret under Certificates & secrets and put its Value (not its ID) into the key."

ROWS: tuple[Row, ...] = (
    # --- token endpoint: AADSTS numbers
    Row(
        "AADSTS700016",
        CredentialsRejected,
        "The tenant has no application with this Client ID.",
        "Check the Client ID and the Tenant ID on the app registration's overview page.",
        _AADSTS,
        example="Application with identifier 'x' was not found in the directory 'Contoso'.",
    ),
    Row(
        "AADSTS7000215",
        CredentialsRejected,
        "The client secret is wrong; often the secret's ID was copied instead of its value.",
        _NEW_SECRET,
        _APPS,
        example="Invalid client secret provided.",
    ),
    Row(
        "AADSTS7000222",
        CredentialsRejected,
        "The client secret has expired.",
        _NEW_SECRET,
        _APPS,
        example="The provided client secret keys for app 'x' are expired.",
    ),
    Row(
        "AADSTS7000218",
        CredentialsRejected,
        "The request carried no client secret.",
        "Enter the client secret of the key again.",
        _AADSTS,
        example="The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    Row(
        "AADSTS7000112",
        CredentialsRejected,
        "The application is disabled in the tenant.",
        "Enable sign-in for the application under Enterprise applications.",
        _AADSTS,
        example="Application 'x' is disabled.",
    ),
    Row(
        "AADSTS90002",
        CredentialsRejected,
        "There is no tenant with this Tenant ID in this cloud.",
        "Check the Tenant ID, and for a national cloud the key's endpoints.",
        _AADSTS,
        example="Tenant 'x' not found.",
    ),
    Row(
        "AADSTS900023",
        CredentialsRejected,
        "The Tenant ID is neither a GUID nor a domain name.",
        "Copy the Directory (tenant) ID from the app registration's overview page.",
        _AADSTS,
        example="Specified tenant identifier 'x' is neither a valid DNS name, nor a valid external domain.",
    ),
    Row(
        "AADSTS700024",
        CredentialsRejected,
        "The signed client assertion is outside its valid time: the clock of this machine is wrong.",
        "Synchronise this machine's clock (NTP). Happens with certificate credentials only.",
        _AADSTS,
        example="Client assertion is not within its valid time range.",
    ),
    Row(
        "AADSTS700027",
        CredentialsRejected,
        "The client assertion's signature is refused: unknown certificate, or a clock out of sync.",
        "Upload the certificate to the app registration and synchronise this machine's clock (NTP).",
        _AADSTS,
        example="Client assertion contains an invalid signature.",
    ),
    Row(
        "AADSTS70011",
        CredentialsRejected,
        "The scope asked for does not fit the cloud of this key.",
        "Check that the key's login address and API address belong to the same cloud.",
        _AADSTS,
        example="The provided value for scope is not valid.",
    ),
    Row(
        "AADSTS500011",
        CredentialsRejected,
        "The tenant does not know the API that the token was asked for.",
        "Check that the key's API address is the Graph address of the tenant's cloud.",
        _AADSTS,
        example="The resource principal named https://x was not found in the tenant.",
    ),
    Row(
        "AADSTS53003",
        CredentialsRejected,
        "A conditional access policy of the tenant blocks the application.",
        "Let the tenant's administrator exclude the application or allow this machine's address.",
        _AADSTS,
        example="Access has been blocked by Conditional Access policies.",
    ),
    Row(
        "AADSTS90033", ProviderUnavailable, "The directory had a passing fault.", "Nothing: it is tried again.", _AADSTS
    ),
    Row(
        "AADSTS90006", ProviderUnavailable, "The directory had a passing fault.", "Nothing: it is tried again.", _AADSTS
    ),
    Row("AADSTS90024", Throttled, "The directory is over its request budget.", "Nothing: it is tried again.", _AADSTS),
    Row("AADSTS90055", Throttled, "Too many sign-ins in this tenant.", "Nothing: it is tried again.", _AADSTS),
    # --- token endpoint: the protocol's own words, for numbers not listed
    Row("invalid_client", CredentialsRejected, "The client secret is refused.", _NEW_SECRET, _APPS),
    Row(
        "unauthorized_client",
        CredentialsRejected,
        "The application may not sign in to this tenant.",
        "Check the Client ID and the Tenant ID, and that an administrator has consented.",
        _APPS,
    ),
    Row("invalid_tenant", CredentialsRejected, "The tenant is not known.", "Check the Tenant ID.", _AADSTS),
    Row("invalid_scope", CredentialsRejected, "The scope is refused.", "Check the key's API address.", _AADSTS),
    Row(
        "invalid_request",
        CredentialsRejected,
        "The token request is refused.",
        "Check tenant, client and secret.",
        _AADSTS,
    ),
    Row(
        "temporarily_unavailable", ProviderUnavailable, "The directory is busy.", "Nothing: it is tried again.", _AADSTS
    ),
    # --- Graph: who may
    Row(
        "ErrorAccessDenied",
        PermissionMissing,
        "A policy of the tenant keeps the application out of this mailbox.",
        "Add the mailbox to the application's RBAC scope or access policy; a change takes over an hour to work.",
        _SCOPING,
        contains="Access to OData is disabled",
        example="Access to OData is disabled.",
    ),
    Row(
        "ErrorAccessDenied",
        PermissionMissing,
        "The application has no permission for this in the mailbox.",
        "Add the application permission (Mail.ReadWrite to read and tidy, Mail.Send to send) and grant admin consent.",
        _CONSENT,
        example="Access is denied. Check credentials and try again.",
    ),
    Row(
        "Authorization_RequestDenied",
        PermissionMissing,
        "Permissions or the administrator's consent are missing.",
        "Add Mail.Read, Mail.ReadWrite and Mail.Send as application permissions and grant admin consent.",
        _CONSENT,
        example="Insufficient privileges to complete the operation.",
    ),
    Row(
        "ErrorSendAsDenied",
        PermissionMissing,
        "The mailbox may not send under this From address.",
        "Send from the mailbox's own address, or give it send-as rights in Exchange.",
        _GRAPH,
        example="The user account which was used to submit this request does not have the right to send mail.",
    ),
    Row(
        "InvalidAuthenticationToken",
        CredentialsRejected,
        "Graph refuses a token that was just issued.",
        "Check that login and API address are of the same cloud, and this machine's clock (NTP).",
        _GRAPH,
        example="Lifetime validation failed, the token is expired.",
    ),
    # --- Graph: which mailbox
    Row(
        "MailboxNotEnabledForRESTAPI",
        MailboxMissing,
        "The mailbox is inactive, unlicensed, deleted, or on the company's own server.",
        "Give the user a licence with Exchange Online, or use another mailbox.",
        _GRAPH,
        example="The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    ),
    Row(
        "ErrorMailboxNotEnabledForRESTAPI",
        MailboxMissing,
        "The mailbox is inactive, unlicensed, deleted, or on the company's own server.",
        "Give the user a licence with Exchange Online, or use another mailbox.",
        _GRAPH,
    ),
    Row(
        "MailboxNotFound",
        MailboxMissing,
        "There is no such mailbox.",
        "Check the address and the user's licence with Exchange Online.",
        _GRAPH,
    ),
    Row(
        "ErrorInvalidUser",
        MailboxMissing,
        "The tenant has no user with this address; an alias is not enough.",
        "Use the user principal name of the mailbox, and check that the key is the one of its tenant.",
        _GRAPH,
        example="The requested user 'x' is invalid.",
    ),
    Row(
        "Request_ResourceNotFound",
        MailboxMissing,
        "The tenant has no user with this address.",
        "Use the user principal name of the mailbox, and check that the key is the one of its tenant.",
        _GRAPH,
        example="Resource 'x' does not exist or one of its queried reference-property objects are not present.",
    ),
    # --- Graph: which mail
    Row("ErrorItemNotFound", MailGone, "The mail is not there any more.", "Nothing.", _GRAPH),
    Row("ErrorInvalidIdMalformed", PayloadRejected, "The mail's id is malformed.", "Report this as a fault.", _GRAPH),
    # --- Graph: what we asked
    Row(
        "InefficientFilter",
        PayloadRejected,
        "Graph can't sort and filter a listing this way.",
        "Report this as a fault.",
        _GRAPH,
        example="The restriction or sort order is too complex for this operation.",
    ),
    Row(
        "ErrorInvalidRecipients",
        PayloadRejected,
        "A recipient is missing or malformed.",
        "Correct the address.",
        _GRAPH,
    ),
    Row(
        "ErrorMimeContentInvalidBase64String",
        PayloadRejected,
        "The mail was not encoded as Graph wants it.",
        "Report this as a fault.",
        _GRAPH,
    ),
    Row(
        "InvalidInternetMessageHeader",
        PayloadRejected,
        "A custom header's name does not start with X-.",
        "Rename the header, or send as MIME.",
        _GRAPH,
    ),
    Row(
        "InvalidInternetMessageHeaderCollection",
        PayloadRejected,
        "More than 5 custom headers, or an empty list of them.",
        "Use at most 5, or send as MIME.",
        _GRAPH,
    ),
    Row(
        "ErrorInvalidRequest",
        MailGone,
        "It is no draft any more: it was sent.",
        "Nothing.",
        _GRAPH,
        contains="not a draft",
        example="The message is not a draft and cannot be sent.",
    ),
    Row("ErrorMessageSizeExceeded", PayloadRejected, "The mail is too large.", "Make it smaller.", _GRAPH),
    Row("ErrorQuotaExceeded", PayloadRejected, "The mailbox is full.", "Empty it or give it more room.", _GRAPH),
    Row(
        "ErrorCannotDeleteObject",
        PayloadRejected,
        "Exchange does not let this mail be deleted, for instance because it is on hold.",
        "Look at the mailbox's retention settings, or choose another disposal.",
        _GRAPH,
    ),
    # --- Graph: not now
    Row(
        "ApplicationThrottled", Throttled, "The app is over a limit of this mailbox.", "Nothing: it waits.", _THROTTLING
    ),
    Row("TooManyRequests", Throttled, "Too many requests.", "Nothing: it waits.", _THROTTLING),
    Row("ErrorExceededConnectionCount", Throttled, "Too many requests at once.", "Nothing: it waits.", _THROTTLING),
    Row(
        "ErrorExceededMessageLimit",
        SendingLimitReached,
        "The mailbox has sent as many mails as Exchange lets it for now.",
        "Nothing: it waits. For more, send through several mailboxes.",
        _SENDING,
    ),
    Row(
        "ErrorSubmissionQuotaExceeded",
        SendingLimitReached,
        "The mailbox has sent to as many recipients as Exchange lets it in a day.",
        "Nothing: it waits. For more, send through several mailboxes.",
        _SENDING,
    ),
    Row("ErrorServerBusy", Throttled, "Exchange asks to wait.", "Nothing: it waits.", _THROTTLING),
    Row(
        "ErrorMailboxStoreUnavailable", ProviderUnavailable, "The mailbox is being moved.", "Nothing: it waits.", _GRAPH
    ),
    Row("ErrorTimeoutExpired", ProviderUnavailable, "Exchange took too long.", "Nothing: it is tried again.", _GRAPH),
    Row("ErrorInternalServerTransientError", ProviderUnavailable, "A passing fault.", "Nothing: tried again.", _GRAPH),
    Row(
        "ErrorFolderExists", ProviderUnavailable, "Somebody made the folder just now.", "Nothing: tried again.", _GRAPH
    ),
)

# For a code that no row has: what the status alone lets us say.
BY_STATUS: Mapping[int, Row] = {
    401: Row("unauthorized", CredentialsRejected, "Microsoft refuses the key.", "Check the key; see the code.", _GRAPH),
    403: Row(
        "forbidden", PermissionMissing, "Microsoft refuses this to the key.", "Check permissions and consent.", _GRAPH
    ),
    408: Row(
        "requestTimeout", ProviderUnavailable, "The request took too long.", "Nothing: it is tried again.", _GRAPH
    ),
    409: Row("conflict", ProviderUnavailable, "Somebody changed it meanwhile.", "Nothing: it is tried again.", _GRAPH),
    412: Row(
        "preconditionFailed", ProviderUnavailable, "Somebody changed it meanwhile.", "Nothing: tried again.", _GRAPH
    ),
    413: Row("tooLarge", PayloadRejected, "The request is larger than Graph takes.", "Make the mail smaller.", _GRAPH),
    423: Row("locked", ProviderUnavailable, "The mailbox is locked for now.", "Nothing: it is tried again.", _GRAPH),
}
_OTHER = Row("badRequest", PayloadRejected, "Graph refuses the request.", "Report the code as a fault.", _GRAPH)
_THROTTLE = Row("TooManyRequests", Throttled, "Too many requests.", "Nothing: it waits.", _THROTTLING)
_OUTAGE = Row("serverError", ProviderUnavailable, "Microsoft has a fault.", "Nothing: it is tried again.", _GRAPH)
_NO_REASON = Row(
    "noReason", ProviderUnavailable, "Refused without a readable reason.", "Look for a proxy between.", _GRAPH
)


def explain(answer: Answer) -> ApiConnectError:
    """The error for an answer of 400 or more, from Graph or from the token endpoint. Never raises."""
    return explain_parts(answer.call, answer.status, answer.error_object(), retry_after_seconds(answer))


def explain_parts(
    call: Call, status: int, body: Mapping[str, Any] | None, retry_after: float | None
) -> ApiConnectError:
    """The same for one item of a `$batch`, which has a status and a body of its own."""
    code, message = _code_and_message(body or {})
    row = find_row(ROWS, code, message)
    throttle = row if row is not None and issubclass(row.error, Throttled) else None
    if status == 429:
        return raised(throttle or _THROTTLE, call, message, retry_after=retry_after, code=code)
    if status >= 500:
        outage = throttle or _OUTAGE
        return raised(outage, call, message or f"status {status}", retry_after=retry_after, code=code or str(status))
    if not code:
        return raised(_NO_REASON, call, f"status {status}", retry_after=retry_after, code=str(status))
    row = row or _by_oauth_word(body or {}, message) or BY_STATUS.get(status, _OTHER)
    return raised(row, call, message, retry_after=retry_after, code=code)


def _code_and_message(body: Mapping[str, Any]) -> tuple[str, str]:
    """Graph: {"error": {"code", "message"}}. Entra: {"error": "invalid_client", "error_description": "AADSTS…"}."""
    error = body.get("error")
    if isinstance(error, Mapping):
        return str(error.get("code") or ""), str(error.get("message") or "")
    if not isinstance(error, str):
        return "", ""
    message = str(body.get("error_description") or "")
    number = re.match(r"\s*(AADSTS\d+)", message)
    return (number.group(1) if number else error), message


def _by_oauth_word(body: Mapping[str, Any], message: str) -> Row | None:
    word = body.get("error")
    return find_row(ROWS, word, message) if isinstance(word, str) else None
