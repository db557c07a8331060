"""Reading a few header fields out of raw mail without parsing the whole mail: listings ask for thousands."""

from __future__ import annotations

import re
from email.header import decode_header, make_header
from email.utils import getaddresses
from functools import lru_cache

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_FIELD_LINE = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*)$", re.DOTALL)


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"^" + re.escape(name.encode()) + rb"[ \t]*:(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)


def head_of(raw: bytes) -> bytes:
    """The header section, without the empty line that ends it."""
    end = _END_OF_HEAD.search(raw)
    return raw[: end.start()] if end else raw


def body_of(raw: bytes) -> bytes:
    """Everything after the first empty line."""
    end = _END_OF_HEAD.search(raw)
    return raw[end.end() :] if end else b""


def field(raw: bytes, name: str) -> str:
    """The first field of that name, unfolded and stripped, still encoded as in the mail; "" when absent."""
    found = _pattern(name).search(head_of(raw))
    return _unfold(found[1]) if found else ""


def fields(raw: bytes) -> list[tuple[str, str]]:
    """All fields in order as (name, unfolded value); lines that are no fields are left out."""
    lines = re.split(rb"\r?\n(?![ \t])", head_of(raw))
    matches = (_FIELD_LINE.match(line) for line in lines)
    return [(match[1].decode("ascii"), _unfold(match[2])) for match in matches if match]


def readable(value: str) -> str:
    """Encoded words of RFC 2047 decoded; what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return value


def addresses(value: str) -> list[tuple[str, str]]:
    """(display name, address) of an address field, without entries that have no address."""
    return [(readable(name), address) for name, address in getaddresses([value]) if address]


def without_fields(raw: bytes, names: set[str] | None = None, prefix: str | None = None) -> bytes:
    """The mail without the fields named (lower case) or whose lower-case name starts with `prefix`."""
    head = head_of(raw)
    rest = raw[len(head) :]
    lines = re.split(rb"(?<=\n)(?![ \t])", head)
    kept = [line for line in lines if not _is_named(line, names or set(), prefix)]
    return b"".join(kept).rstrip(b"\r\n") + rest


def with_field(raw: bytes, name: str, value: str) -> bytes:
    """The mail with one more field on top, in the mail's own line ends."""
    line_end = b"\r\n" if b"\r\n" in raw[:2000] else b"\n"
    return f"{name}: {value}".encode() + line_end + raw


def _is_named(line: bytes, names: set[str], prefix: str | None) -> bool:
    name = line.partition(b":")[0].strip().lower().decode("latin-1")
    return name in names or (prefix is not None and name.startswith(prefix))


def _unfold(value: bytes) -> str:
    text = re.sub(rb"\r?\n[ \t]+", b" ", value).strip()
    return text.decode("utf-8", "replace")
