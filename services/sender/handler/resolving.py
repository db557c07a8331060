"""A person decides about sends that may have left or not, where nobody can look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from services.sender.handler.delivering.results import tell
from shared.domain.sending import Reason, SendState
from shared.messaging.unit import UnitFactory
from shared.storage import send_lookups, send_outcomes
from shared.storage.send_outcomes import Outcome
from shared.storage.send_wakes import wake

Decision = Literal["sent", "resend", "fail"]

_BECOMES: Final[dict[Decision, tuple[SendState, Reason | None]]] = {
    "sent": (SendState.SENT, None),
    "resend": (SendState.ACCEPTED, None),
    "fail": (SendState.FAILED, Reason.GIVEN_UP),
}


def resolve(units: UnitFactory, uids: Sequence[UUID], decision: Decision, who: str) -> list[UUID]:
    """Ends what is unknown of these sends as the person says; who asked for them is told. Returns those that were unknown."""
    state, reason = _BECOMES[decision]
    holder = f"person {who}"
    with units.begin() as unit:
        taken = send_lookups.take_for_person(unit.connection, holder, uids)
        now = timedelta(0) if state is SendState.ACCEPTED else None
        outcomes = [Outcome(send_id, state, reason, f"decided by {who}", now) for send_id in taken]
        tell(unit, send_outcomes.settle(unit.connection, holder, outcomes))
        if state is SendState.ACCEPTED:
            wake(unit.connection)
    return list(taken.values())
