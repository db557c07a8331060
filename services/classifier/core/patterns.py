"""Word patterns:

how a text is reduced to plain words, and how a pattern over them is compiled without unbounded repeats.
"""

from __future__ import annotations

import re

GAP = 80  # characters that a lone `*` may stand for


def plain_words(text: str) -> str:
    """A text as rules see it: lower case, addresses as `@`, punctuation blanked, single spaces."""
    lowered = text.lower().replace("e-mail", "email")
    if "@" in lowered:
        lowered = _ADDRESS.sub(" @ ", lowered)
    return " ".join(lowered.translate(_PUNCTUATION).split())


def compile_pattern(pattern: str) -> tuple[str, re.Pattern[str]]:
    """A word pattern as its longest literal (to test first) and a regular expression without any unbounded repeat."""
    pieces = pattern_pieces(pattern)
    if _WIDE.search(pattern):
        gap = f".{{0,{GAP}}}"
        literal = max((piece for piece in pieces if piece != "*"), key=len)
        return literal, re.compile(" ?".join(gap if piece == "*" else re.escape(piece) for piece in pieces))
    expression = ""
    for place, piece in enumerate(pieces):
        if piece == "*":
            expression += f"(?:.{{0,{GAP}}} )?" if place else ""
            continue
        word = re.escape(piece.rstrip("*")) + (r"\w{0,40}" if piece.endswith("*") else "")
        expression += word + (" " if place < len(pieces) - 1 else "")
    left = r"(?<!\w)" if pieces[0][0].isalnum() else ""
    right = r"(?!\w)" if pieces[-1][-1].isalnum() else ""
    expression = left + expression + right
    literals = " ".join("\0" if piece == "*" else piece.replace("*", "\0") for piece in pieces).split("\0")
    return max((one.strip() for one in literals), key=len), re.compile(expression)


def pattern_pieces(pattern: str) -> list[str]:
    """The words of a pattern as `plain_words` leaves them, with `*` kept."""
    cleaned = "".join(
        " " if ch in _BLANKED and ch != "*" else ch
        for ch in pattern.lower().replace("e-mail", "email")
        if ch not in _DROPPED
    )
    return cleaned.split()


def pattern_words(pattern: str) -> str:
    """The whole words of a pattern: those that a `*` does not continue."""
    return " ".join(piece for piece in pattern_pieces(pattern) if "*" not in piece)


def filing_word(pattern: str) -> str:
    """The word under which a pattern is filed:

    its rarest whole one; empty if it has none, or is of a script without spaces.
    """
    words = [] if _WIDE.search(pattern) else WORD.findall(pattern_words(pattern))
    return max(words, key=_rarity, default="")


def _rarity(word: str) -> tuple[bool, int]:
    return word not in _COMMON, len(word)


_DROPPED = "'’‘`"
_BLANKED = '"<>()[]{}:;,!?*|“”«»„（）【】「」、。，：；！'
_PUNCTUATION = {**{ord(ch): " " for ch in _BLANKED}, **{ord(ch): None for ch in _DROPPED}}
WORD = re.compile(r"[^\W_]+")
_WIDE = re.compile(r"[\u3000-\u9fff\uac00-\ud7af]")  # scripts that put no spaces between words
_ADDRESS = re.compile(r"(?<![\w.+=-])[\w.+=/&%~#$!?^-]{1,64}@[\w-][\w.-]{0,253}")
# Words that half of all texts hold: a pattern is filed under another of its words where it has one.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a address an and be been by cannot for from has have in is it mail mailbox message no not of on or recipient"
        " rejected the this to user was with you your",
    )
)
