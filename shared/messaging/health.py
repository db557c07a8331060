"""What a service says about itself over HTTP: /healthz, /readyz and /metrics. Standard library only, on a port of its own.

/healthz: 200 while every runner works. It fails only where a restart helps: an outage of a server is none of ours.
/readyz: 200 while PostgreSQL and RabbitMQ answer. Asked in the background, so that the answer comes at once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from shared.telemetry import log

_CHECK_SECONDS: Final = 5.0
# A server that is frozen and not gone answers neither yes nor no; after this long without an answer it counts as no.
_STALE_SECONDS: Final = 20.0
_REQUEST_SECONDS: Final = 5.0

Check = Callable[[], bool]


class Readiness:
    """Asks each server whether it answers, every few seconds, each in a thread of its own."""

    def __init__(self, checks: Mapping[str, Check], every_seconds: float = _CHECK_SECONDS) -> None:
        self._checks = checks
        self._every_seconds = every_seconds
        self._answered_at: dict[str, float] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Begins to ask. Daemons: a check that hangs must not keep a stopping process alive."""
        for name, check in self._checks.items():
            threading.Thread(target=self._ask, args=(name, check), name=f"ready-{name}", daemon=True).start()

    def close(self) -> None:
        """Ends the asking; does not wait for it."""
        self._closing.set()

    def state(self) -> dict[str, bool]:
        """Server -> whether it answered lately. All of them False at first."""
        oldest = time.monotonic() - _STALE_SECONDS
        return {name: self._answered_at.get(name, float("-inf")) > oldest for name in self._checks}

    def _ask(self, name: str, check: Check) -> None:
        while not self._closing.is_set():
            try:
                answers = check()
            except Exception as error:  # noqa: BLE001 - whatever it is, the server is not ready
                log.warning("readiness.failed", server=name, error=f"{type(error).__name__}: {error}")
                answers = False
            if answers:
                self._answered_at[name] = time.monotonic()
            else:
                self._answered_at.pop(name, None)
            self._closing.wait(self._every_seconds)


class _Server(ThreadingHTTPServer):
    """Holds what the pages are made from."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], pages: Mapping[str, Callable[[str], Page]]) -> None:
        self.pages = pages
        super().__init__(address, _Request)


Page = tuple[int, str, bytes]
"""Status, content type, body."""


class _Request(BaseHTTPRequestHandler):
    server_version = "apiconnect"
    sys_version = ""
    timeout = _REQUEST_SECONDS  # a client that says nothing holds a thread no longer than this
    server: _Server

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        status, kind, body = (
            page(self.headers.get("Accept", "")) if page else (404, "text/plain", b"/healthz /readyz /metrics\n")
        )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: nothing to tell."""


@contextmanager
def serving(port: int, ended: Callable[[], list[str]], checks: Mapping[str, Check], host: str = "") -> Iterator[int]:
    """Serves the three pages on `port` meanwhile, 0 for none at all; gives the port.

    ended: names of the parts that should work and do not. checks: server -> whether it answers.
    """
    if not port:
        yield 0
        return
    readiness = Readiness(checks)
    server = _Server(
        (host, port),
        {
            "/healthz": lambda _: _health(ended()),
            "/readyz": lambda _: _json(all((state := readiness.state()).values()), state),
            "/metrics": _metrics,
        },
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True)
    readiness.start()
    thread.start()
    try:
        yield server.server_port
    finally:
        readiness.close()
        server.shutdown()
        server.server_close()


def _health(ended: list[str]) -> Page:
    return _json(not ended, {"ended": ended})


def _json(well: bool, details: Mapping[str, object]) -> Page:
    return 200 if well else 503, "application/json", json.dumps({"ok": well, **details}).encode() + b"\n"


def _metrics(accept: str) -> Page:
    encode, kind = choose_encoder(accept)
    return 200, kind, encode(REGISTRY)
