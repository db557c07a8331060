"""What stands below a person's words and is none of them: signatures, apps' lines, disclaimers."""

from __future__ import annotations

import re

from shared.mail.replies.markers import (
    DEVICE,
    DEVICE_FIRST,
    DEVICE_LAST,
    NOTICES,
    OPT_OUT,
    OPT_OUT_LABELS,
    PRIVATE,
    REACTED,
    is_east_asian,
)

_DELIMITERS = frozenset(("--", "—", "– –", "- -", "-- ", "––", "- --", "__"))
_PLACEHOLDER = re.compile(
    r"(?:(?:\[(?:cid|image):[^\]]{1,200}\]|<image\d{1,3}\.\w{3,4}>)(?:\s?<[^<>]{0,400}>)?\s{0,4}){1,12}"
)
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_LINKS = re.compile(r"[<(\[]?(?:https?://|www\.)\S+", re.IGNORECASE)


def is_delimiter(line: str) -> bool:
    """The line before a signature: "-- " (RFC 3676 §4.3), often without its space, or its look-alikes."""
    return line.strip() in _DELIMITERS


def is_device(line: str) -> bool:
    """An app's signature, alone in its line: "Sent from my iPhone"."""
    plain = line.strip(" \t*_<>[]()-–—~|\xa0")
    if not 6 <= len(plain) <= 90:
        return False
    low = _LINKS.sub("", plain).strip(" <>[]()").casefold()
    words = low.split()
    if not words or len(words) > 12:
        return False
    if words[0] in DEVICE_FIRST or words[-1].rpartition("'")[2].rstrip(".!") in DEVICE_LAST or is_east_asian(low):
        if DEVICE.fullmatch(low) is not None:
            return True
        # "Sent using https://…": the link is all that is said of the app.
        link = _LINKS.search(plain)
        return link is not None and link.end() == len(plain) and DEVICE.fullmatch(f"{low} x") is not None
    return False


def is_reaction(line: str) -> bool:
    """What Gmail puts below an emoji that stands for an answer: "Anna Weber reacted via Gmail"."""
    plain = line.strip(" \t*_<>[]()-–—.\xa0")
    low = plain.casefold()
    if "gmail" not in low[-40:] or len(plain) > 80 or len(plain.split()) > 8 or not low.endswith(("gmail", *REACTED)):
        return False
    return any(word in low for word in REACTED)


def is_rule(line: str) -> bool:
    """A line without any letter or digit, but not blank; a line of smileys or question marks is a person's."""
    plain = line.strip()
    return bool(plain) and not plain.strip("-_*=~#+.·•|–—‐‑―−─━＝－\u1427\xa0\u3000 <>\u2060")


def is_placeholder(line: str) -> bool:
    """What stands for a picture in a plain text: `[cid:image001.png@01DC]` (Outlook), `[image: Logo]` (Gmail)."""
    plain = line.strip()
    return plain[:1] in ("[", "<") and len(plain) < 600 and _PLACEHOLDER.fullmatch(plain) is not None


def is_footer_link(line: str) -> bool:
    """A link labelled as footers label it: "Unsubscribe: https://…". A sentence with a link in it is a person's."""
    plain = line.strip(" \t*_|-–—>•·[]()<\xa0")
    link = _LINKS.search(plain)
    if link is None or plain[link.end() :].lstrip(" >)]*.")[:1] not in ("", "|", "·", "•", "-", "–", "("):
        return False
    before = plain[: link.start()].casefold().rstrip(" <(][|-–—>*\xa0\t")
    label = before.rstrip(":： ")
    if not label or not _ASKING.isdisjoint(label.split()):
        return False
    if label in OPT_OUT_LABELS:
        return True
    return label.startswith(OPT_OUT) and (before[-1] in ":：" or label.startswith(_PURPOSES)) and len(label) <= 120


# Words of a person who asks for something, in a line that begins like a footer's.
_ASKING = frozenset(
    (
        "me",
        "my",
        "us",
        "please",
        "mich",
        "mir",
        "uns",
        "bitte",
        "moi",
        "nous",
        "me",
        "mi",
        "por",
        "favor",
        "mij",
        "mnie",
        "меня",
        "请",
    )
)
_PURPOSES = ("to ", "click ", "pour ", "para ", "per ", "klik ", "чтобы ", "для ", "um ")


def is_bare_link(line: str) -> bool:
    """Nothing but a link."""
    plain = line.strip(" \t<>()[]*|")
    return bool(_LINK.match(plain)) and " " not in plain


def is_disclaimer(paragraph: str) -> bool:
    """A legal notice: begins as they do, and has several of the words that one language's notices have."""
    low = paragraph[:3_000].casefold().lstrip(' *_-–—\t\n[(<|"“')
    if not low.startswith(NOTICES):
        # A company says its name first.
        return len(low) >= 60 and any(sum(word in low for word in words) >= _SURELY for words in PRIVATE)
    if low.startswith(_SURE_NOTICES):
        return True
    if len(low) < 60 and not is_east_asian(low[:40]):
        return False
    return any(sum(word in low for word in words) >= 2 for words in PRIVATE)


_SURELY = 4
_SURE_NOTICES = (
    "virus-free",
    "virenfrei",
    "sans virus",
    "libre de virus",
    "mail priva di virus",
    "please consider the env",
)
