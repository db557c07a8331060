"""Subscriber uids in tracking links: a reply quotes the links of the mail that it answers, and these say who it was sent to.

The usual shapes are MailWizz's public ones (its URL rules for lists and campaigns); a customer may name another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

MOST_LINKS = 500
MOST_UIDS = 20

_LINK = re.compile(r"https?://[^\s\"'<>\\^`{}|]{1,2000}", re.IGNORECASE)
_UID = re.compile(r"[A-Za-z0-9_-]{4,64}")
_USUAL = (
    "*/lists/*/unsubscribe/{subscriber}",
    "*/lists/*/update-profile/{subscriber}",
    "*/lists/*/confirm-unsubscribe/{subscriber}",
    "*/campaigns/*/track-url/{subscriber}",
    "*/campaigns/*/track-opening/{subscriber}",
    "*/campaigns/*/forward-friend/{subscriber}",
    "*/campaigns/*/web-version/{subscriber}",
    "*/campaigns/*/report-abuse/*/{subscriber}",
)
_FIELD = "{subscriber}"


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """A URL with `*` for one or more characters of a path segment or host, and {subscriber} once. before: what stands before it."""

    before: tuple[str, ...]
    after: str

    @classmethod
    def parse(cls, text: str) -> UrlPattern:
        """Raises ValueError for a pattern without, or with more than one, {subscriber}."""
        if text.count(_FIELD) != 1:
            raise ValueError("names {subscriber} not exactly once; write it where the uid stands in the link")
        before, _, after = text.strip().partition(_FIELD)
        return cls(tuple(before.lower().split("*")), after.partition("*")[0].lower())

    def uid_in(self, url: str) -> str | None:
        """The uid in a URL of this shape; what follows it is compared up to the first `*`."""
        lowered, at = url.lower(), 0
        for number, piece in enumerate(self.before):
            found = lowered.find(piece, at)
            if found < 0 or (number == 0 and found > 0):
                return None
            at = found + len(piece)
        hit = _UID.match(url, at)
        if hit is None or not lowered.startswith(self.after, hit.end()):
            return None
        return hit[0] if self.after or _ends(url, hit.end()) else None


def _ends(url: str, at: int) -> bool:
    return at == len(url) or url[at] in "/?#&.,;:!)]"


@lru_cache(maxsize=64)
def _patterns(texts: tuple[str, ...]) -> tuple[UrlPattern, ...]:
    return tuple(UrlPattern.parse(text) for text in texts)


def subscriber_uids(texts: Iterable[str], patterns: Sequence[str] = ()) -> tuple[str, ...]:
    """The uids in the links of these texts (plain or HTML), each once, in their order. Linear in the texts' length.

    patterns: customers' own, tried before the usual shapes.
    """
    shapes = _patterns((*patterns, *_USUAL))
    found: dict[str, None] = {}
    links = 0
    for text in texts:
        for link in _LINK.finditer(text):
            links += 1
            if links > MOST_LINKS or len(found) >= MOST_UIDS:
                return tuple(found)
            uid = next(filter(None, (shape.uid_in(link[0]) for shape in shapes)), None)
            if uid:
                found.setdefault(uid)
    return tuple(found)
