"""Enhanced status codes (RFC 3463) and SMTP reply codes (RFC 5321 §4.2) as they stand in reports' text."""

from __future__ import annotations

import re

# What must not stand before a code is asked behind its first characters: a pattern that begins with a digit is searched
# three times as fast as one that begins by looking back.
_ENHANCED = re.compile(r"([245]\.(?<![\d.]..)\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"([45]\d\d)(?<![\w.:/=-]...)(?=[ \-:;,)\]]|$)")
_ANY_CODE = re.compile(r"[45][.\d]\d")
_THREE_DIGITS = re.compile(r"[45]\d\d")
_BRACKETED_REPLY = re.compile(
    r"(?:smtp|error|code|reply|said:?|status|#)\s{0,3}[=:(\[<]?\s{0,3}([45]\d\d)(?!\d)", re.IGNORECASE
)


def enhanced_status(text: str) -> str | None:
    """The first enhanced status code in a text (`5.1.1`), or None.

    Parts of addresses and longer dotted numbers don't count.
    """
    found = _ENHANCED.search(text)
    return found.group(1) if found else None


def specific_status(text: str) -> str | None:
    """The first enhanced status code that says more than its class (not `5.0.0`); else the first one; else None."""
    first: str | None = None
    for found in _ENHANCED.finditer(text):
        if not is_vague(found[1]):
            return found[1]
        first = first or found[1]
    return first


def has_code(text: str) -> bool:
    """Whether a text may hold a code of a failure at all; cheap, and never False for one that does."""
    return _ANY_CODE.search(text) is not None


def is_vague(status: str | None) -> bool:
    """A code that says nothing but temporary or permanent:

    absent, or of subject 0 (RFC 3463 §3.1 "other undefined status"; Exchange Online's 5.0.350 wraps another server's reply).
    """
    return status is None or status[1:4] == ".0."


def reply_code(text: str) -> str | None:
    """The first SMTP reply code of a failure (4yz or 5yz) that stands as a word of its own, or None."""
    found = _REPLY.search(text)
    if found is None and _THREE_DIGITS.search(text):
        found = _BRACKETED_REPLY.search(text)
    return found.group(1) if found else None


def is_temporary(status: str | None, reply: str | None) -> bool:
    """Whether the codes speak of a temporary failure. The reply code is the server's own word, so it comes first."""
    if reply:
        return reply[0] == "4"
    return bool(status) and str(status)[0] == "4"
