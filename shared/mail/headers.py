"""A header block (RFC 5322 §2.2) as fields, and the words of encoded ones (RFC 2047)."""

from __future__ import annotations

import binascii
import codecs
import re
from functools import cache


class Headers:
    """The fields of one header block: unfolded, names in lower case, order kept. A field is read when asked for.

    Most mails have forty fields of which ten are asked for, so the block is searched, not taken apart, and a value is
    unfolded when it is read.
    `over`: the block held more than `limit` lines and was cut there.
    """

    __slots__ = ("_block", "_known", "_lower", "over")

    def __init__(self, block: bytes, limit: int = 2_000) -> None:
        self.over = False
        if block.count(b"\n") >= limit:  # lines; a folded field has several
            block = _FOLD.sub(b" ", block)
            self.over = block.count(b"\n") >= limit
            block = b"\n".join(block.split(b"\n", limit)[:limit])
        if b" :" in block:  # looking for a tab there too would take as long again, and none was ever seen
            block = _SPACED_COLON.sub(rb"\1:", block)
        self._block = b"\n" + block
        self._lower = self._block.lower()
        self._known: dict[str, str] = {}  # From and Subject are asked for four times a mail

    def __contains__(self, name: str) -> bool:
        return _field(name) in self._lower

    def __len__(self) -> int:
        return len(self.names())

    def has_fields(self) -> bool:
        """Whether there is any field at all."""
        return _FIELD_NAME.search(self._lower) is not None

    def names(self) -> list[str]:
        """Every field name once, in lower case."""
        return list(dict.fromkeys(name.decode("latin-1").strip() for name in _FIELD_NAME.findall(self._lower)))

    def get(self, name: str) -> str:
        """The first field of that (lower-case) name, empty if there is none. Not RFC 2047 decoded; see `words`."""
        value = self._known.get(name)
        if value is None:
            field = _field(name)
            at = self._lower.find(field)
            value = self._known[name] = _text(self._value(at + len(field))[0]) if at >= 0 else ""
        return value

    def any_begins(self, start: str) -> bool:
        """Whether any field's name begins so (lower case): one search instead of one for each name."""
        return _beginning(start) in self._lower

    def all(self, name: str) -> list[str]:
        """Every field of that name, in order."""
        field = _field(name)
        values: list[str] = []
        at = self._lower.find(field)
        while at >= 0:
            value, end = self._value(at + len(field))
            values.append(_text(value))
            at = self._lower.find(field, end)
        return values

    def _value(self, at: int) -> tuple[bytes, int]:
        """The value that begins at `at`, and where it ends."""
        block = self._block
        end = block.find(b"\n", at)
        while end >= 0 and block[end + 1 : end + 2] in _BLANKS:
            end = block.find(b"\n", end + 1)
        end = len(block) if end < 0 else end
        value = block[at:end]
        return (_FOLD.sub(b" ", value) if b"\n" in value else value).strip(), end


@cache
def _field(name: str) -> bytes:
    """How a field of that name begins. Only names in our own code are asked for, so the cache stays small."""
    return b"\n%b:" % name.encode()


@cache
def _beginning(start: str) -> bytes:
    return b"\n%b" % start.encode()


_BLANKS = (b" ", b"\t")
_FOLD = re.compile(rb"\n[ \t]")  # faster than two bytes.replace, which search for two bytes slowly
_SPACED_COLON = re.compile(rb"^([!-9;-~]{1,100})[ \t]{0,20} :", re.MULTILINE)
_FIELD_NAME = re.compile(rb"^([^\s:][^\n:]{0,99}):", re.MULTILINE)  # a line that continues a field begins with a blank


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
        return value.decode("utf-8")  # ASCII is UTF-8
    except UnicodeDecodeError:
        return value.decode("latin-1")
