"""What people and their absence assistants write, and reports that only pretend."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from services.simulator.core.composing.failures import FAILURES
from services.simulator.core.composing.original import OriginalMail, domain_of, lines, mail, multipart, part

_QUOTED = "On {date}, Newsletter <{sender}> wrote:\n> Dear reader,\n>\n> here are this month's offers.\n"


def compose_auto_reply(original: OriginalMail, *, at: datetime, token: str) -> bytes:
    """An absence note with RFC 3834's mark, and the older marks that Exchange adds."""
    text = "Hello,\n\nI am out of the office until Monday and will read your message then.\n\nKind regards\nRobin\n"
    headers = _from_recipient(original, at, token, f"Automatic reply: {original.subject}")
    headers += [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"), ("Precedence", "auto_reply")]
    return mail([*headers, ("Content-Type", "text/plain; charset=utf-8")], text)


def compose_human(original: OriginalMail, *, at: datetime, token: str) -> bytes:
    """A person's answer, with the usual quotation."""
    text = (
        "Hi,\n\nthanks, the second offer looks good. Can you deliver before Christmas?\n\nRegards\nRobin\n\n"
        + _QUOTED.format(date=format_datetime(original.sent_at), sender=original.sender)
    )
    headers = _from_recipient(original, at, token, f"Re: {original.subject}")
    return mail([*headers, ("Content-Type", "text/plain; charset=utf-8")], text)


def compose_forwarded_report(original: OriginalMail, *, at: datetime, token: str) -> bytes:
    """A person who quotes a bounce in the text of a mail: looks like one to a careless reader, is none."""
    reply = FAILURES["hard"].reply.format(recipient=original.recipient, host="")
    text = (
        "Hi,\n\nI keep getting this when I write to my colleague, can you help?\n\n---------- Forwarded message ---------\n"
        "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nSubject: Delivery Status Notification (Failure)\n\n"
        f"Final-Recipient: rfc822; {original.recipient}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; {reply}\n"
    )
    headers = _from_recipient(original, at, token, "Fwd: Delivery Status Notification (Failure)")
    return mail([*headers, ("Content-Type", "text/plain; charset=utf-8")], text)


def compose_forged_report(original: OriginalMail, *, at: datetime, token: str, victim: str) -> bytes:
    """A well-formed report about a mail that was never sent: an attempt to have `victim` blacklisted."""
    boundary = f"b_{token}"
    status = lines([("Reporting-MTA", "dns; mail.example.org"), ("Arrival-Date", format_datetime(at))]) + "\r\n" + lines([
        ("Final-Recipient", f"rfc822; {victim}"), ("Action", "failed"), ("Status", "5.1.1"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 User unknown"),
    ])  # fmt: skip
    returned = lines([
        ("From", f"<{original.sender}>"), ("To", f"<{victim}>"), ("Subject", "Newsletter"),
        ("Message-ID", f"<{token}.never-sent@{domain_of(original.sender)}>"), ("Date", format_datetime(at)),
    ])  # fmt: skip
    body = multipart(
        boundary,
        part("text/plain; charset=us-ascii", f"Your mail to {victim} could not be delivered: user unknown.\n"),
        part("message/delivery-status", status),
        part("text/rfc822-headers", returned),
    )
    return mail([
        ("From", "Mail Delivery System <MAILER-DAEMON@mail.example.org>"), ("To", f"<{original.sender}>"),
        ("Date", format_datetime(at)), ("Subject", "Undelivered Mail Returned to Sender"),
        ("Message-ID", f"<{token}@mail.example.org>"), ("Auto-Submitted", "auto-replied"), ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
    ], body)  # fmt: skip


def compose_broken_mime(original: OriginalMail, *, at: datetime, token: str) -> bytes:
    """A mail whose structure lies: a boundary that never comes, a charset nobody knows, stray bytes, no end."""
    head = lines([
        ("From", f"<{original.recipient}>"), ("To", f"<{original.sender}>"), ("Date", "Someday, 99 Nov 2026"),
        ("Subject", "=?x-nowhere?B?gICA?= hello"), ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/mixed; boundary="absent-{token}'),
        ("Content-Transfer-Encoding", "base64"),
    ]).encode()  # fmt: skip
    return head + b"broken line without a colon\r\n\r\n--other\r\n\xff\xfe\x00 not what was promised =ZZ\r\n--other"


def _from_recipient(original: OriginalMail, at: datetime, token: str, subject: str) -> list[tuple[str, str]]:
    return [
        ("From", f"Robin Example <{original.recipient}>"),
        ("To", f"<{original.sender}>"),
        ("Date", format_datetime(at)),
        ("Subject", subject),
        ("Message-ID", f"<{token}@mail.{domain_of(original.recipient)}>"),
        ("In-Reply-To", original.message_id),
        ("References", original.message_id),
        ("MIME-Version", "1.0"),
    ]
