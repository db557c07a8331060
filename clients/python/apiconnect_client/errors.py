"""What may go wrong before API Connect has the request. What goes wrong later is a result."""

from __future__ import annotations


class ApiConnectError(Exception):
    """Any failure of this client."""


class InvalidRequest(ApiConnectError, ValueError):
    """The request can't be right, so it was not published. `field` names the part."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class TooLarge(InvalidRequest):
    """The request is larger than the queue takes: store large attachments first, and name them (`stored`)."""


class Unreachable(ApiConnectError):
    """The broker could not be reached in time, or went away before it confirmed. Whether it has the request is not known:
    publish the same again, the idempotency key makes it one send."""


class NotAllowed(ApiConnectError):
    """The broker refuses: wrong password, a disabled integration, or a right that this integration does not have."""


class Unroutable(ApiConnectError):
    """No queue takes the request: the integration was removed, or the broker lost it (`apiconnect integration restore`)."""


class NotConfirmed(ApiConnectError):
    """The broker said no to this request, for want of room or memory. It was not stored: try later."""


class TimedOut(ApiConnectError):
    """No final result came in time. The request is with API Connect all the same. `last`: the last result, or None."""

    def __init__(self, message: str, last: object = None) -> None:
        super().__init__(message)
        self.last = last


class UnreadableResult(ApiConnectError):
    """A result that is not of the contract this client knows. `body`: as it came."""

    def __init__(self, message: str, body: bytes) -> None:
        super().__init__(message)
        self.body = body
