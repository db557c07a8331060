"""An HTML text as lines of words, with the marks of `html_marks`.

The parser keeps text at any depth, where others lose it below 255, and takes time that grows with the source only.
"""

from __future__ import annotations

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from shared.mail.replies.html_marks import has_marks, marked, with_short_tags
from shared.mail.replies.lines import WITHOUT_MARKS


def marked_text(source: str, *, signatures: bool = True) -> str:
    """The words with line breaks where blocks end, and marks (see `lines`) around what is quoted.

    signatures: whether signature containers are marked; without, they are plain text. Empty for what can't be parsed.
    """
    plain = source if source.isascii() else source.translate(WITHOUT_MARKS)
    try:
        tree = HTMLTree.parse(with_short_tags(marked(plain, signatures=signatures) if has_marks(plain) else plain))
    except ValueError:
        return ""
    return extract_plain_text(tree, preserve_formatting=True, list_bullets=False, alt_texts=False)
