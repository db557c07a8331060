"""Attachments of a request: complete, named safely, and small enough. Nothing is decoded here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.sender.core.header_checks import line_problem
from services.sender.core.rejections import Rejection
from shared.contracts.sending import MOST_INLINE_BYTES, Attachment, SendMail
from shared.domain.sending import Reason


def attachment_problems(request: SendMail) -> Iterator[Rejection]:
    """Each attachment, then all of those in the request together."""
    total, seen = 0, set[str]()
    for place, attachment in enumerate(request.attachments):
        at = f"attachments.{place}"
        yield from _problems(attachment, at)
        total += decoded_size(attachment.content or "")
        if attachment.content_id:
            if attachment.content_id in seen:
                yield Rejection(
                    Reason.INVALID, f"{at}.content_id", "another attachment has it already; make them differ"
                )
            seen.add(attachment.content_id)
    if total > MOST_INLINE_BYTES:
        detail = (
            f"{total} bytes in the request are more than {MOST_INLINE_BYTES}; store the large ones first and name them"
        )
        yield Rejection(Reason.TOO_LARGE, "attachments", detail)


def decoded_size(content: str) -> int:
    """Bytes behind base64 (RFC 4648 §4), by counting."""
    ends = content.count("\r") + content.count("\n")
    return max(0, (len(content) - ends) * 3 // 4 - content[-2:].count("="))


def _problems(attachment: Attachment, at: str) -> Iterator[Rejection]:
    if problem := line_problem(attachment.filename):
        yield Rejection(Reason.INVALID, f"{at}.filename", problem)
    if _MISLEADING.search(attachment.filename):
        yield Rejection(
            Reason.INVALID, f"{at}.filename", "it changes the direction of writing; take that character out"
        )
    if (attachment.content is None) == (attachment.stored is None):
        yield Rejection(Reason.INVALID, at, "it needs either content or stored, not both and not neither")
    if attachment.content is not None and not _is_base64(attachment.content):
        yield Rejection(Reason.INVALID, f"{at}.content", "it is not base64; encode the file by RFC 4648 section 4")
    if attachment.content_type.lower().startswith(("multipart/", "message/")):
        detail = "a mail or multipart can't be attached as such; give application/octet-stream"
        yield Rejection(Reason.INVALID, f"{at}.content_type", detail)
    if not attachment.content_type.isascii():
        yield Rejection(Reason.INVALID, f"{at}.content_type", "a character outside ASCII stands in it; correct it")
    if attachment.content_id is not None and not _CONTENT_ID.fullmatch(attachment.content_id):
        detail = "it must be letters, digits and .-_@+ without angle brackets; correct it"
        yield Rejection(Reason.INVALID, f"{at}.content_id", detail)


def _is_base64(content: str) -> bool:
    """Lines of any length are fine: many tools wrap what they encode."""
    if "\n" in content or "\r" in content:
        content = content.translate(_LINE_ENDS)
    return len(content) % 4 == 0 and _BASE64.fullmatch(content) is not None


_LINE_ENDS: Final = {ord("\r"): None, ord("\n"): None}
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]+")
# With such a character `invoice…fdp.exe` reads as `invoiceexe.pdf`.
_MISLEADING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
