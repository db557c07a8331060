"""A server that says exactly the bytes it was told to: for answers that no simulator should give."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers one connection after another with the next script; each script is the whole answer, then it closes.

    None as a script: no answer, the connection stays open until the server ends.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._scripts: deque[bytes | None] = deque()
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, *scripts: bytes | None) -> None:
        self._scripts.extend(scripts)

    def answers(self, status: int, body: Any, **headers: str) -> None:
        """A well-formed answer; `body` is JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": "application/json", "Content-Length": str(len(content)), "Connection": "close"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self.says(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)
        for connection in self._open:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.received.append(_read(connection))
            script = self._scripts.popleft() if self._scripts else b""
            if script is None:
                self._open.append(connection)
                continue
            connection.sendall(script)
            connection.close()


def _read(connection: socket.socket) -> Received:
    with connection.makefile("rb") as stream:
        method, path, _ = stream.readline().decode().split(" ")
        headers = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Received(method, path, headers, stream.read(int(headers.get("content-length", "0"))))
