"""The mail a report speaks of, and the few building blocks all composed mail uses. CRLF line ends throughout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header as encoded_header
from email.utils import format_datetime

from services.simulator.core.header_fields import field as header_field
from services.simulator.core.header_fields import head_of

REFERENCE_HEADER = "X-ApiConnect-Reference"
_SOME_DAY = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OriginalMail:
    """What was sent. reference "" leaves our header out; message_id has its angle brackets.

    head: the original header section as text with CRLF, when the real one is known; otherwise it is made up.
    """

    message_id: str
    reference: str
    sender: str
    recipient: str
    subject: str = "Our offers in November"
    sent_at: datetime = _SOME_DAY
    body: str = "Dear reader,\r\n\r\nhere are this month's offers.\r\n"
    head: str = field(default="", repr=False)

    @classmethod
    def from_raw(cls, raw: bytes, sender: str, recipient: str) -> OriginalMail:
        """The original as a provider kept it."""
        head = "\r\n".join(head_of(raw).decode("utf-8", "replace").splitlines()) + "\r\n"
        return cls(
            message_id=header_field(raw, "Message-ID"),
            reference=header_field(raw, REFERENCE_HEADER),
            sender=sender,
            recipient=recipient,
            subject=header_field(raw, "Subject"),
            head=head,
        )

    def headers(self) -> str:
        """The returned header section, ending with a line end and no empty line."""
        if self.head:
            return self.head
        pairs = [
            ("Received", (f"from app.{domain_of(self.sender)} by mx.{domain_of(self.sender)} with HTTPS;"
                f" {format_datetime(self.sent_at)}")),
            ("From", f"Newsletter <{self.sender}>"),
            ("To", f"<{self.recipient}>"),
            ("Subject", self.subject),
            ("Date", format_datetime(self.sent_at)),
            ("Message-ID", self.message_id),
            ("List-Unsubscribe", f"<mailto:leave@{domain_of(self.sender)}>"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]  # fmt: skip
        if self.reference:
            pairs.append((REFERENCE_HEADER, self.reference))
        return lines(pairs)


def domain_of(address: str) -> str:
    """What stands after the @."""
    return address.rpartition("@")[2] or "example.com"


def lines(pairs: Iterable[Header]) -> str:
    """Header fields as text; what is not ASCII in free text becomes encoded words (RFC 2047)."""
    return "".join(f"{name}: {_encoded(name, value)}".rstrip() + "\r\n" for name, value in pairs)


def _encoded(name: str, value: str) -> str:
    if value.isascii() or name not in ("Subject", "Thread-Topic"):
        return value
    return encoded_header(value, "utf-8").encode(linesep="\r\n")


def mail(pairs: Iterable[Header], body: str) -> bytes:
    """A whole mail: header fields, the empty line, the body; UTF-8."""
    return (lines(pairs) + "\r\n" + crlf(body)).encode()


def part(content_type: str, body: str, *more: Header) -> str:
    """One body part with its own header."""
    return lines([("Content-Type", content_type), *more]) + "\r\n" + crlf(body)


def multipart(boundary: str, *parts: str, preamble: str = "") -> str:
    """Body parts between their boundaries (RFC 2046 section 5.1)."""
    inner = "".join(f"--{boundary}\r\n{one}\r\n" for one in parts)
    return f"{preamble}{inner}--{boundary}--\r\n"


def crlf(text: str) -> str:
    """Any line ends → CRLF."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n")
