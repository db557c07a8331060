"""Body parts of a mail as bytes on the wire: CRLF, 7-bit clean, the lightest encoding that keeps them (RFC 2045 §6, RFC 2046)."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Final

from services.sender.core.mail_fields import parameter

BOUNDARY_START: Final = "=_"  # can't occur in quoted-printable or base64 (RFC 2045 §6.7)
_LONGEST_LINE: Final = 990  # characters that 7bit carries as they are; RFC 5322 §2.1.1 allows 998
_BASE64_LINE: Final = 76


def text_part(text: str, subtype: str) -> bytes:
    """A text part with its header, in UTF-8: as it is if ASCII with short lines, else in the shorter of the two encodings."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if unix.isascii():
        if "--" + BOUNDARY_START not in unix and "\x00" not in unix and _short_lines(unix):
            return _part(f"text/{subtype}; charset=us-ascii", "7bit", unix.replace("\n", "\r\n").encode())
        return _part(f"text/{subtype}; charset=us-ascii", "quoted-printable", _quoted_printable(unix.encode()))
    data = unix.encode()
    beyond = len(data.translate(None, _ASCII))
    if beyond * 6 <= len(data):  # each costs two more in quoted-printable; base64 costs a third of all
        return _part(f"text/{subtype}; charset=utf-8", "quoted-printable", _quoted_printable(data))
    return _part(f"text/{subtype}; charset=utf-8", "base64", _base64(data.replace(b"\n", b"\r\n")))


def file_part(content: bytes | str, content_type: str, filename: str, content_id: str | None) -> bytes:
    """A file with its header. content: bytes, or base64 that is put in as it is. content_id: set for one shown inline."""
    body = _base64(content) if isinstance(content, bytes) else _in_lines(_one_line(content).encode())
    shown = "inline" if content_id else "attachment"
    more = f"Content-Disposition: {shown}{parameter('filename', filename)}\r\n"
    if content_id:
        more += f"Content-ID: <{content_id}>\r\n"
    return _part(content_type.lower(), "base64", body, more)


def multipart(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    """Parts between their boundaries (RFC 2046 §5.1), with the header of the whole. One part alone stays as it is."""
    if len(parts) == 1:
        return parts[0]
    kind = {"related": f'; type="{_root_type(parts[0])}"'}.get(subtype, "")
    head = f'Content-Type: multipart/{subtype}{kind};\r\n boundary="{boundary}"\r\n\r\n'
    line = f"--{boundary}".encode()
    inner = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts)
    return head.encode() + inner + line + b"--\r\n"


def _part(content_type: str, encoding: str, body: bytes, more: str = "") -> bytes:
    head = f"Content-Type: {content_type}\r\n{more}Content-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode("ascii") + body


def _short_lines(text: str) -> bool:
    return len(text) <= _LONGEST_LINE or max(map(len, text.split("\n"))) <= _LONGEST_LINE


def _quoted_printable(data: bytes) -> bytes:
    return binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")


def _base64(data: bytes) -> bytes:
    return _in_lines(binascii.b2a_base64(data, newline=False))


def _in_lines(encoded: bytes) -> bytes:
    return b"\r\n".join(encoded[at : at + _BASE64_LINE] for at in range(0, len(encoded), _BASE64_LINE))


def _one_line(content: str) -> str:
    return content.replace("\r", "").replace("\n", "") if "\n" in content or "\r" in content else content


def _root_type(part: bytes) -> str:
    """RFC 2387 §3.1: `type` of multipart/related names the type of its root."""
    return part[len("Content-Type: ") :].partition(b";")[0].decode()


_ASCII: Final = bytes(range(128))
