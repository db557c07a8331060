"""Reports as Exchange Online writes them into a mailbox."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from services.simulator.core.composing.failures import Failure, reply_for
from services.simulator.core.composing.original import OriginalMail, crlf, domain_of, lines, mail, multipart, part

_TEXT = """\
{server} rejected your message to the following email addresses:

{recipient}

{cause}

{server} gave this error:
{reply}

Diagnostic information for administrators:

Generating server: {generator}

{recipient}
{server}
Remote server returned '{reply}'

Original message headers:

{headers}"""
_HTML = """\
<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head><body>
<p><b>Your message to {recipient} couldn't be delivered.</b></p>
<p>{cause}</p>
<p>{server} gave this error:<br>{reply}</p>
<p>Original message headers:</p><pre>{headers}</pre>
</body></html>
"""
_CAUSES = {
    "5.1": "The email address you entered couldn't be found. Please check the recipient's email address and try again.",
    "5.2": "The recipient's mailbox is full or unable to receive messages now.",
    "5.4": "The recipient's domain could not be found or does not accept mail.",
    "5.7": "The recipient's email system blocked the message because of its content or its source.",
}
_DELAYED = "This message hasn't been delivered yet. Delivery will continue to be attempted."


def compose_exchange_ndr(
    original: OriginalMail, failure: Failure, *, at: datetime, token: str, language: str = "en"
) -> bytes:
    """A multipart/report of Exchange Online: text and HTML, delivery-status, the returned header.

    The empty X-MS-Exchange-Message-Is-Ndr is Exchange's own mark. language: "en", "de" or "et" for the subject.
    """
    tenant = domain_of(original.sender).partition(".")[0] + ".onmicrosoft.com"
    generator = "DB9PR04MB8234.eurprd04.prod.outlook.com"
    delayed = failure.action == "delayed"
    outer, inner = f"_{token}DB9PR04MB8234_", f"_000_{token}DB9PR04MB8234eurp_"
    words = {
        "recipient": original.recipient, "server": f"mx.{domain_of(original.recipient)}", "generator": generator,
        "reply": reply_for(failure, original.recipient), "headers": original.headers().replace("\r\n", "\n"),
        "cause": _DELAYED if delayed else _CAUSES.get(failure.status[:3], _CAUSES["5.4"]),
    }  # fmt: skip
    body = multipart(
        outer,
        part(
            f'multipart/alternative; differences=Content-Type;\r\n\tboundary="{inner}"',
            multipart(
                inner,
                part("text/plain; charset=utf-8", _TEXT.format(**words), ("Content-Transfer-Encoding", "8bit")),
                part("text/html; charset=utf-8", _HTML.format(**words), ("Content-Transfer-Encoding", "8bit")),
            ),
        ),
        part("message/delivery-status", _status(original, failure, words, at)),
        part("message/rfc822", original.headers() + "\r\n" + crlf(original.body)),
    )
    subjects = {"de": "Unzustellbar", "et": "Kohaletoimetamatu"}
    subject = "Delivery delayed" if delayed else subjects.get(language, "Undeliverable")
    return mail([
        ("Received", (f"from {generator} (2603:10a6:10:263::21) by DB9PR04MB8235.eurprd04.prod.outlook.com with HTTPS;"
            f" {format_datetime(at)}")),
        ("From", f'"Microsoft Outlook" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@{tenant}>'),
        ("To", f"<{original.sender}>"),
        ("Date", format_datetime(at)),
        ("Message-ID", f"<{token}@{generator}>"),
        ("In-Reply-To", original.message_id),
        ("References", original.message_id),
        ("Subject", f"{subject}: {original.subject}"),
        ("Thread-Topic", original.subject),
        ("Content-Language", {"de": "de-DE", "et": "et-EE"}.get(language, "en-US")),
        ("X-MS-Exchange-Message-Is-Ndr", ""),
        ("Auto-Submitted", "auto-replied"),
        ("X-MS-PublicTrafficType", "Email"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=delivery-status;\r\n\tboundary="{outer}"'),
    ], body)  # fmt: skip


def _status(original: OriginalMail, failure: Failure, words: dict[str, str], at: datetime) -> str:
    message = lines([
        ("Reporting-MTA", f"dns;{words['generator']}"),
        ("Received-From-MTA", f"dns;app.{domain_of(original.sender)}"),
        ("Arrival-Date", format_datetime(original.sent_at)),
    ])  # fmt: skip
    recipient = lines([
        ("Original-Recipient", f"rfc822;{original.recipient}"),
        ("Final-Recipient", f"rfc822;{original.recipient}"),
        ("Action", failure.action),
        ("Status", failure.status),
        ("Diagnostic-Code", f"smtp;{words['reply']}"),
        ("Remote-MTA", f"dns;{words['server']}"),
        ("Last-Attempt-Date", format_datetime(at)),
        ("X-Display-Name", original.recipient.partition("@")[0]),
    ])  # fmt: skip
    return f"{message}\r\n{recipient}"
