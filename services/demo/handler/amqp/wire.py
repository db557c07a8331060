"""Frames over a socket, by pika's own tables of the specification (AMQP 0-9-1, section 4.2)."""

from __future__ import annotations

import select
import socket
import time
from typing import Any, Final

from pika import frame, spec  # type: ignore[import-untyped]
from pika.exceptions import AMQPError  # type: ignore[import-untyped]

HEADER: Final = b"AMQP\x00\x00\x09\x01"
FRAME_BYTES: Final = 131_072
_FRAME_OVERHEAD: Final = 8
_READ_BYTES: Final = 65_536


class Gone(Exception):
    """The other side closed the connection, or sent what is not AMQP."""


class Wire:
    """One connection. For one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = b""
        self.heard_at = self.said_at = time.monotonic()

    def header(self) -> bytes:
        """The protocol header that a client begins with."""
        while len(self._buffer) < len(HEADER):
            self._read(5.0)
        found, self._buffer = self._buffer[: len(HEADER)], self._buffer[len(HEADER) :]
        return found

    def next(self, wait_seconds: float) -> Any:
        """The next frame; None if none came in time. Raises Gone."""
        taken = self._decode()
        if taken is None:
            self._read(wait_seconds)
            taken = self._decode()
        return taken

    def method(self, channel: int, method: Any) -> None:
        """Sends one method."""
        self.raw(frame.Method(channel, method).marshal())

    def content(self, channel: int, method: Any, properties: Any, body: bytes) -> None:
        """Sends a method with a message."""
        most = FRAME_BYTES - _FRAME_OVERHEAD
        parts = [frame.Method(channel, method), frame.Header(channel, len(body), properties)]
        parts += [frame.Body(channel, body[start : start + most]) for start in range(0, len(body), most)]
        self.raw(b"".join(part.marshal() for part in parts))

    def beat(self) -> None:
        """Sends a heartbeat."""
        self.raw(frame.Heartbeat().marshal())

    def raw(self, data: bytes) -> None:
        """Raises Gone."""
        try:
            self._socket.sendall(data)
        except OSError:
            raise Gone from None
        self.said_at = time.monotonic()

    def _decode(self) -> Any:
        try:
            used, found = frame.decode_frame(self._buffer)
        except (AMQPError, KeyError, ValueError):
            raise Gone from None
        self._buffer = self._buffer[used:]
        return found

    def _read(self, wait_seconds: float) -> None:
        try:
            if not select.select([self._socket], [], [], wait_seconds)[0]:
                return
            data = self._socket.recv(_READ_BYTES)
        except (OSError, ValueError):
            raise Gone from None
        if not data:
            raise Gone
        self._buffer += data
        self.heard_at = time.monotonic()


def failed(method: Any, code: int, text: str) -> tuple[int, str, int, int]:
    """The arguments of a close that is about `method`: its class and number are in its index."""
    return code, text, method.INDEX >> 16, method.INDEX & 0xFFFF


__all__ = ["FRAME_BYTES", "HEADER", "Gone", "Wire", "failed", "spec"]
