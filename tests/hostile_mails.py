"""Mails made to be slow or large: for the tests of the caps, the fuzz run and the benchmark of the classifier."""

from __future__ import annotations

from collections.abc import Callable

HEAD = (
    b"From: mailer-daemon@example.com\nTo: a@example.org\nReturn-Path: <>\n"
    b"Subject: Undelivered Mail Returned to Sender\n"
)
GROUP = b"Final-Recipient: rfc822; b@example.net\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; "


def report(diagnostic: bytes = b"550 user unknown", notice: bytes = b"") -> bytes:
    return (
        HEAD
        + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n\n'
        + notice
        + b"\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        + GROUP
        + diagnostic
        + b"\n\n--b--\n"
    )


def nested(levels: int) -> bytes:
    return HEAD + b"".join(b'Content-Type: multipart/mixed; boundary="n%d"\n\n--n%d\n' % (i, i) for i in range(levels))


MULTIPART = HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n'
HOSTILE: dict[str, Callable[[], bytes]] = {
    "50 MB before the report part": lambda: report(notice=b"y" * 50_000_000),
    "20,000 parts": lambda: MULTIPART + b"--b\nContent-Type: text/plain\n\nx\n" * 20_000,
    "20,000 nested parts": lambda: nested(20_000),
    "parts nested with one boundary": lambda: (
        MULTIPART + b'--b\nContent-Type: multipart/mixed; boundary="b"\n\n' * 20_000
    ),
    "200,000 headers": lambda: b"".join(b"X-%d: v\n" % i for i in range(200_000)) + HEAD + b"\nbody",
    "a 10 MB line": lambda: HEAD + b"\n" + b"a" * 10_000_000,
    "a 10 MB line of addresses": lambda: HEAD + b"\n" + b"a@" * 5_000_000,
    "1 MB of opening angles": lambda: HEAD + b"Content-Type: text/html\n\n" + b"<" * 1_000_000,
    "1 MB of style tags": lambda: HEAD + b"Content-Type: text/html\n\n" + b"<style " * 140_000,
    "1 MB of newlines": lambda: HEAD + b"\n" + b"\n" * 1_000_000,
    "a diagnostic of 1 MB": lambda: report(b"user " * 190_000),
    "a diagnostic of digits": lambda: report(b"5.1." * 200_000),
    "words of every rule": lambda: report(b"mailbox message sender domain size quota host user " * 18_000),
    "12,000 recipients": lambda: (
        report()[:-7]
        + b"".join(b"\nFinal-Recipient: rfc822; a%d@b.example\nAction: failed\n" % i for i in range(12_000))
    ),
    "50,000 Message-IDs": lambda: HEAD + b"\n" + b"Message-ID: <a@b>\n" * 50_000,
    "a folded subject of 1 MB": lambda: b"Subject: x\n" + b" y\n" * 300_000 + HEAD + b"\n",
    "encoded words without end": lambda: b"Subject: " + b"=?utf-8?q?a?= " * 60_000 + b"\n" + HEAD + b"\n",
    "parameters without end": lambda: b"Content-Type: multipart/mixed; " + b"a=b; " * 150_000 + b"\n" + HEAD + b"\n",
    "boundary look-alikes": lambda: MULTIPART + b"--bx\n" * 180_000,
    "a slow codec": lambda: HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 400_000,
    "nested JSON": lambda: HEAD + b"x-amz-sns-message-id: 1\n\n" + b'{"a":' * 100_000,
}
