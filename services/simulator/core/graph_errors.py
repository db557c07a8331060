"""Microsoft Graph's error answers for mail: code → status and text.

Source: learn.microsoft.com/graph/errors and bodies of Exchange as quoted in public reports.
"""

from __future__ import annotations

from services.simulator.core.answers import Answer, Refused, json_answer

GRAPH_ERRORS: dict[str, tuple[int, str]] = {
    "InvalidAuthenticationToken": (401, "Access token is empty."),
    "ErrorAccessDenied": (403, "Access is denied. Check credentials and try again."),
    "Authorization_RequestDenied": (403, "Insufficient privileges to complete the operation."),
    "ErrorSendAsDenied": (403,
        ("The user account which was used to submit this request does not have the right to send mail on behalf of the"
        " specified sending account., Cannot submit message.")),
    "MailboxNotEnabledForRESTAPI": (404,
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise."),
    "ErrorInvalidUser": (404, "The requested user '{0}' is invalid."),
    "ErrorItemNotFound": (404, "The specified object was not found in the store."),
    "ErrorFolderNotFound": (404, "The specified folder could not be found in the store."),
    "ErrorFolderExists": (409, "A folder with the specified name already exists., Could not create folder '{0}'."),
    "ErrorInvalidIdMalformed": (400, "Id is malformed."),
    "ErrorInvalidRecipients": (400, "At least one recipient isn't valid., {0}"),
    "ErrorMimeContentInvalidBase64String": (400, "Invalid base64 string for MIME content."),
    "ErrorInvalidRequest": (400, "{0}"),
    "ErrorMessageSizeExceeded": (413, "The message exceeds the maximum supported size."),
    "ErrorQuotaExceeded": (507, "The mailbox has exceeded its quota., Cannot save changes made to an item to store."),
    "InvalidInternetMessageHeader": (400,
        "The internet message header name '{0}' should start with 'x-' or 'X-'."),
    "InvalidInternetMessageHeaderCollection": (400,
        "Maximum number of headers in one message should be less than or equal to 5."),
    "InefficientFilter": (400, "The restriction or sort order is too complex for this operation."),
    "BadRequest": (400, "{0}"),
    "UnsupportedMediaType": (415, "{0}"),
    "RequestBodyRead": (400, "{0}"),
    "UnableToDeserializePostBody": (400, "were unable to deserialize {0}"),
    "syncStateNotFound": (410, "The sync state generation is not found; continuation must be restarted."),
    "ApplicationThrottled": (429, "Application is over its MailboxConcurrency limit."),
    "ErrorExceededMessageLimit": (429, "Cannot send mail. The user has exceeded the limit of messages for now."),
    "ErrorSubmissionQuotaExceeded": (429,
        "The message can't be submitted because the sender's submission quota was exceeded."),
    "TooManyRequests": (429, "Too many requests."),
    "ErrorInternalServerError": (500, "An internal server error occurred. The operation failed."),
    "generalException": (500, "An unexpected error occurred."),
    "serviceNotAvailable": (503, "The service is temporarily unavailable."),
    "UnknownError": (503, ""),
    "gatewayTimeout": (504, "The gateway did not receive a response in time."),
    "ErrorInvalidProperty": (400, "{0}"),
    "ErrorCannotDeleteObject": (403, "The object cannot be deleted."),
    "ErrorInvalidParameter": (400, "{0}"),
}  # fmt: skip

CHALLENGE = (
    "WWW-Authenticate",
    (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
        ' client_id="00000003-0000-0000-c000-000000000000"'
    ),
)


def graph_answer(
    code: str, *words: str, message: str = "", status: int = 0, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """Graph's error answer; `message` and `status` replace what the table says. Ids are added when it is sent."""
    known_status, text = GRAPH_ERRORS.get(code, (400, "The request failed."))
    error = {"code": code, "message": message or text.format(*words), "innerError": {}}
    if code == "InvalidAuthenticationToken":
        headers = (*headers, CHALLENGE)
    return json_answer(status or known_status, {"error": error}, *headers)


def graph_refusal(code: str, *words: str, message: str = "", status: int = 0) -> Refused:
    """The same as an exception."""
    return Refused(graph_answer(code, *words, message=message, status=status))
