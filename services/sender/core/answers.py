"""What the asker is told: a send as it stands, or why there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from services.sender.core.accepting import Asked, Refused, Repeated
from shared.contracts.sending import DeliveryResult, State
from shared.domain.send_requests import NewSend
from shared.domain.sending import Reason, SendState

# States that the asker needn't tell apart: the send waits for nobody but us.
_SAID: Final[dict[SendState, State]] = {SendState.CLAIMED: "accepted", SendState.SENDING: "accepted"}


def accepted(plan: NewSend, message_id: str, event_id: UUID, at: datetime) -> DeliveryResult:
    """A send was stored. One that waits for its not_before says until when."""
    return DeliveryResult(
        event_id=event_id,
        state="accepted",
        at=at,
        idempotency_key=plan.idempotency_key,
        customer=plan.customer,
        send_id=plan.uid,
        server=plan.server,
        reason=Reason.NOT_BEFORE if plan.due_at else None,
        until=plan.due_at,
        message_id=message_id,
        tags=plan.tags,
    )


def repeated(asked: Asked, outcome: Repeated) -> DeliveryResult:
    """The present state of the send that the key names, at the time since which it has it."""
    known = outcome.known
    return DeliveryResult(
        event_id=asked.answer_id,
        state=_SAID.get(known.state) or known.state.value,  # type: ignore[arg-type]  # the others are the same words
        at=known.state_at,
        idempotency_key=asked.key,
        customer=outcome.customer,
        send_id=known.uid,
        server=known.server,
        reason=Reason(known.reason) if known.reason else None,
        detail=known.detail or None,
        until=known.due_at if known.state is SendState.DEFERRED else None,
        repeated=True,
        message_id=known.message_id,
        actual_message_id=known.actual_message_id,
        provider_mail_id=known.provider_mail_id,
        tags=asked.request.tags if asked.request is not None else (),
    )


def rejected(asked: Asked, outcome: Refused, at: datetime) -> DeliveryResult:
    """No send: where the request is wrong, and the fix."""
    return DeliveryResult(
        event_id=asked.answer_id,
        state="rejected",
        at=at,
        idempotency_key=asked.key,
        customer=outcome.customer,
        reason=outcome.rejection.reason,
        field=outcome.rejection.field,
        detail=outcome.rejection.detail,
        tags=asked.request.tags if asked.request is not None else (),
    )
