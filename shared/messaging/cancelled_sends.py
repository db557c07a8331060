"""What askers are told of sends that were taken back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid5

from shared.contracts.sending import DeliveryResult
from shared.domain.sending import Reason
from shared.messaging.unit import Unit
from shared.storage.send_cancels import Cancelled


def tell_cancelled(unit: Unit, cancelled: Sequence[Cancelled]) -> None:
    """Publishes a result for each, once the unit that cancelled them has committed."""
    for one in cancelled:
        unit.publish_result(
            _result(one),
            integration=one.integration,
            correlation_id=one.client_correlation_id,
            reply_to=one.reply_to,
        )


def _result(one: Cancelled) -> DeliveryResult:
    return DeliveryResult(
        event_id=uuid5(NAMESPACE_OID, f"{one.uid}/cancelled"),
        state="cancelled",
        at=one.state_at,
        idempotency_key=one.idempotency_key,
        customer=one.customer,
        send_id=one.uid,
        server=one.server,
        reason=Reason(one.reason),
        detail=one.detail or None,
        message_id=one.message_id,
        list=one.list_uid,
        campaign=one.campaign,
        tags=tuple(one.tags),
    )
