"""Send requests for tests, valid by default: say only what matters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.sender.core.composing import Composed, SenderFacts, compose
from services.sender.core.references import new_reference
from shared.contracts.sending import SendMail
from shared.domain.mailboxes import Provider
from shared.domain.sending import Ids

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REFERENCE_KEYS = {"r1": bytes(range(32))}
SEND_UID = UUID("0198aaaa-bbbb-7ccc-8ddd-eeeeffff0001")
IDS = Ids("0198aaaa.1@news.example.com", new_reference(REFERENCE_KEYS, 7, SEND_UID, 0))
SENDER = SenderFacts("shop@news.example.com", "", "", None, Provider.MICROSOFT)


def a_document(**fields: Any) -> dict[str, Any]:
    """A request as it comes from the queue."""
    plain = {
        "idempotency_key": "order-4711",
        "to": [{"email": "anna@example.net"}],
        "subject": "Your receipt",
        "text": "Thank you for your order.",
    }
    return {name: value for name, value in {**plain, **fields}.items() if value is not ...}


def a_request(**fields: Any) -> SendMail:
    """A request that fits its schema; `...` leaves a field out."""
    return SendMail.model_validate(a_document(**fields))


def a_mail(request: SendMail | None = None, *, sender: SenderFacts = SENDER, ids: Ids = IDS, **fields: Any) -> Composed:
    """A composed mail, of the request or of one with these fields."""
    stored = fields.pop("stored_files", {})
    return compose(request or a_request(**fields), sender, ids, date=NOW, stored=stored)
