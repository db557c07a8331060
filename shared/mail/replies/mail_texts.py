"""A mail's plain text and HTML text, decoded: charsets that lie, format=flowed, several parts, attachments left out."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from shared.mail.headers import words
from shared.mail.mime import Caps, Part, parse
from shared.mail.replies.html_text import marked_text
from shared.mail.replies.lines import WITHOUT_MARKS
from shared.mail.replies.reply import Limits

_CAPS = Caps(mail_bytes=4_000_000, parts=200)


@dataclass(frozen=True, slots=True)
class MailTexts:
    """plain, html: empty if the mail has none. shown: it has text parts, blank or not. note: a limit reached.

    signer: the display name of who the mail is from, empty if it has none.
    """

    plain: str = ""
    html: str = ""
    shown: bool = False
    note: str = ""
    signer: str = ""

    @property
    def plain_is_enough(self) -> bool:
        """Whether the plain text has what the HTML has: not if it is blank, or only tells to look at the HTML."""
        if not self.html:
            return True
        plain = self.plain.strip()
        return bool(plain) and not (len(plain) < 400 and _STUB.search(plain))


_STUB = re.compile(
    r"(?:does not|doesn.t|not) (?:support|display)[^.]{0,40}html|html[- ](?:capable|compatible|enabled|only|format|mail)"
    r"|view (?:this|the) (?:message|e-?mail)[^.]{0,40}html|unterstützt kein[^.]{0,20}html|kein html",
    re.IGNORECASE,
)


def mail_texts(raw: bytes, limits: Limits) -> MailTexts:
    """Both texts of a mail. Never raises for what is in it.

    Parts of one kind that follow each other are joined. If the first is HTML without a plain alternative, plain texts below
    it are left out: lists and gateways append their footers so.
    """
    mail = parse(raw, _CAPS)
    shown = _shown(mail.root)
    # What was cut off behind the last text, in an attached file, is no loss.
    leaves = [part for part in mail.root.walk() if not part.children]
    note = mail.note if len(raw) <= _CAPS.mail_bytes or not shown or leaves[-1] is shown[-1][0] else ""
    only_html = bool(shown) and shown[0][0].kind == "text/html" and not any(paired for _, paired in shown)
    plain: list[str] = []
    html: list[str] = []
    for part, _ in shown:
        is_html = part.kind == "text/html"
        if only_html and not is_html:
            continue
        limit = limits.html if is_html else limits.text
        text = decoded(part, limit * 4)
        if len(text) > limit:
            text, note = text[:limit], note or f"a text part cut at {limit} characters"
        if is_html:
            html.append(text)
        else:
            plain.append(_unflowed(part, text))
    return MailTexts("\n".join(plain), "\n".join(html), bool(shown), note, _display_name(mail.root.headers.get("from")))


def _display_name(sender: str) -> str:
    return words(sender[:1_000]).partition("<")[0].strip(" \t\"'") if "<" in sender else ""


def whole_text(raw: bytes, limits: Limits = Limits()) -> str:
    """All words of a mail, nothing cut: for the mail that we sent, and for looking for links in what is quoted."""
    texts = mail_texts(raw, limits)
    return "\n".join(
        filter(None, (texts.plain, marked_text(texts.html).translate(WITHOUT_MARKS) if texts.html else ""))
    )


def _shown(part: Part, depth: int = 0, paired: bool = False) -> list[tuple[Part, bool]]:
    """Text parts that a reader sees in the mail's body, and whether each is one of several alternatives.

    Attached files and attached mails are not.
    """
    if part.kind.startswith("multipart/"):
        paired = paired or part.kind == "multipart/alternative"
        return [shown for child in part.children for shown in _shown(child, depth + 1, paired)]
    if part.kind not in ("text/plain", "text/html", "text"):
        return []
    disposition = part.headers.get("content-disposition").lower()
    if disposition.startswith("attachment") or (depth and ("filename" in disposition or "name" in part.params)):
        return []
    return [(part, paired)]


def _unflowed(part: Part, text: str) -> str:
    if part.params.get("format", "").lower() == "flowed":
        return unflowed(text, delete_space=part.params.get("delsp", "").lower() == "yes")
    return text


def unflowed(text: str, *, delete_space: bool) -> str:
    """Soft line breaks undone (RFC 3676 §4): a line that ends in a space goes on in the next of the same quote depth.

    delete_space: DelSp=yes, the space itself is not part of the text. "-- " is always a line of its own.
    """
    joined: list[str] = []
    open_depth = -1
    pieces: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        soft = content.endswith(" ") and content != "-- "
        if pieces and (depth != open_depth or content == "-- "):
            joined.append("".join(pieces))
            pieces = []
        if not pieces:
            pieces.append(">" * depth + (" " if depth else ""))
        pieces.append(content[:-1] if soft and delete_space else content)
        open_depth = depth
        if not soft:
            joined.append("".join(pieces))
            pieces = []
    if pieces:
        joined.append("".join(pieces))
    return "\n".join(joined)


def decoded(part: Part, limit: int) -> str:
    """A part's text. The named charset is believed unless the bytes prove it wrong (then UTF-8, then Windows-1252)."""
    data = part.payload(limit)
    name = part.params.get("charset", "").strip().strip("\"'").lower()
    if part.kind == "text/html" and not name:
        found = _META.search(data[:2_048])
        name = found.group(1).decode("ascii").lower() if found else ""
    return decoded_bytes(data, name)


def decoded_bytes(data: bytes, charset: str) -> str:
    """Bytes in the charset a mail names for them, in the wider one that senders mean by it (WHATWG's table)."""
    if data.isascii() and b"\x1b" not in data and not charset.startswith(("hz", "utf-7", "utf7", "utf-16", "utf-32")):
        return data.decode("ascii")
    name = _WIDER.get(charset, charset)
    codec = _codec(name)
    if codec and codec != "utf-8" and not (name == "windows-1252" and _is_utf8(data)):
        try:
            return data.decode(codec)
        except ValueError:
            if not _is_utf8(data):
                return data.decode(codec, "replace")
    text = data.decode("utf-8", "replace")
    odd = len(text) - len(text.encode("ascii", "ignore"))
    # Where no character but the broken ones is beyond ASCII, it is Windows-1252 under another name.
    return data.decode("windows-1252", "replace") if odd == text.count("\ufffd") else text


def _codec(name: str) -> str:
    """Python's name of a charset that mail uses; empty for an unknown name or a codec that is no charset."""
    if not name or not _MAIL_CHARSET.match(name):
        return ""
    try:
        return codecs.lookup(name[:40]).name
    except (LookupError, ValueError):
        return ""


def _is_utf8(data: bytes) -> bool:
    """Whether bytes that claim to be Western are UTF-8: by chance such sequences hardly ever fit."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(data) - 8
    return True


_META = re.compile(rb"""<meta[^>]{0,200}charset\s{0,4}=\s{0,4}["']?([\w.:-]{2,40})""", re.IGNORECASE)
_MAIL_CHARSET = re.compile(
    r"utf-?(?:8|16|7|32)|us-ascii|ascii|iso|latin|windows-|cp\d|koi8|big5|gb|hz|euc|shift|sjis|ms|ks_c|ksc|tis|mac|johab|uhc"
)
_WIDER = {
    "": "utf-8",
    "us-ascii": "windows-1252",
    "ascii": "windows-1252",
    "ansi_x3.4-1968": "windows-1252",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "latin1": "windows-1252",
    "latin-1": "windows-1252",
    "windows-1252": "windows-1252",
    "cp1252": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "iso-8859-9": "windows-1254",
    "iso-8859-8-i": "iso-8859-8",
    "tis-620": "cp874",
}
