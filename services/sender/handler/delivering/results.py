"""What the askers are told of their sends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.contracts.sending import DeliveryResult, State
from shared.domain.sending import Reason, SendState
from shared.messaging.unit import Unit
from shared.storage import send_outcomes
from shared.storage.send_outcomes import Told

# The others are steps between, which the asker needn't know of.
_TOLD: Final[dict[SendState, State]] = {
    SendState.DEFERRED: "deferred",
    SendState.UNKNOWN: "unknown",
    SendState.SENT: "sent",
    SendState.FAILED: "failed",
    SendState.REJECTED: "rejected",
    SendState.CANCELLED: "cancelled",
}


def tell(unit: Unit, send_ids: Sequence[int], *, until: datetime | None = None, held: bool = False) -> None:
    """Publishes a result for each of these sends, as it stands now in the unit.

    until: when a deferred one is tried again, if that is not its own time. held: nobody knows when.
    """
    for send in send_outcomes.told(unit.connection, send_ids):
        state = _TOLD.get(SendState(send.state))
        if state is not None:
            unit.publish_result(
                _result(send, state, None if held else until or send.due_at),
                integration=send.integration,
                correlation_id=send.client_correlation_id,
                reply_to=send.reply_to,
            )


def _result(send: Told, state: State, until: datetime | None) -> DeliveryResult:
    return DeliveryResult(
        event_id=send.event_id,
        state=state,
        at=send.at,
        idempotency_key=send.idempotency_key,
        customer=send.customer,
        send_id=send.uid,
        server=send.server,
        reason=Reason(send.reason) if send.reason else None,
        detail=send.detail or None,
        until=until if state == "deferred" else None,
        message_id=send.message_id,
        actual_message_id=send.actual_message_id,
        provider_mail_id=send.provider_mail_id,
        list=send.list_uid,
        campaign=send.campaign,
        tags=tuple(send.tags),
    )
