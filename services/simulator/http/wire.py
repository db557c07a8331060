"""A request as the routes see it, and the ASGI application that reads and answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from services.simulator.core.answers import Answer, ConnectionCut, Refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Request:
    """One request, from the wire or out of a batch. `segments`: the path's parts, decoded, empty ones left out."""

    __slots__ = ("_query", "base", "body", "headers", "in_batch", "method", "path", "query_string", "segments")

    def __init__(
        self, method: str, path: str, query_string: str, headers: dict[str, str], body: bytes, base: str,
        in_batch: bool = False,
    ) -> None:  # fmt: skip
        self.method = method
        self.path = path
        self.segments = [unquote(part) if "%" in part else part for part in path.split("/") if part]
        self.query_string = query_string
        self.headers = headers
        self.body = body
        self.base = base
        self.in_batch = in_batch
        self._query: list[tuple[str, str]] | None = None

    @property
    def query(self) -> list[tuple[str, str]]:
        if self._query is None:
            self._query = parse_qsl(self.query_string, keep_blank_values=True) if self.query_string else []
        return self._query

    def asked(self, name: str, default: str = "") -> str:
        """The last query parameter of that name."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    def all_asked(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


Responder = Callable[[Request], Awaitable[Answer]]


class Application:
    """Raw ASGI: no framework sits between the server and the routes, because a benchmark runs against this."""

    def __init__(self, respond: Responder) -> None:
        self.respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = _request(scope, await _body(receive))
        try:
            answer = await self.respond(request)
        except Refused as refused:
            answer = refused.answer
        except ConnectionCut:
            await _cut(scope)
            return
        headers = [(b"content-length", str(len(answer.body)).encode())]
        if answer.content_type:
            headers.append((b"content-type", answer.content_type.encode()))
        headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers]
        if answer.status == 204:
            del headers[0]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    chunks = [body]
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
    return b"".join(chunks)


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    forwarded = headers.get("x-forwarded-host")
    base = f"https://{forwarded}" if forwarded else f"{scope['scheme']}://{headers.get('host', 'localhost')}"
    path = scope["raw_path"].decode("latin-1")
    return Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body, base)


async def _cut(scope: Scope) -> None:
    """Close the connection under the client; the loop then learns of it before this request ends."""
    scope["extensions"]["apiconnect.cut"]()
    for _ in range(3):
        await asyncio.sleep(0)
