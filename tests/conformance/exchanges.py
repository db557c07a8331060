"""What went over the wire: a request, and the answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit


class WrongAnswer(AssertionError):
    """An answer that the real service would not have given; the text says where it differs."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """headers: the answer's, names in lower case."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    sent_headers: Mapping[str, str]
    sent: bytes

    @property
    def segments(self) -> list[str]:
        """The path's parts, decoded, empty ones left out."""
        return [unquote(part) for part in urlsplit(self.url).path.split("/") if part]

    def json(self) -> Any:
        """The answer's document. Raises WrongAnswer when it is none."""
        self.require(self.headers.get("content-type", "").startswith("application/json"), "is not called JSON")
        try:
            return json.loads(self.content)
        except ValueError:
            raise WrongAnswer(f"is not JSON: {self}") from None

    def require(self, holds: object, otherwise: str) -> None:
        """Raises WrongAnswer when it does not hold."""
        if not holds:
            raise WrongAnswer(f"{otherwise}: {self}")

    def __str__(self) -> str:
        return f"{self.method} {self.url} -> {self.status} {self.content[:300]!r}"
