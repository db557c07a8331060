"""Reports as Gmail and Google Workspace write them into a mailbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime

from services.simulator.core.composing.failures import Failure, reply_for
from services.simulator.core.composing.original import OriginalMail, domain_of, lines, mail, multipart, part

_TEXT = """\

** {title} **

{cause}

{learn}

The response was:

{reply}
"""
_LEGACY = """\
Delivery to the following recipient failed permanently:

     {recipient}

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient domain {domain} by {server}.

The error that the other server returned was:
{reply}

----- Original message -----

{headers}

----- Message truncated -----
"""
# The smallest valid PNG: one transparent pixel.
_ICON = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def compose_gmail_ndr(original: OriginalMail, failure: Failure, *, at: datetime, token: str) -> bytes:
    """A multipart/report of Gmail: related text, HTML and icon, delivery-status, the returned header, truncated."""
    delayed = failure.action == "delayed"
    reply, server = reply_for(failure, original.recipient), f"mx.{domain_of(original.recipient)}"
    title, cause = _words(original, failure)
    text = _TEXT.format(title=title, cause=cause, learn=_learn(failure), reply=reply)
    html = f"<html><body><h1>{title}</h1><p>{cause}</p><p>The response was:<br><tt>{reply}</tt></p></body></html>\n"
    outer, related, alternative = (f"{number:012d}{token}" for number in (1, 2, 3))
    body = multipart(
        outer,
        part(
            f'multipart/related; boundary="{related}"',
            multipart(
                related,
                part(
                    f'multipart/alternative; boundary="{alternative}"',
                    multipart(
                        alternative,
                        part('text/plain; charset="UTF-8"', text),
                        part('text/html; charset="UTF-8"', html),
                    ),
                ),
                part('image/png; name="icon.png"', _ICON + "\r\n", ("Content-Disposition", 'attachment; filename="icon.png"'),
                    ("Content-Transfer-Encoding", "base64"), ("Content-ID", "<icon.png>")),
            ),
        ),
        part("message/delivery-status", _status(original, failure, at, reply, server)),
        part("message/rfc822", original.headers() + "\r\n----- Message truncated -----\r\n"),
    )  # fmt: skip
    headers = _headers(original, at, token, "Delay" if delayed else "Failure")
    if not delayed:
        headers.insert(4, ("X-Failed-Recipients", original.recipient))
    headers.append(("Content-Type", f'multipart/report; boundary="{outer}"; report-type=delivery-status'))
    return mail(headers, body)


def compose_gmail_legacy_ndr(original: OriginalMail, failure: Failure, *, at: datetime, token: str) -> bytes:
    """Gmail's older form: one text/plain part, the recipient in X-Failed-Recipients."""
    text = _LEGACY.format(
        recipient=original.recipient, domain=domain_of(original.recipient), server=f"mx.{domain_of(original.recipient)}",
        reply=reply_for(failure, original.recipient), headers=original.headers().replace("\r\n", "\n"),
    )  # fmt: skip
    headers = _headers(original, at, token, "Failure")
    headers += [("X-Failed-Recipients", original.recipient), ("Content-Type", "text/plain; charset=UTF-8")]
    return mail(headers, text)


def _headers(original: OriginalMail, at: datetime, token: str, kind: str) -> list[tuple[str, str]]:
    return [
        ("Received", f"by 2002:a05:6512:3b9c:b0:{token[:4]} with SMTP id g28; {format_datetime(at)}"),
        ("From", "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"),
        ("To", original.sender),
        ("Auto-Submitted", "auto-replied"),
        ("Subject", f"Delivery Status Notification ({kind})"),
        ("References", original.message_id),
        ("In-Reply-To", original.message_id),
        ("Message-ID", f"<{token}.17e1.gmr@mx.google.com>"),
        ("Date", format_datetime(at)),
        ("MIME-Version", "1.0"),
    ]


def _words(original: OriginalMail, failure: Failure) -> tuple[str, str]:
    address, domain = original.recipient, domain_of(original.recipient)
    if failure.action == "delayed":
        return (
            "Delivery incomplete",
            f"There was a temporary problem delivering your message to {address}. Gmail will retry for 46 more hours.",
        )
    if failure.status.startswith("5.1"):
        return (
            "Address not found",
            f"Your message wasn't delivered to {address} because the address couldn't be found, or is unable to receive mail.",
        )
    if failure.status.startswith("5.2"):
        return (
            "Recipient inbox full",
            f"Your message couldn't be delivered to {address}. Their inbox is full, or it's getting too much mail right now.",
        )
    if failure.status.startswith("5.7"):
        return (
            "Message blocked",
            f"Your message to {address} has been blocked. See technical details below for more information.",
        )
    return "Message not delivered", f"There was a problem delivering your message to {address} at {domain}."


def _learn(failure: Failure) -> str:
    code = "NoSuchUser" if failure.status.startswith("5.1") else "UnsolicitedMessageError"
    return f"Learn more here: https://support.google.com/mail/?p={code}"


def _status(original: OriginalMail, failure: Failure, at: datetime, reply: str, server: str) -> str:
    message = lines([
        ("Reporting-MTA", "dns; googlemail.com"),
        ("Received-From-MTA", f"dns; {original.sender}"),
        ("Arrival-Date", format_datetime(original.sent_at)),
        ("X-Original-Message-ID", original.message_id),
    ])  # fmt: skip
    recipient = [
        ("Final-Recipient", f"rfc822; {original.recipient}"),
        ("Action", failure.action),
        ("Status", failure.status),
        ("Remote-MTA", f"dns; {server} (192.0.2.25, the server for the domain {domain_of(original.recipient)}.)"),
        ("Diagnostic-Code", f"smtp; {reply}"),
        ("Last-Attempt-Date", format_datetime(at)),
    ]
    if failure.action == "delayed":
        recipient.append(("Will-Retry-Until", format_datetime(at + timedelta(hours=46))))
    return f"{message}\r\n{lines(recipient)}"
