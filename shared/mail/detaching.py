"""Taking large attachments out of a mail of ours, so that the rest fits into one request and they follow by themselves.

Only what can come back unchanged is taken: a leaf part whose header says no more than a provider's attachment can hold. Everything
else of the mail stays byte for byte. Source: RFC 2045, 2046, 2183; Graph, resource attachmentItem.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import pairwise

from shared.mail.headers import words

_HELD = frozenset(("content-type", "content-transfer-encoding", "content-disposition", "content-id", "mime-version"))
# A signature covers the parts; an encrypted mail is one part; a report and a returned mail have a shape of their own.
_CLOSED = ("multipart/signed", "multipart/encrypted", "multipart/report")


@dataclass(frozen=True, slots=True)
class Detached:
    """An attachment by itself. content: decoded. content_id: without angle brackets, empty if it has none."""

    name: str
    kind: str
    content: bytes
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Parted:
    """A mail without its large attachments, and these in the mail's order."""

    rest: bytes
    attachments: tuple[Detached, ...]


class CanNotPart(ValueError):
    """The mail does not become small enough; the text says why, for a person."""


def parted(mime: bytes, at_most: int) -> Parted:
    """The mail in `at_most` bytes, the largest attachments first taken out. A mail that fits loses nothing.

    mime: CRLF line ends. Raises CanNotPart.
    """
    spans = sorted(_leaves(mime, 0, len(mime)), key=lambda span: span.end - span.start, reverse=True)
    taken: list[_Span] = []
    left = len(mime)
    for span in spans:
        if left <= at_most:
            break
        taken.append(span)
        left -= span.end - span.start
    if left > at_most:
        raise CanNotPart(
            f"without every attachment that can travel by itself the mail still has {left} bytes, and {at_most} is the most"
        )
    taken.sort(key=lambda span: span.start)
    rest, at = bytearray(), 0
    for span in taken:
        rest += mime[at : span.start]
        at = span.end
    return Parted(bytes(rest + mime[at:]), tuple(span.attachment(mime) for span in taken))


@dataclass(frozen=True, slots=True)
class _Span:
    """Where an attachment stands, from its boundary line to before the next; body: where its content begins."""

    start: int
    body: int
    end: int
    head: Message

    def attachment(self, mime: bytes) -> Detached:
        return Detached(
            words(self.head.get_filename() or "attachment"),
            _content_type(self.head),
            _decoded(mime[self.body : self.end], str(self.head.get("content-transfer-encoding", ""))),
            self.head.get_content_disposition() == "inline",
            str(self.head.get("content-id", "")).strip().strip("<>"),
        )


def _leaves(mime: bytes, start: int, end: int) -> list[_Span]:
    """The attachments of a multipart between two places that can be taken out."""
    blank = mime.find(b"\r\n\r\n", start, end)
    if blank < 0:
        return []
    head = _head(mime, start, blank)
    boundary = head.get_boundary()
    if head.get_content_maintype() != "multipart" or head.get_content_type() in _CLOSED or not boundary:
        return []
    mark = re.compile(rb"(?<=\r\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r\n|\Z)")
    marks = list(mark.finditer(mime, blank + 2, end))
    found: list[_Span] = []
    for one, following in pairwise(marks):
        found += _leaf(mime, one.start(), one.end(), following.start())
    return found


def _leaf(mime: bytes, start: int, first: int, end: int) -> list[_Span]:
    blank = mime.find(b"\r\n\r\n", first, end)
    if blank < 0:
        return []
    head = _head(mime, first, blank)
    if head.get_content_maintype() == "multipart":
        return _leaves(mime, first, end)
    is_attachment = head.get_content_disposition() == "attachment" or "content-id" in head
    can_come_back = {name.lower() for name in head.keys()} <= _HELD and _params(head) <= {"name", "charset"}  # noqa: SIM118
    if not is_attachment or not can_come_back or head.get_content_maintype() == "message":
        return []
    return [_Span(start, blank + 4, end, head)]


def _head(mime: bytes, start: int, end: int) -> Message:
    return BytesHeaderParser().parsebytes(mime[start:end] + b"\r\n\r\n")


def _params(head: Message) -> set[str]:
    return {name.lower() for name, _ in (head.get_params() or [])[1:]}


def _content_type(head: Message) -> str:
    charset = head.get_param("charset")
    return f"{head.get_content_type()}; charset={charset}" if isinstance(charset, str) else head.get_content_type()


def _decoded(body: bytes, encoding: str) -> bytes:
    body = body.removesuffix(b"\r\n")  # the line end before a boundary belongs to the boundary (RFC 2046 §5.1.1)
    match encoding.strip().lower():
        case "base64":
            return binascii.a2b_base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case _:
            return body
