"""Text as it is compared: what a reader can't see, or sees as the same, makes no difference."""

from __future__ import annotations

import re
import unicodedata

# Soft hyphen, combining grapheme joiner, zero-width characters, direction marks, variation selectors, byte-order mark.
INVISIBLE = (
    0x00AD,
    0x034F,
    0x061C,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    0x3164,
    *range(0xFE00, 0xFE10),
    0xFEFF,
    0xFFA0,
    *range(0xE0000, 0xE0080),
    *range(0xE0100, 0xE01F0),
)
_GONE = dict.fromkeys(INVISIBLE)
_SPACES = re.compile(r"\s+")


def fold(text: str, *, ignore_case: bool = False) -> str:
    """Compatibility forms as one (NFKC), invisible characters gone, runs of white space as one space.

    Space at either end stays (as one space), so that pieces of a text can be folded; strip the whole before.
    Folding twice gives the same as once. Letters that only look alike, such as Cyrillic `а`, stay different.
    """
    if text.isascii():
        plain = text
    else:
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).translate(_GONE)).translate(_GONE)
    plain = _SPACES.sub(" ", plain)
    if not ignore_case:
        return plain
    folded = plain.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded).translate(_GONE)
