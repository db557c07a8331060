"""A mail's bytes as a tree of parts (RFC 5322, 2045, 2046), read tolerantly and never past the caps.

Only structure lives here: headers, parts, decoded text. What a part reports is read in `dsn`, `arf` and their
neighbours.
The caps are applied to the bytes before anything is parsed, so a hostile mail costs no more than a large one.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.mail.headers import Headers


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of one mail is read. Over a cap the mail is cut there and marked truncated.

    mail_bytes: of the raw mail; a delivery report that begins behind it is kept too (`report_bytes` of it).
    depth, parts: of the MIME tree. headers: fields of one header block. text_bytes: of one part's decoded text.
    """

    mail_bytes: int = 1_000_000
    report_bytes: int = 100_000
    depth: int = 20
    parts: int = 200
    headers: int = 2_000
    text_bytes: int = 262_144


@dataclass(slots=True)
class Part:
    """One node of the tree.

    `kind`: lower-case media type. `body`: still in its transfer encoding. `children`: of a multipart.
    """

    kind: str
    headers: Headers
    body: bytes
    params: dict[str, str] = field(default_factory=dict)
    children: list[Part] = field(default_factory=list)

    def walk(self) -> Iterator[Part]:
        """This part and those below it, in the mail's order. Returned mails (message/rfc822) are leaves."""
        yield self
        for child in self.children:
            yield from child.walk()

    def payload(self, limit: int) -> bytes:
        """The body without its transfer encoding (RFC 2045 §6), at most about `limit` bytes.

        Broken encodings give what they can.
        """
        encoding = self.headers.get("content-transfer-encoding").lower().strip().strip('"')
        if encoding == "base64":
            return _from_base64(self.body[: limit * 3 // 2])[:limit]
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body[: limit * 3])[:limit]
        return self.body[:limit]

    def text(self, limit: int) -> str:
        """The decoded text; an unknown or lying charset gives replacement characters, never an error."""
        return decode(self.payload(limit), self.params.get("charset", ""))


@dataclass(slots=True)
class Mail:
    """A parsed mail. `truncated`: a cap was reached; `note` says which."""

    root: Part
    truncated: bool = False
    note: str = ""


def parse(raw: bytes, caps: Caps) -> Mail:
    """The tree of one mail.

    Takes any bytes; newlines of any kind, blank lines or an mbox line before the headers are fine.
    """
    cut, over = _cut(raw, caps)
    reader = _Reader(caps)
    if over:
        reader.note = f"cut at {caps.mail_bytes} bytes"
    root = reader.part(_strip_front(_newlines(cut)), depth=0, default="text/plain")
    return Mail(root, truncated=bool(reader.note), note=reader.note)


class _Reader:
    """Builds the tree while counting what the caps limit."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.parts = 0
        self.note = ""

    def part(self, data: bytes, depth: int, default: str) -> Part:
        self.parts += 1
        block, body = split_head(data)
        headers = Headers(block, self.caps.headers)
        if headers.over:
            self.note = self.note or f"more than {self.caps.headers} headers"
        kind, params = content_type(headers.get("content-type"), default)
        part = Part(kind, headers, body, params)
        if kind.startswith("multipart/"):
            self._children(part, depth)
        return part

    def _children(self, part: Part, depth: int) -> None:
        boundary = part.params.get("boundary", "").encode("latin-1", "replace") or _guessed_boundary(part.body)
        if not boundary:
            return
        if depth >= self.caps.depth:
            self.note = self.note or f"nested deeper than {self.caps.depth}"
            return
        default = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
        for piece in _pieces(part.body, boundary):
            if self.parts >= self.caps.parts:
                self.note = self.note or f"more than {self.caps.parts} parts"
                return
            part.children.append(self.part(piece, depth + 1, default))


def split_head(data: bytes) -> tuple[bytes, bytes]:
    """Header block and body, parted at the first blank line. A body without any header is told by its first line."""
    if data.startswith(b"\n"):
        return b"", data[1:]
    end = data.find(b"\n\n")
    if end < 0:
        return (data, b"") if _FIELD.match(data) else (b"", data)
    return data[:end], data[end + 2 :]


def content_type(value: str, default: str = "text/plain") -> tuple[str, dict[str, str]]:
    """Media type and parameters of a Content-Type field (RFC 2045 §5.1), lower-case names, quotes removed."""
    if not value:
        return default, {}
    kind, _, rest = value.partition(";")
    kind = kind.strip().lower()
    params: dict[str, str] = {}
    if rest:
        for name, quoted, bare in _PARAMETER.findall(rest):
            params.setdefault(name.lower().rstrip("*"), quoted or bare)
    return (kind if "/" in kind else default), params


def decode(data: bytes, charset: str) -> str:
    """Text of bytes in a charset named by the mail. UTF-8, then Latin-1, where the name is unknown, unsafe or wrong.

    A name that does not fit the bytes yields to UTF-8 if that does: templates are translated, their headers are not.
    """
    name = charset.strip().strip("\"'").lower()
    named = ""
    if name and name not in ("utf-8", "us-ascii"):
        try:
            named = codecs.lookup(name[:40]).name
            if named not in _UNSAFE_CODECS:
                named = _SUPERSETS.get(named, named)
                return data.decode(named)
        except UnicodeDecodeError:
            return _utf8(data) or data.decode(named, "replace")
        except (LookupError, ValueError):
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace") if name == "utf-8" else data.decode("latin-1")


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def html_to_text(source: str) -> str:
    """The words of an HTML text, with line breaks where blocks end. For reading, not for display."""
    text = _BREAKS.sub("\n", _SILENT.sub(" ", source))
    return html.unescape(_TAGS.sub(" ", text))


_FIELD = re.compile(rb"[!-9;-~]{1,80}[ \t]{0,8}:")
_PARAMETER = re.compile(
    r';\s{0,40}([\w*.-]{1,60})\s{0,8}=\s{0,8}(?:"([^"]{0,2000})"?|([^;\s"]{1,2000}))'.replace(";", "(?:^|;)", 1)
)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d|p|div|tr|li)\b[^<>]{0,400}>", re.IGNORECASE)
_SILENT = re.compile(r"<(?:style|script|head)\b[^<>]{0,400}>[^<]{0,20000}", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]{0,2000}>")
# What mailers mean by a name: WHATWG Encoding Standard §4.2.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
# Codecs that are not charsets of mail: slow on crafted input, or with side effects such as warnings.
_UNSAFE_CODECS = frozenset(
    (
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "unicode-escape",
        "raw-unicode-escape",
        "undefined",
        "mbcs",
        "oem",
    )
)


def _cut(raw: bytes, caps: Caps) -> tuple[bytes, bool]:
    """The head of an over-long mail, with the delivery report that lies behind the cap, if one does (RFC 3462:

    often the second part).
    """
    if len(raw) <= caps.mail_bytes:
        return raw, False
    head = raw[: caps.mail_bytes]
    found = -1 if b"message/delivery-status" in head else raw.find(b"message/delivery-status", caps.mail_bytes)
    if found < 0:
        return head, True
    start = max(raw.rfind(b"\n--", caps.mail_bytes - 1000, found), caps.mail_bytes - 1)
    return head + b"\n" + raw[start : start + caps.report_bytes], True


def _newlines(data: bytes) -> bytes:
    if b"\r" in data:
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _strip_front(data: bytes) -> bytes:
    data = data.lstrip(b"\n \t\xef\xbb\xbf") if data[:1] in (b"\n", b" ", b"\t", b"\xef") else data
    if data.startswith((b"From ", b">From ")):
        return data.partition(b"\n")[2]
    return data


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """The body parts between the delimiter lines (RFC 2046 §5.1.1). A missing end delimiter ends at the body's end."""
    delimiter = b"--" + boundary
    start = -1
    at = 0 if body.startswith(delimiter) else _next_delimiter(body, delimiter, 0)
    for _ in range(20_000):
        if at < 0:
            break
        after = body[at + len(delimiter) : at + len(delimiter) + 2]
        if after[:1] in _LINE_ENDS or after == b"--":
            if start >= 0:
                yield body[start : max(start, at - 1)]
            if after == b"--":
                return
            line_end = body.find(b"\n", at)
            if line_end < 0:
                return
            start = line_end + 1
        at = _next_delimiter(body, delimiter, at + 1)
    if start >= 0:
        yield body[start:]


def _guessed_boundary(body: bytes) -> bytes:
    """The boundary of a multipart whose Content-Type lost it: the first line that begins like a delimiter."""
    found = _DELIMITER_LINE.search(body[:20_000])
    return found.group(1) if found else b""


_DELIMITER_LINE = re.compile(rb"^--([^\s-][^\n]{3,70}|-{1,30}[=_][^\n]{3,70})$", re.MULTILINE)
_LINE_ENDS = (b"", b"\n", b" ", b"\t")


def _next_delimiter(body: bytes, delimiter: bytes, start: int) -> int:
    found = body.find(b"\n" + delimiter, max(0, start - 1))
    return found + 1 if found >= 0 else -1


def _from_base64(data: bytes) -> bytes:
    """Decodes what is whole; other characters are skipped, a broken tail is dropped (RFC 2045 §6.8)."""
    kept = data.translate(None, _NOT_BASE64)
    kept = kept.partition(b"=")[0]
    kept = kept[: len(kept) - 1] if len(kept) % 4 == 1 else kept
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
