"""Asking for a mail as an integration does: one request on the queue; and taking mails back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.sender.core.accepting import OPERATOR
from shared.contracts.sending import SEND_EXCHANGE, SEND_KEY, SendMail
from shared.messaging.broker import Outgoing
from shared.messaging.cancelled_sends import tell_cancelled
from shared.messaging.unit import UnitFactory
from shared.storage import send_cancels, send_looking
from shared.storage.send_looking import RefusedLine, SendStory

_LOOK_SECONDS = 0.2


def publish(units: UnitFactory, request: SendMail, message_id: UUID) -> None:
    """Publishes the request under our own user's name. Raises BrokerOrDatabaseDown."""
    payload = request.model_dump_json(by_alias=True, exclude_defaults=True).encode()
    publisher = units.publisher
    publisher.publish(
        [Outgoing(message_id, SEND_KEY, payload, exchange=SEND_EXCHANGE, routing_key=SEND_KEY, user_id=publisher.user)]
    )


def now_of(units: UnitFactory) -> datetime:
    """PostgreSQL's time."""
    with units.database.transaction() as connection:
        return send_looking.now(connection)


def wait(
    units: UnitFactory, request: SendMail, since: datetime, at_most_seconds: float
) -> SendStory | RefusedLine | None:
    """What the sender made of it; None if it made nothing of it in time."""
    end = time.monotonic() + at_most_seconds
    while True:
        with units.database.transaction() as connection:
            refused = send_looking.last_refused(connection, OPERATOR, request.idempotency_key, since)
            found = [
                one
                for one in send_looking.stories(connection, request.idempotency_key, customer=request.customer)
                if one.send.idempotency_key == request.idempotency_key
            ]
        if refused is not None or found:
            return refused or found[0]
        if time.monotonic() > end:
            return None
        time.sleep(_LOOK_SECONDS)


def cancel(units: UnitFactory, uids: Sequence[UUID], who: str) -> list[UUID]:
    """Takes back those that still wait; the askers are told. Returns which."""
    with units.begin() as unit:
        done = send_cancels.by_request(unit.connection, uids, f"by {who}")
        tell_cancelled(unit, done)
    return [one.uid for one in done]
