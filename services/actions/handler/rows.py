"""Rows of the bounce log from what was decided."""

from __future__ import annotations

from services.actions.core.consequences import RecipientConsequence
from services.actions.core.diagnostic_patterns import diagnostic_key
from services.actions.core.tying import Tie
from shared.domain.bounces import BounceClass
from shared.storage.bounce_log import BounceRow
from shared.storage.serving import ClassifiedMail


def log_row(mail: ClassifiedMail, recipient: RecipientConsequence) -> BounceRow:
    """The row of one recipient of a report."""
    tied = recipient.tie if isinstance(recipient.tie, Tie) else None
    hard = recipient.finding.bounce_class is BounceClass.HARD
    return BounceRow(
        mail_id=mail.mail_id,
        provider=mail.provider.value,
        mailbox=mail.mailbox,
        provider_mail_id=mail.provider_mail_id,
        finding=recipient.finding,
        rule_set=mail.finding.rule_set,
        recipient=tied.recipient.address if tied else recipient.finding.address,
        reference_values=tuple(reference.value for reference in mail.finding.references),
        effect=recipient.effect.value,
        sent_mail_id=tied.sent_mail.sent_mail_id if tied else None,
        customer_id=tied.sent_mail.customer_id if tied else None,
        campaign_id=tied.sent_mail.campaign_id if tied else None,
        list_id=tied.sent_mail.list_id if tied else None,
        subscriber_id=tied.recipient.subscriber_id if tied else None,
        matched_by=tied.source if tied else None,
        unmatched_reason=None if isinstance(recipient.tie, Tie) else recipient.tie.why,
        guard_key=diagnostic_key(recipient.finding).number if hard and tied else None,
    )
