"""Header fields of a mail as bytes on the wire: folded, CRLF, ASCII only (RFC 5322 §2.2, RFC 2047, RFC 2231).

Values come without control characters (header_checks); what is left of the syntax is kept here: nothing given ends its field.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

LONGEST_WORD: Final = 900  # characters without a space: a line holds 998 (RFC 5322 §2.1.1) and folds at spaces only
_LINE: Final = 76  # RFC 2047 §2 for lines with encoded words; within the 78 of RFC 5322 §2.1.1
_WORD_BYTES: Final = 45  # of UTF-8 in one encoded word: 60 characters of base64 and 12 around them
_PLAIN_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_WORDS: Final = re.compile(r"[ \t]*[^ \t]+")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST_PLAIN: Final = 60  # characters of a display name or filename that stand on one line


def one_line(value: str) -> str:
    """`value` without line breaks and control characters: for names that a mailbox or an operator gave."""
    return _CONTROL.sub(" ", value).strip()


def text_field(name: str, value: str) -> str:
    """An unstructured field (RFC 5322 §2.2.1), with its line end. Encoded where it is not ASCII or could be taken as encoded."""
    value = value.strip()
    if value.isascii() and "=?" not in value and "\x7f" not in value:
        folded = _folded(value, len(name) + 2)
        if folded is not None:
            return f"{name}: {folded}\r\n"
    return f"{name}: {encoded_words(value, len(name) + 2)}\r\n"


def address_field(name: str, mailboxes: Iterable[tuple[str, str]]) -> str:
    """A field of (display name, address) pairs, one to a line; '' where there is none (RFC 5322 §3.4)."""
    listed = [mailbox(display, address) for display, address in mailboxes]
    return f"{name}: {f',{_FOLD}'.join(listed)}\r\n" if listed else ""


def mailbox(display: str, address: str) -> str:
    """One address with its display name: plain, quoted or encoded, as the name needs."""
    display = one_line(display)
    if not display:
        return address
    if "=?" in display or not display.isascii() or len(display) > _LONGEST_PLAIN:
        return f"{encoded_words(display, 12)}{_FOLD}<{address}>"
    return f"{display if _PLAIN_PHRASE.fullmatch(display) else _quoted(display)} <{address}>"


def encoded_words(value: str, used: int) -> str:
    """RFC 2047 words in base64, cut between characters. used: what stands before them on the first line."""
    room = max(9, min(_WORD_BYTES, (_LINE - used - 12) // 4 * 3))
    encoded = (binascii.b2a_base64(piece, newline=False).decode() for piece in _pieces(value, room))
    return _FOLD.join(f"=?utf-8?B?{one}?=" for one in encoded)


def parameter(name: str, value: str) -> str:
    """`; name=value` of a MIME field, folded onto a line of its own; in parts of RFC 2231 where it is long or not ASCII."""
    if value.isascii() and "=?" not in value and len(value) <= _LONGEST_PLAIN:
        return f";{_FOLD}{name}={_quoted(value)}"
    encoded = quote(value, safe="!#$&+-.^_`|~")
    if len(encoded) <= _LONGEST_PLAIN:
        return f";{_FOLD}{name}*=utf-8''{encoded}"
    parts = _ESCAPED.findall(encoded)
    return "".join(
        f";{_FOLD}{name}*{n}*={'' if n else chr(39).join(('utf-8', '', ''))}{one}" for n, one in enumerate(parts)
    )


def _folded(value: str, used: int) -> str | None:
    """`value` folded at its white space; None if a word is longer than a line may be."""
    if used + len(value) <= _LINE:
        return value
    lines, line = [], ""
    for word in _WORDS.findall(value):
        if line and used + len(line) + len(word) > _LINE:
            lines.append(line)
            line, used = "", 0
        line += word
        if len(word) > LONGEST_WORD:
            return None
    return "\r\n".join([*lines, line])


def _pieces(value: str, room: int) -> Iterator[bytes]:
    piece = b""
    for ch in value:
        one = ch.encode()
        if len(piece) + len(one) > room:
            yield piece
            piece, room = b"", _WORD_BYTES
        piece += one
    yield piece


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_FOLD: Final = "\r\n "
_ESCAPED: Final = re.compile(r"(?:%[0-9A-F]{2}|[^%]){1,20}")  # up to 60 characters, never within an escape
