"""Reports of other mail servers, in the shape most of them share: RFC 3464 as Postfix writes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime

from services.simulator.core.composing.failures import Failure, reply_for
from services.simulator.core.composing.original import OriginalMail, crlf, domain_of, lines, mail, multipart, part

_INTRODUCTION = """\
This is the mail system at host {host}.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.

                   The mail system

{each}"""
_DELAY = """\
This is the mail system at host {host}.

####################################################################
# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #
####################################################################

Your message could not be delivered for more than 4 hour(s).
It will be retried until it is 5 day(s) old.

                   The mail system

{each}"""


def compose_postfix_dsn(
    original: OriginalMail, failures: Sequence[tuple[str, Failure]], *, at: datetime, token: str
) -> bytes:
    """One report about any number of recipients: (address, failure) each; an action may also be "delivered"."""
    host = f"relay.{domain_of(original.recipient)}"
    delayed = all(failure.action == "delayed" for _, failure in failures)
    boundary = f"{token[:11].upper()}.{int(at.timestamp())}/{host}"
    said = [
        f"<{address}>: host mx.{domain_of(address)}[192.0.2.25] said: {reply_for(failure, address)}"
        f" (in reply to RCPT TO command)"
        for address, failure in failures
        if failure.action != "delivered"
    ]
    text = (_DELAY if delayed else _INTRODUCTION).format(host=host, each="\n\n".join(said) + "\n")
    status = lines([
        ("Reporting-MTA", f"dns; {host}"),
        ("X-Postfix-Queue-ID", token[:11].upper()),
        ("X-Postfix-Sender", f"rfc822; {original.sender}"),
        ("Arrival-Date", format_datetime(original.sent_at)),
    ]) + "".join("\r\n" + _recipient(address, failure, at) for address, failure in failures)  # fmt: skip
    body = multipart(
        boundary,
        part("text/plain; charset=us-ascii", text, ("Content-Description", "Notification")),
        part("message/delivery-status", status, ("Content-Description", "Delivery report")),
        part("message/rfc822", original.headers() + "\r\n" + crlf(original.body),
            ("Content-Description", "Undelivered Message")),
        preamble="This is a MIME-encapsulated message.\r\n\r\n",
    )  # fmt: skip
    subject = "Delayed Mail (still being retried)" if delayed else "Undelivered Mail Returned to Sender"
    return mail([
        ("Return-Path", "<>"),
        ("Received", f"by {host} (Postfix) id {token[:11].upper()}; {format_datetime(at)}"),
        ("Date", format_datetime(at)),
        ("From", f"MAILER-DAEMON@{host} (Mail Delivery System)"),
        ("Subject", subject),
        ("To", original.sender),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"'),
        ("Message-Id", f"<{token}@{host}>"),
    ], body)  # fmt: skip


def _recipient(address: str, failure: Failure, at: datetime) -> str:
    pairs = [
        ("Final-Recipient", f"rfc822; {address}"),
        ("Original-Recipient", f"rfc822;{address}"),
        ("Action", failure.action),
        ("Status", failure.status),
        ("Remote-MTA", f"dns; mx.{domain_of(address)}"),
        ("Diagnostic-Code", f"smtp; {reply_for(failure, address)}"),
    ]
    if failure.action == "delayed":
        pairs.append(("Will-Retry-Until", format_datetime(at + timedelta(days=5))))
    return lines(pairs)
