"""What goes back to a client, and the exception that ends a request early with such an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(slots=True)
class Answer:
    """An HTTP answer: status, body bytes, content type ("" for none) and further headers as pairs."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The request ends here; `answer` is what the client gets."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


class ConnectionCut(Exception):
    """No answer at all: the connection is closed under the client."""


def json_answer(status: int, document: Any, *headers: tuple[str, str]) -> Answer:
    """An answer with `document` as compact JSON."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    body = text.encode("utf-8", "replace")  # broken mail brings characters that UTF-8 cannot write
    return Answer(status, body, JSON_TYPE, headers)
