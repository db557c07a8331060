"""A text as lines with marks: which stand in a quotation. HTML text brings its marks as private-use characters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.mail.replies import attributions
from shared.mail.replies.reply import Limits

# Private-use characters that html_text puts around what the HTML says is quoted or a signature.
QUOTE_BEGINS, QUOTE_ENDS, TAIL_BEGINS, BORDER, SIGNATURE_BEGINS, SIGNATURE_ENDS = map(chr, range(0xE0F0, 0xE0F6))
_MARKS = (QUOTE_BEGINS, QUOTE_ENDS, TAIL_BEGINS, BORDER, SIGNATURE_BEGINS, SIGNATURE_ENDS)
WITHOUT_MARKS = str.maketrans(dict.fromkeys(_MARKS, " "))

OWN, QUOTED, SIGNED, TAIL, BORDERED = range(5)

_INVISIBLE = dict.fromkeys((*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF, 0))
_LINE_ENDS = {0x0B: "\n", 0x0C: "\n", 0x1C: " ", 0x1D: " ", 0x1E: " ", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
_CLEANED = str.maketrans({**_INVISIBLE, **_LINE_ENDS})
_ASCII_ODD = str.maketrans({0: None, 0x0B: "\n", 0x0C: "\n", 0x1C: " ", 0x1D: " ", 0x1E: " "})
_ODD = ("\x00", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e")


@dataclass(slots=True)
class Lines:
    """`texts`: stripped at the right. `marks`: one of OWN to BORDERED for each. `cut`: which limit was reached."""

    texts: list[str]
    marks: list[int]
    cut: str = ""


def of_text(text: str, limits: Limits) -> Lines:
    """Lines of a plain text; quoted are those behind `>`."""
    cleaned, cut = _cleaned(text, limits.text)
    texts, cut = _split(cleaned, limits, cut)
    marks = [QUOTED if line.lstrip()[:1] in _QUOTE_SIGNS and line else OWN for line in texts]
    named: dict[str, list[int]] = {}
    for at, line in enumerate(texts):
        if marks[at] == QUOTED and _BROKEN_ADDRESS.fullmatch(line) and _is_open(texts, at):
            marks[at] = OWN
        if line.startswith(">>> ") and line.endswith(" >>>"):
            marks[at] = OWN  # GroupWise's attribution
        place = line.find(">", 1, 20)
        if 0 < place < 6 and _INITIALS.match(line) and _has_initials_beside(texts, at):
            marks[at] = QUOTED
        elif place > 0 and (name := _NAMED.match(line)) and name[1][0].isupper():
            named.setdefault(name[1], []).append(at)
        # Some mail stores put > before a line that begins with "From ".
        if line.startswith(">From ") and not _has_quoted_neighbour(marks, at):
            texts[at], marks[at] = line[1:], OWN
    for before, places in named.items():
        if _is_of_other(before, texts, places):
            for at in places:
                marks[at] = QUOTED
    return Lines(texts, marks, cut)


def of_marked_text(text: str, limits: Limits) -> Lines:
    """Lines of a text from HTML with its marks, which are not part of the lines."""
    for mark in _MARKS:
        if mark in text:
            text = text.replace(mark, f"\n{mark}\n")
    cleaned, cut = _cleaned(text, limits.text)
    texts, cut = _split(cleaned, limits, cut)
    lines = Lines([], [], cut)
    quotes = signatures = 0
    for line in texts:
        if line in _MARKS:
            if line in (TAIL_BEGINS, BORDER):
                lines.texts.append("")
                lines.marks.append(TAIL if line == TAIL_BEGINS else BORDERED)
            elif line in (QUOTE_BEGINS, QUOTE_ENDS):
                quotes = max(0, quotes + (1 if line == QUOTE_BEGINS else -1))
            else:
                signatures = max(0, signatures + (1 if line == SIGNATURE_BEGINS else -1))
            continue
        lines.texts.append(line)
        quoted = quotes or line.lstrip()[:1] in _QUOTE_SIGNS
        lines.marks.append(QUOTED if quoted else SIGNED if signatures else OWN)
    return lines


_QUOTE_SIGNS = (">", "＞")
# Some clients put the other's initials before the mark.
_INITIALS = re.compile(r"\s?[A-Z][A-Za-z]{0,3}>")
# Others (Emacs' supercite) put a name or initials before it, on each line.
_NAMED = re.compile(r"\s{0,5}([^\W\d_](?:[^\W\d_]|\.){0,11})>{1,3}(?:\s|$)")
# An attribution broken before the end of its address, as in "<news@shop.example\n> wrote:".
_BROKEN_ADDRESS = re.compile(r"\s{0,3}>\s?(?:[^\W\d_]{2,15}[ \xa0]?){0,3}[:：]")


def _has_initials_beside(texts: list[str], at: int) -> bool:
    beside = texts[max(0, at - 1) : at] + texts[at + 1 : at + 2]
    return any(_INITIALS.match(line) for line in beside)


def _is_of_other(name: str, texts: list[str], places: list[int]) -> bool:
    """Whether a name before the marks is that of an attribution right above the first, or capitals that come again."""
    if len(places) > 1 and len(name) > 1 and name.isupper():
        return True
    filled = [line.strip() for line in texts[max(0, places[0] - 4) : places[0]] if line.strip()][-2:]
    attribution = " ".join(filled)[-attributions.LONGEST :]
    if not attribution.endswith((":", "：")) or not attributions.look(attribution).weak:
        return False
    words = _CAPITALIZED.findall(attribution)
    initials = "".join(word[0] for word in words)
    if len(places) > 1 and len(name) <= 3 and name.isupper():
        return True
    return name in words or (len(name) > 1 and name.upper() in initials.upper())


_CAPITALIZED = re.compile(r"[A-ZÀ-ÖØ-ÞА-ЯЁ][^\W\d_]*")


def _is_open(texts: list[str], at: int) -> bool:
    """Whether one of the two lines above has a `<` that nothing closed."""
    before = " ".join(texts[max(0, at - 2) : at])[-200:]
    return before.count("<") > before.count(">")


def _cleaned(text: str, limit: int) -> tuple[str, str]:
    cut = ""
    if len(text) > limit:
        text, cut = text[:limit], f"text cut at {limit} characters"
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = text.translate(_CLEANED)
    elif any(odd in text for odd in _ODD):
        text = text.translate(_ASCII_ODD)
    return text, cut


def _split(text: str, limits: Limits, cut: str) -> tuple[list[str], str]:
    texts = [line.rstrip() for line in text.split("\n", limits.lines)]
    if len(texts) > limits.lines:
        texts.pop()
        cut = f"text cut at {limits.lines} lines"
    return texts, cut


def _has_quoted_neighbour(marks: list[int], at: int) -> bool:
    return (at > 0 and marks[at - 1] == QUOTED) or (at + 1 < len(marks) and marks[at + 1] == QUOTED)
