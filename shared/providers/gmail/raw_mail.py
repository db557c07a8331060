"""Reading `format=raw` answers, also those that were cut off at the byte cap. Pure.

An answer that is cut is not JSON any more, so the raw field is then taken out of the text: it holds base64url letters
only and can't be mistaken. Source: Gmail API, users.messages.get; RFC 4648 §5.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime

from shared.providers.answers import Answer, unreadable
from shared.providers.provider import RawMail

OVERHEAD_BYTES = 64 * 1024
"""What may stand around the raw field: ids, labels, the snippet."""

_RAW = re.compile(rb'"raw"\s*:\s*"([A-Za-z0-9_\-]*)')
_RECEIVED = re.compile(rb'"internalDate"\s*:\s*"?(\d{1,15})')
_SIZE = re.compile(rb'"sizeEstimate"\s*:\s*(\d{1,12})')


def answer_bytes(max_bytes: int) -> int:
    """How much of an answer must be read to hold `max_bytes` of mail: four letters for three bytes."""
    return max_bytes * 4 // 3 + 4 + OVERHEAD_BYTES


def raw_mail(answer: Answer, max_bytes: int) -> RawMail:
    """The mail of an answer, cut at `max_bytes` after decoding."""
    if not answer.truncated:
        answer.object()  # a whole answer must be whole JSON
    found = _RAW.search(answer.body)
    if found is None:
        raise unreadable(answer.call, "raw is missing or not base64url")
    if not answer.truncated and answer.body[found.end() : found.end() + 1] not in (b'"', b"="):
        raise unreadable(answer.call, "raw is not base64url")
    content = _decoded(answer, found.group(1))
    stated = _SIZE.search(answer.body)
    size = len(content)
    cut = answer.truncated or size > max_bytes
    if cut and stated is not None:
        size = max(size, int(stated.group(1)))
    return RawMail(content[:max_bytes], cut, size, received_at(answer.body))


def received_at(body: bytes) -> datetime | None:
    """Gmail's `internalDate`: milliseconds since the epoch, as a text."""
    found = _RECEIVED.search(body)
    return None if found is None else datetime.fromtimestamp(int(found.group(1)) / 1000, UTC)


def _decoded(answer: Answer, letters: bytes) -> bytes:
    if len(letters) % 4 == 1:
        if not answer.truncated:
            raise unreadable(answer.call, "raw is not base64url")
        letters = letters[:-1]
    padded = letters.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(letters) % 4)
    return binascii.a2b_base64(padded)
