"""Sends mail through API Connect's queue, and reads what became of it.

with Client(os.environ["APICONNECT_URL"]) as client:
    client.send({"idempotency_key": "order-4711", "to": [{"email": "anna@example.com"}], "subject": "…", "text": "…"})
    for result in client.results():
        print(result.idempotency_key, result.state)
        result.ack()
"""

from apiconnect_client.client import Client
from apiconnect_client.errors import (
    ApiConnectError,
    InvalidRequest,
    NotAllowed,
    NotConfirmed,
    TimedOut,
    TooLarge,
    Unreachable,
    UnreadableResult,
    Unroutable,
)
from apiconnect_client.request import Attachment, Header, Recipient, SendRequest
from apiconnect_client.result import FINAL_STATES, Result

__all__ = [
    "FINAL_STATES",
    "ApiConnectError",
    "Attachment",
    "Client",
    "Header",
    "InvalidRequest",
    "NotAllowed",
    "NotConfirmed",
    "Recipient",
    "Result",
    "SendRequest",
    "TimedOut",
    "TooLarge",
    "Unreachable",
    "UnreadableResult",
    "Unroutable",
]
