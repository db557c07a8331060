"""Marks an HTML source where its structure says that something is quoted or a signature.

One pass over the tags, before the parser: asking the parsed tree for containers takes time that grows with the square of
a crafted mail's size. What clients name their containers is the table below.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice

from shared.mail.replies.lines import (
    BORDER,
    QUOTE_BEGINS,
    QUOTE_ENDS,
    SIGNATURE_BEGINS,
    SIGNATURE_ENDS,
    TAIL_BEGINS,
)

MOST_TAILS = 200
_MOST_SIGNATURES = 20  # places that are looked at
LONGEST_TAG = 8_000  # characters; the parser compares each attribute with all others of its tag

# Words of a tag's class, id, name or style. quote: all of it is another mail. mixed: Gmail puts inline replies there too;
# what stands before the first blockquote introduces it. tail: everything from here on is another mail. border: the same if a header
# block follows, for people draw lines too.
_CONTAINERS = {
    "quote": (
        r"moz-cite-prefix|gmail_attr\b|yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra|messageReplySection"
        r"|isReplyContent|reply-intro|missive_quote|front-blockquote|hs_reply|mail-quote-collapse|OutlookMessageHeader"
        r"|mail-editor-reference-message-container|_originalContent|AOLMsgPart|zendesk_quote|freshdesk_quote"
        r"|replyMessageHeader|mailru-blockquote|\bname\s?=\s?[\"']?quote\b|ms-outlook-mobile-reference-message"
    ),
    "mixed": r"gmail_quote",
    "tail": r"appendonsend|divRplyFwdMsg|stopSpelling|replySplit|ms-outlook-mobile-body-separator-line",
    "border": r"border-top(?:-style)?\s?:\s?(?:[\w.#]{1,12}\s){0,2}solid",
    "signature": (
        r"gmail_signature|moz-signature|\bid\s?=\s?[\"']?(?:x_)?Signature\b|ms-outlook-mobile-signature"
        r"|protonmail_signature_block|messageSignatureSection|zmail_signature"
    ),
}
_KIND = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in _CONTAINERS.items()), re.IGNORECASE)
_SIGNATURE = re.compile(_CONTAINERS["signature"], re.IGNORECASE)
# Each of the words above, and `blockquote`, has one of these in it.
_HINTS = (
    "quote",
    "cite-prefix",
    "gmail_attr",
    "zmail_extra",
    "reply",
    "outlookmessageheader",
    "reference-message",
    "originalcontent",
    "aolmsgpart",
    "appendonsend",
    "rplyfwdmsg",
    "stopspelling",
    "separator-line",
    "border-top",
    "signature",
)
_TAG = re.compile(
    r"<!--|<(?P<close>/?)(?P<name>div|blockquote|pre|span|hr|table|section|script|style|title|textarea)(?=[\s/>])",
    re.IGNORECASE,
)
_RAW_END = {
    name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "title", "textarea")
}  # no tags in these
_TAG_BEGIN = re.compile(r"<[a-zA-Z/]")
_TAG_NAME = re.compile(r"</?[a-zA-Z0-9:]{1,40}")


def has_marks(source: str) -> bool:
    """Whether the source may say by its structure that something is quoted or a signature: a first look."""
    low = source.lower()
    return any(hint in low for hint in _HINTS)


def signature_begins(source: str) -> int:
    """Where the first tag begins that is a signature's container; -1 if there is none."""
    if "signature" not in source.lower():
        return -1
    for found in islice(_SIGNATURE.finditer(source), _MOST_SIGNATURES):  # style sheets name them, too
        tag = source.rfind("<", max(0, found.start() - 2_000), found.start())
        if tag >= 0 and ">" not in source[tag : found.start()]:
            return tag
    return -1


def marked(source: str, *, signatures: bool) -> str:
    """The source with marks (see `lines`) put in as text. signatures: whether those are marked too."""
    return _Marking(source, signatures).run()


class _Container:
    """An open container: what ends it, empty once it has ended."""

    __slots__ = ("end", "kind")

    def __init__(self, kind: str, end: str) -> None:
        self.kind = kind
        self.end = end


class _Marking:
    def __init__(self, source: str, signatures: bool) -> None:
        self._source = source
        self._signatures = signatures
        self._out: list[str] = []
        self._taken = 0
        self._open: dict[str, list[_Container | None]] = defaultdict(list)
        self._quotes = 0  # open ones
        self._tails = 0
        self._pending: list[_Container] = []  # mixed and signature containers, which a quotation inside ends

    def run(self) -> str:
        at = 0
        while (tag := _TAG.search(self._source, at)) is not None:
            at = self._after(tag)
            if at < 0:
                break
        self._out.append(self._source[self._taken :])
        return "".join(self._out)

    def _after(self, tag: re.Match[str]) -> int:
        """Deals with one tag; where to look for the next one, -1 if there is none."""
        if tag["name"] is None:
            end = self._source.find("-->", tag.end())
            return end + 3 if end >= 0 else -1
        name = tag["name"].lower()
        end = self._source.find(">", tag.end())
        if end < 0:
            return -1
        if tag["close"]:
            self._close(name, tag.start())
        elif name in _RAW_END:
            raw_end = _RAW_END[name].search(self._source, end)
            return raw_end.start() + 1 if raw_end else -1
        else:
            self._begin(name, tag.start(), tag.end(), end)
        return end + 1

    def _begin(self, name: str, start: int, attributes: int, end: int) -> None:
        found = _KIND.search(self._source, attributes, min(end, attributes + 2_000)) if end > attributes + 6 else None
        kind = (found.lastgroup or "") if found else ""
        if name == "blockquote":
            kind = "quote"
        container: _Container | None = None
        if kind in ("tail", "border") and self._tails < MOST_TAILS:
            self._tails += 1
            self._put(end + 1, TAIL_BEGINS if kind == "tail" else BORDER)
        elif kind in ("quote", "mixed") and not self._quotes:  # a quotation within a quotation says nothing new
            self._end_pending(start)
            container = _Container(kind, QUOTE_ENDS)
            self._quotes += kind == "quote"
            self._put(end + 1, QUOTE_BEGINS)
        elif kind == "signature" and self._signatures:
            container = _Container(kind, SIGNATURE_ENDS)
            self._put(end + 1, SIGNATURE_BEGINS)
        if container is not None and kind in ("mixed", "signature"):
            self._pending.append(container)
        if name != "hr":
            self._open[name].append(container)

    def _close(self, name: str, start: int) -> None:
        if not self._open[name]:
            return
        container = self._open[name].pop()
        if container is not None and container.end:
            self._put(start, container.end)
            container.end = ""
            self._quotes -= container.kind == "quote"
            if self._pending and self._pending[-1] is container:
                self._pending.pop()

    def _end_pending(self, start: int) -> None:
        while self._pending:
            container = self._pending.pop()
            if container.end:
                self._put(start, container.end)
                container.end = ""

    def _put(self, at: int, mark: str) -> None:
        self._out.append(self._source[self._taken : at])
        self._out.append(mark)
        self._taken = at


def with_short_tags(source: str) -> str:
    """The source without the attributes of tags that are too long to be anything but an attack or an embedded picture."""
    if len(source) <= LONGEST_TAG:
        return source
    pieces: list[str] = []
    at = taken = 0
    while at < len(source):
        end = source.find(">", at)
        end = len(source) if end < 0 else end
        if end - at > LONGEST_TAG:
            begin = _TAG_BEGIN.search(source, at, end)
            name = _TAG_NAME.match(source, begin.start()) if begin and end - begin.start() > LONGEST_TAG else None
            if name is not None:
                pieces.append(source[taken : name.end()])
                taken = end
        at = end + 1
    return "".join(pieces) + source[taken:] if pieces else source
