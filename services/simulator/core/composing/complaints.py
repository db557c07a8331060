"""Complaints as feedback loops send them: ARF, RFC 5965, whole or with the recipient redacted."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from services.simulator.core.composing.original import OriginalMail, crlf, domain_of, lines, mail, multipart, part

REDACTED = "redacted"


def compose_arf(
    original: OriginalMail, *, at: datetime, token: str, redacted: bool = False, feedback_type: str = "abuse"
) -> bytes:
    """A multipart/report; report-type=feedback-report. Redacted: the recipient is hidden wherever it stands.

    What stays in a redacted report is the Message-ID and our own reference, as RFC 6590 advises.
    """
    provider = f"feedback.{domain_of(original.recipient)}"
    boundary = f"fbl_{token}"
    person = f"{REDACTED}@{domain_of(original.recipient)}" if redacted else original.recipient
    feedback = lines([
        ("Feedback-Type", feedback_type),
        ("User-Agent", "SomeFeedback/1.2"),
        ("Version", "1"),
        ("Original-Mail-From", f"<{original.sender}>"),
        *([] if redacted else [("Original-Rcpt-To", f"<{original.recipient}>")]),
        ("Arrival-Date", format_datetime(original.sent_at)),
        ("Reporting-MTA", f"dns; mx.{domain_of(original.recipient)}"),
        ("Source-IP", "192.0.2.50"),
        ("Reported-Domain", domain_of(original.sender)),
    ])  # fmt: skip
    text = f"This is an email abuse report for an email message received from IP 192.0.2.50 on {format_datetime(original.sent_at)}.\n"
    returned = original.headers() + "\r\n" + crlf(original.body)
    if redacted:
        returned = returned.replace(original.recipient, person)
    body = multipart(
        boundary,
        part('text/plain; charset="US-ASCII"', text, ("Content-Transfer-Encoding", "7bit")),
        part("message/feedback-report", feedback),
        part("message/rfc822", returned, ("Content-Disposition", "inline")),
    )
    return mail([
        ("Received", f"from {provider} by mx.{domain_of(original.sender)} with ESMTPS; {format_datetime(at)}"),
        ("From", f"<feedback@{domain_of(original.recipient)}>"),
        ("To", f"<{original.sender}>"),
        ("Date", format_datetime(at)),
        ("Subject", f"FW: {original.subject}"),
        ("Message-ID", f"<{token}@{provider}>"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=feedback-report;\r\n\tboundary="{boundary}"'),
    ], body)  # fmt: skip
