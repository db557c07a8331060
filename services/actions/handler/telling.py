"""Tells integrations what came back of the mails that they asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from services.actions.core.consequences import Effect
from shared.contracts.sending import DeliveryResult
from shared.domain.bounces import BounceClass
from shared.messaging.unit import Unit
from shared.storage import send_reports
from shared.storage.bounce_log import BounceRow
from shared.storage.send_reports import Reported

_CLASSES: Final[dict[BounceClass, Literal["hard", "soft", "internal", "feedback_loop"]]] = {
    BounceClass.HARD: "hard",
    BounceClass.SOFT: "soft",
    BounceClass.INTERNAL: "internal",
    BounceClass.FEEDBACK_LOOP: "feedback_loop",
}


def tell_askers(unit: Unit, new: Sequence[tuple[BounceRow, int]]) -> None:
    """Integrations learn what came back of the mails that they asked for; in a dry run nothing follows, so nothing is told."""
    rows = {bounce_id: row for row, bounce_id in new if row.sent_mail_id is not None and row.effect != Effect.DRY_RUN}
    tied = [(bounce_id, row.sent_mail_id) for bounce_id, row in rows.items() if row.sent_mail_id is not None]
    for send in send_reports.reported(unit.connection, tied):
        result = _result(send, rows[send.bounce_id])
        unit.publish_result(
            result, integration=send.integration, correlation_id=send.client_correlation_id, reply_to=send.reply_to
        )


def _result(send: Reported, row: BounceRow) -> DeliveryResult:
    finding = row.finding
    return DeliveryResult(
        event_id=send.event_id,
        state="complained" if finding.bounce_class is BounceClass.FEEDBACK_LOOP else "bounced",
        at=send.at,
        idempotency_key=send.idempotency_key,
        customer=send.customer,
        send_id=send.uid,
        server=send.server,
        message_id=send.message_id,
        actual_message_id=send.actual_message_id,
        provider_mail_id=send.provider_mail_id,
        recipient=row.recipient,
        bounce_class=_CLASSES[finding.bounce_class],
        status=finding.status,
        diagnostic=(finding.diagnostic or "")[:2000] or None,
        list=send.list_uid,
        campaign=send.campaign,
        tags=tuple(send.tags),
    )
