"""Mails to send, and what the other side says of those that left."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

from services.simulator.core.header_fields import field

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Outgoing:
    """A mail of ours with its two marks; message_id without angle brackets."""

    raw: bytes
    message_id: str
    reference: str


@dataclass(frozen=True)
class Left:
    """A mail that left, as the provider sent it on; message_id without angle brackets, as it left."""

    raw: bytes
    message_id: str

    @property
    def reference(self) -> str:
        return field(self.raw, "X-ApiConnect-Reference")

    @property
    def files(self) -> dict[str, bytes]:
        """Name and content of each attachment."""
        mail = message_from_bytes(self.raw, policy=SMTP)
        assert isinstance(mail, EmailMessage)
        return {str(part.get_filename()): part.get_content() for part in mail.iter_attachments()}

    def header(self, name: str) -> str:
        return field(self.raw, name)


def a_mail_to_send(sender: str, *, to: str = "reader@example.net", text: str = "Hi", more: str = "") -> Outgoing:
    """A small mail that nobody else sends. more: further header lines, each with its CRLF."""
    number = next(_numbers)
    message_id, reference = f"ours.{number}@acme.example", f"ref-{number}"
    head = (
        f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: Offer {number}\r\nMessage-ID: <{message_id}>\r\n"
        f"X-ApiConnect-Reference: {reference}\r\nList-Unsubscribe: <https://acme.example/u/{number}>\r\n{more}"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    return Outgoing(head.encode() + text.encode() + b"\r\n", message_id, reference)


def a_large_mail(sender: str, *sizes: int) -> Outgoing:
    """A mail with an attachment of each size, `file-0.bin` and so on, whose bytes are `content_of` that size."""
    small = a_mail_to_send(sender)
    mail = message_from_bytes(small.raw, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    for number, size in enumerate(sizes):
        mail.add_attachment(content_of(size), "application", "octet-stream", filename=f"file-{number}.bin")
    return Outgoing(mail.as_bytes(), small.message_id, small.reference)


def content_of(size: int) -> bytes:
    """Bytes that differ from place to place, so that pieces in the wrong order are seen."""
    return b"".join(number.to_bytes(8) for number in range(size // 8 + 1))[:size]
