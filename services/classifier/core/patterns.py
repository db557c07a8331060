"""Word patterns: how a text is reduced to plain words, and what a pattern over them may say.

A pattern is a line of words that must follow each other, with: `word*` any ending of a word; a lone `*` up to 80
characters of anything; `~` up to three words of the same sentence; `(a|b c|)` one of several, of which one may be
empty; `$name` one of the words of a named set. No repeat is unbounded, so no text makes a pattern slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import normalize

GAP = 80  # characters that a lone `*` may stand for
Sets = Mapping[str, tuple[str, ...]]
NO_SETS: Sets = {}


class PatternError(ValueError):
    """A pattern can't be compiled. The message says why."""


def plain_words(text: str) -> str:
    """A text as rules see it: lower case, addresses as `@`, punctuation blanked, one space around each word.

    The end of a sentence stands as a word of its own, `.`, so that no pattern of words runs across it.
    """
    lowered = text.lower().replace("e-mail", "email")
    if "://" in lowered:  # a page's path is no part of the sentence: `…/residential/support/error-codes.html`
        lowered = _URL_PATH.sub(r"\1 ", lowered)
    if not lowered.isascii():
        lowered = _folded(lowered)
    if "'" in lowered or "’" in lowered:
        lowered = _ELIDED.sub("", lowered)
    if "@" in lowered:
        lowered = _without_addresses(lowered)
    if lowered.isascii():  # the same as below, ten times as fast
        lowered = lowered.encode("ascii").translate(_ASCII_PUNCTUATION, _ASCII_DROPPED).decode("ascii")
    else:
        lowered = _ALL_BLANKED.sub(" ", _ALL_DROPPED.sub("", lowered))  # str.translate looks up every character
    spaced = " ".join(lowered.replace("..", " ").split())
    return f" {spaced} ".replace(". ", " . ")


def _without_addresses(text: str) -> str:
    """Each address as a lone `@`. Looks at the characters around an `@` only: a text has few of them."""
    pieces = text.split("@", 1_000)
    kept = []
    for place, piece in enumerate(pieces):
        if place:
            piece = piece[_HOST.match(piece).end() :]  # type: ignore[union-attr]  # matches the empty text too
        if place < len(pieces) - 1:
            tail = piece[-64:]
            local = len(tail) - len(tail.rstrip(_LOCAL))
            if not local:  # quoted or foreign: the word that stands there
                local = len(tail) - len(_WORD_END.sub("", tail))
            piece = piece[: len(piece) - local] if local else piece
        kept.append(piece)
    return " @ ".join(kept)


def _folded(text: str) -> str:
    """Without accents and in one width, since servers write `boîte pleine` with accents and without."""
    plain = _ACCENTS.sub("", normalize("NFKD", text))
    for letter, plainer in _PLAINER:
        if letter in plain:
            plain = plain.replace(letter, plainer)
    return normalize("NFC", plain)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern.

    literal: must be in a text for the pattern to match. expression: then has to be found too; None if the literal says
    it all. words, also: a text without one of each can't match; empty if the pattern has none to be filed under.
    needs: a text without all of them can't match.
    """

    source: str
    literal: str
    expression: re.Pattern[str] | None
    words: frozenset[str]
    also: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()

    def find(self, plain: str) -> str:
        """What it hits in a text made by `plain_words`, empty if nothing."""
        if self.literal not in plain:
            return ""
        if self.expression is None:
            return self.literal.strip()
        found = self.expression.search(plain)
        return found.group(0).strip() if found else ""


def compile_pattern(source: str, sets: Sets = NO_SETS) -> Pattern:
    """Compiles a pattern. Raises PatternError if it has nothing to go by, or names a set that is not there."""
    if _WIDE.search(source):
        return _wide_pattern(source)
    pieces = _pieces(source, sets)
    while pieces and pieces[-1] in ("*", "~"):
        pieces.pop()
    while pieces and pieces[0] in ("*", "~"):
        pieces.pop(0)
    solid = [piece for piece in pieces if piece not in ("*", "~")]
    if not any(_is_telling(piece) for piece in solid):
        raise PatternError(f"pattern {source!r} has no word to go by")
    literal = _longest_literal(pieces)
    words, also = [*_needed_words(pieces), frozenset[str](), frozenset[str]()][:2]
    needs = frozenset(piece for piece in solid if isinstance(piece, str) and "*" not in piece)
    plainly = all(isinstance(piece, str) and piece not in ("*", "~") and "*" not in piece for piece in pieces[:-1])
    last = pieces[-1]
    if plainly and isinstance(last, str):
        return Pattern(source, literal, None, words, needs=needs)
    expression = " " + "".join(_expression(piece) for piece in pieces)
    return Pattern(source, literal, re.compile(expression), words, also, needs)


Piece = str | tuple[tuple[str, ...], ...]
"""A word (`word`, `word*`), a gap (`*`, `~`), or the alternatives of a group, each a row of words."""


def pattern_pieces(source: str, sets: Sets = NO_SETS) -> list[Piece]:
    """The pieces of a pattern in order. Raises PatternError."""
    return [*source.split()] if _WIDE.search(source) else _pieces(source, sets)


def _pieces(source: str, sets: Sets) -> list[Piece]:
    pieces: list[Piece] = []
    for found in _TOKEN.finditer(_ELIDED.sub("", _folded(source.lower().replace("e-mail", "email")))):
        group, name, word = found.groups()
        if word is not None:
            pieces += _words(word)
            continue
        rows: list[str] = []
        for row in [f"${name}"] if name else group.split("|"):
            rows += _members(row.strip(), sets)
        alternatives = tuple(dict.fromkeys(tuple(_words(row)) for row in rows))
        if any("~" in row or "*" in row for row in alternatives):
            raise PatternError(f"pattern {source!r} has a gap inside a group")
        pieces.append(alternatives)
    return pieces


def _members(row: str, sets: Sets) -> list[str]:
    if not row.startswith("$"):
        return [row]
    if row[1:] not in sets:
        raise PatternError(f"there is no set {row}")
    return [_folded(member.lower()) for member in sets[row[1:]]]


def _words(text: str) -> list[str]:
    """The words of a text as `plain_words` leaves them, with `*` and `~` kept."""
    kept = "".join(ch if ch in "*~" else _PATTERN_PUNCTUATION.get(ch, ch) for ch in text)
    return [word for word in kept.split() if word != "."]


def _is_telling(piece: Piece) -> bool:
    if isinstance(piece, str):
        return len(piece.rstrip("*")) > 1
    return all(any(len(word.rstrip("*")) > 1 for word in row) for row in piece)


def _expression(piece: Piece) -> str:
    if piece == "*":
        return f"(?:.{{0,{GAP - 1}}} )?"
    if piece == "~":
        return "(?:[^ .][^ ]{0,60} ){0,3}?"
    if isinstance(piece, str):
        return re.escape(piece.rstrip("*")) + ("[^ ]{0,40} " if piece.endswith("*") else " ")
    rows = sorted(piece, key=len, reverse=True)
    return "(?:" + "|".join("".join(_expression(word) for word in row) for row in rows) + ")"


def _longest_literal(pieces: list[Piece]) -> str:
    """The longest run of words that any text must hold to match."""
    runs, run = [" "], " "
    for piece in pieces:
        if not isinstance(piece, str) or piece in ("*", "~"):
            runs.append(run)
            run = " "
        elif piece.endswith("*"):
            runs.append(run + piece.rstrip("*"))
            run = ""
        else:
            run += piece + " "
    return max([*runs, run], key=len)


def _needed_words(pieces: list[Piece]) -> list[frozenset[str]]:
    """For each piece that needs a whole word, the words of which one must be there; the rarest piece first."""
    ranked = []
    for place, piece in enumerate(pieces):
        rows = piece if isinstance(piece, tuple) else ((piece,),)
        words = [max((one for one in row if "*" not in one and one != "~"), key=_rarity, default="") for row in rows]
        if all(words):
            rank = (all(word not in _COMMON for word in words), min(len(word) for word in words))
            ranked.append((rank, -place, frozenset(words)))
    return [words for _, _, words in sorted(ranked, key=lambda one: one[:2], reverse=True)]


def _rarity(word: str) -> tuple[bool, int]:
    return word not in _COMMON, len(word)


def _wide_pattern(source: str) -> Pattern:
    """A pattern in a script that puts no spaces between words: it matches inside a run."""
    pieces = _folded(source.lower()).split()
    literal = max((piece for piece in pieces if piece != "*"), key=len, default="")
    if not literal:
        raise PatternError(f"pattern {source!r} has no word to go by")
    if len(pieces) == 1:
        return Pattern(source, literal, None, frozenset())
    gap = f".{{0,{GAP}}}"
    expression = " ?".join(gap if piece == "*" else re.escape(piece) for piece in pieces)
    return Pattern(source, literal, re.compile(expression), frozenset())


_TOKEN = re.compile(r"\(([^()]*)\)|\$([a-z][\w-]*)|([^\s()$]+)")
_DROPPED = "'’‘`´"
_BLANKED = '"<>()[]{}:;,!?*|-_=/#&+\\^%$~“”«»„（）【】「」、。，：；！'
_ALL_BLANKED = re.compile(f"[{re.escape(_BLANKED)}]+")
_ALL_DROPPED = re.compile(f"[{_DROPPED}]+")
_ASCII_PUNCTUATION = bytes(ord(" ") if chr(code) in _BLANKED else code for code in range(256))
_ASCII_DROPPED = b"'`"
_PATTERN_PUNCTUATION = {**dict.fromkeys(_BLANKED, " "), **dict.fromkeys(_DROPPED, "")}
_ACCENTS = re.compile("[\u0300-\u036f]+")
_PLAINER = tuple(zip("łøıßđæ", ("l", "o", "i", "ss", "d", "ae"), strict=True))  # letters that no accent was put on
_WIDE = re.compile(r"[\u3000-\u9fff\uac00-\ud7af]")  # scripts that put no spaces between words
# French and Italian articles that lose their vowel: `l'adresse` is the word `adresse`.
_ELIDED = re.compile(r"\b(?:d|l|all|dell|nell|sull|un)['’](?=[^\W\d_])")
_URL_PATH = re.compile(r"(://[^\s/?#]{1,253})[/?#][^\s<>\"')\]]{0,2000}")
_HOST = re.compile(r"[\w.-]{0,253}")
_LOCAL = "abcdefghijklmnopqrstuvwxyz0123456789.+=/&%~#$!?^_-*'"
_WORD_END = re.compile(r"[^\s<>:;,()\[\]]{1,64}$")
# Words that half of all texts hold: a pattern is filed under another of its words where it has one.
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a address an and are be been by cannot could does for from has have in is it mail mailbox message no not of on"
        " or recipient recipients rejected the this to user was were with you your account email sender",
    )
)
