"""A header block (RFC 5322 §2.2) as fields, and the words of encoded ones (RFC 2047)."""

from __future__ import annotations

import binascii
import codecs
import re


class Headers:
    """The fields of one header block: unfolded, names in lower case, order kept. Values are decoded when asked for.

    `over`: the block held more than `limit` lines and was cut there.
    """

    __slots__ = ("_fields", "over")

    def __init__(self, block: bytes, limit: int = 2_000) -> None:
        fields: dict[bytes, bytes | list[bytes]] = {}
        if b"\n " in block or b"\n\t" in block:
            block = block.replace(b"\n ", b" ").replace(b"\n\t", b" ")
        lines = block.split(b"\n", limit)
        self.over = len(lines) > limit
        for line in lines[:limit]:
            name, colon, value = line.partition(b":")
            if not colon or len(name) > 100:
                continue
            name = name.strip().lower()
            known = fields.get(name)
            if known is None:
                fields[name] = value.strip()
            elif isinstance(known, list):
                known.append(value.strip())
            else:
                fields[name] = [known, value.strip()]
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._fields

    def __len__(self) -> int:
        return len(self._fields)

    def names(self) -> list[str]:
        """Every field name once, in lower case."""
        return [name.decode("latin-1") for name in self._fields]

    def get(self, name: str) -> str:
        """The first field of that (lower-case) name, empty if there is none. Not RFC 2047 decoded; see `words`."""
        value = self._fields.get(name.encode())
        if value is None:
            return ""
        return _text(value if isinstance(value, bytes) else value[0])

    def all(self, name: str) -> list[str]:
        """Every field of that name, in order."""
        value = self._fields.get(name.encode(), [])
        return [_text(value)] if isinstance(value, bytes) else [_text(one) for one in value]


def words(value: str) -> str:
    """A field's text with its encoded words read (RFC 2047); what can't be read stays as it is."""
    if "=?" not in value:
        return value
    return _ENCODED_WORD.sub(_word, _BETWEEN.sub("?==?", value[:4_000]))


_ENCODED_WORD = re.compile(r"=\?([\w.:-]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?]{0,2000})\?=")
_BETWEEN = re.compile(r"\?=[ \t]{1,20}=\?")
_MAIL_CHARSETS = re.compile(
    r"^(utf-?8|us-ascii|iso-?8859|iso-?2022|windows-|cp\d|koi8|big5|gb|euc|shift|sjis|ks_c|tis|mac)"
)


def _word(match: re.Match[str]) -> str:
    charset, encoding, data = match.group(1).lower(), match.group(2), match.group(3)
    try:
        if not _MAIL_CHARSETS.match(charset):
            return match.group(0)
        codec = codecs.lookup(charset).name
        if encoding in "bB":
            raw = binascii.a2b_base64(data + "=" * (-len(data) % 4))
        else:
            raw = binascii.a2b_qp(data.encode("latin-1", "replace"), header=True)
        return raw.decode(codec, "replace")
    except (LookupError, ValueError):
        return match.group(0)


def _text(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        pass
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
