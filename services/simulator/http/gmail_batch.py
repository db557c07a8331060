"""POST /batch and /batch/gmail/v1: multipart/mixed of application/http, up to 100 parts run at once.

Source: developers.google.com/workspace/gmail/api/guides/batch.
"""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Awaitable, Callable
from email.message import Message
from http import HTTPStatus
from urllib.parse import urlsplit

from services.simulator.core.answers import Answer
from services.simulator.core.google_errors import gmail_refusal
from services.simulator.http.wire import Request

MOST_PARTS = 100
_HEAD_END = re.compile(r"\r?\n\r?\n")


async def run_batch(request: Request, respond: Callable[[Request], Awaitable[Answer]]) -> Answer:
    """Every part's answer in the order of the parts; the parts themselves run concurrently."""
    kind = request.headers.get("content-type", "")
    outer = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.body)
    parts = [part for part in outer.get_payload() if isinstance(part, Message)] if outer.is_multipart() else []
    if not parts:
        raise gmail_refusal("invalidArgument", "Failed to parse batch request, error: no parts.")
    if len(parts) > MOST_PARTS:
        raise gmail_refusal("invalidArgument", f"The batch request has {len(parts)} parts, at most 100 are allowed.")
    answers = await asyncio.gather(*(respond(_inner(part, request)) for part in parts))
    boundary = "batch_c0ffee5im"
    pieces = [_response(part, answer) for part, answer in zip(parts, answers, strict=True)]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return Answer(200, body + f"--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}")


def _inner(part: Message, outer: Request) -> Request:
    text = part.get_payload()
    assert isinstance(text, str)
    head, _, body = text.lstrip().partition(_separator(text.lstrip()))
    line, *lines = head.splitlines()
    method, target, *_ = [*line.split(), "GET", "/"] if len(line.split()) < 2 else line.split()
    split = urlsplit(target)
    headers = {"authorization": outer.headers.get("authorization", "")}
    for one in lines:
        name, _, value = one.partition(":")
        headers[name.strip().lower()] = value.strip()
    content = body.strip("\r\n") if headers.get("content-type", "").startswith("application/json") else body
    return Request(
        method, split.path, split.query, headers, content.encode("utf-8", "surrogateescape"), outer.base, True
    )


def _separator(text: str) -> str:
    found = _HEAD_END.search(text)
    return found[0] if found else "\r\n\r\n"


def _response(part: Message, answer: Answer) -> bytes:
    content_id = str(part.get("Content-ID", "<>")).strip().lstrip("<").rstrip(">")
    status = HTTPStatus(answer.status)
    lines = ["Content-Type: application/http"]
    if content_id:
        lines.append(f"Content-ID: <response-{content_id}>")
    lines += ["", f"HTTP/1.1 {answer.status} {status.phrase}"]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Content-Length: {len(answer.body)}", "", ""]
    return "\r\n".join(lines).encode() + answer.body
