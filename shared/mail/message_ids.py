"""The ids by which a report names the mail that it is about: Message-IDs (RFC 5322 §3.6.4) and our reference header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from shared.domain.bounces import Reference, ReferenceSource
from shared.mail.headers import Headers
from shared.mail.mime import Part, split_head

REFERENCE_HEADER = "X-ApiConnect-Reference"

RETURNED_KINDS = frozenset(
    ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers")
)


def normalise(value: str) -> str:
    """A Message-ID without angle brackets, comments and white space; empty if it is none. Case is kept."""
    found = _ANGLED.search(value)
    if found:
        return found.group(1)
    bare = value.strip().strip("<>")
    return bare if "@" in bare and len(bare) <= _LONGEST and not any(ch in bare for ch in " \t<>") else ""


def all_ids(value: str) -> list[str]:
    """Every Message-ID of a field such as References, in order."""
    return _ANGLED.findall(value) or [one for one in (normalise(word) for word in value.split()[:50]) if one]


def returned_headers(part: Part, limit: int = 65_536) -> Headers:
    """The header of a returned mail (RFC 3462 §2), whatever its transfer encoding."""
    block, _ = split_head(part.payload(limit).replace(b"\r\n", b"\n").lstrip(b"\n"))
    return Headers(block)


def find(
    outer: Headers, returned: Iterable[Headers], reports: Iterable[Mapping[str, str]], body: str
) -> tuple[Reference, ...]:
    """All ids in a report, in order of trust, each once.

    returned: headers of the returned parts. reports: fields of the delivery-status parts (lower-case names).
    body: decoded text in which a returned mail may be quoted, capped by the caller.
    """
    by_trust: list[list[str]] = [[] for _ in _SOURCES]
    for source, value in _candidates(outer, list(returned), reports, body):
        by_trust[_SOURCES.index(source)].append(value)  # by identity: hashing a member costs more than the search
    rows = [(source, row) for source, row in zip(_SOURCES, by_trust, strict=True) if row]
    found = [Reference(source, value) for source, row in rows for value in dict.fromkeys(row)]
    return tuple(found[:_MOST])


def _candidates(
    outer: Headers, returned: list[Headers], reports: Iterable[Mapping[str, str]], body: str
) -> Iterator[tuple[ReferenceSource, str]]:
    for headers in returned:
        for value in headers.all(_REFERENCE_FIELD):
            if 0 < len(value) <= _LONGEST:
                yield ReferenceSource.REFERENCE_HEADER, value
        message_id = normalise(headers.get("message-id"))
        if message_id:
            yield ReferenceSource.RETURNED_MESSAGE_ID, message_id
    for named in [*(fields.get("x-original-message-id") for fields in reports), outer.get("x-original-message-id")]:
        message_id = normalise(named) if named else ""
        if message_id:
            yield ReferenceSource.X_ORIGINAL_MESSAGE_ID, message_id
    for name, source in (("in-reply-to", ReferenceSource.IN_REPLY_TO), ("references", ReferenceSource.REFERENCES)):
        value = outer.get(name)
        for message_id in all_ids(value) if value else ():
            yield source, message_id
    if body:
        yield from _quoted(body)
    for name in ("delivered-to", "x-original-to", "to"):
        value = outer.get(name)
        found = _PLUS_ADDRESS.search(value[:1_000]) if "+" in value else None
        if found:
            yield ReferenceSource.ENVELOPE_ADDRESS, found.group(1)
            break


def _quoted(body: str) -> Iterator[tuple[ReferenceSource, str]]:
    """Header lines of ours that stand in a text: a returned mail that has no part of its own."""
    lowered = body.lower()
    for name, source in (
        (_REFERENCE_FIELD, ReferenceSource.REFERENCE_HEADER),
        ("message-id", ReferenceSource.BODY_MESSAGE_ID),
    ):
        at = lowered.find(name + ":")
        for _ in range(_MOST):
            if at < 0:
                break
            rest = body[at + len(name) + 1 : at + len(name) + 1 + 2 * _LONGEST]
            value = rest.split(None, 1)[0] if rest.strip() else ""
            value = value if source is ReferenceSource.REFERENCE_HEADER else normalise(value)
            if value and lowered[at - 1 : at] != "-":
                yield source, value[:_LONGEST]
            at = lowered.find(name + ":", at + 1)


_LONGEST = 300
_MOST = 50
_ANGLED = re.compile(r"<\s{0,4}([^<>\s]{1,300})\s{0,4}>")
_REFERENCE_FIELD = REFERENCE_HEADER.lower()
# What stands behind the `+` of the address that the report came to: a plus address (RFC 5233) or VERP.
_PLUS_ADDRESS = re.compile(r"(?<![^\s<\"])[\w.-]{1,64}\+([\w.=+/~-]{3,200})@[\w.-]{1,253}")
_SOURCES = tuple(ReferenceSource)
