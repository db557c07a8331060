"""One process, one event loop, two servers: http and https over the same world."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.simulator.core.answers import Answer, json_answer
from services.simulator.handler import World
from services.simulator.http.certificates import Certificates, certificates_of, make_certificates
from services.simulator.http.control import Control
from services.simulator.http.entra import Entra
from services.simulator.http.gmail import Gmail
from services.simulator.http.google_token import GoogleToken
from services.simulator.http.graph import Graph
from services.simulator.http.graph_attachments import GraphUploads
from services.simulator.http.wire import Application, Request
from services.simulator.settings import SimulatorSettings

KEEP_ALIVE_SECONDS = 120


class Front:
    """Finds who answers a path: Graph, Gmail, the two token endpoints or the control API."""

    def __init__(self, world: World) -> None:
        self.routes = (
            Graph(world),
            GraphUploads(world),
            Gmail(world),
            GoogleToken(world),
            Control(world),
            Entra(world),
        )

    async def respond(self, request: Request) -> Answer:
        if request.segments:
            for route in self.routes:
                if route.knows(request):
                    return await route.respond(request)
        return json_answer(404, {"error": {"code": "NotFound", "message": f"Nothing answers {request.path}."}})


class _Protocol(HttpToolsProtocol):
    """Adds the one thing ASGI has no word for: closing the connection without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"apiconnect.cut": self.transport.abort}  # type: ignore[dict-item]


class _Server(uvicorn.Server):
    """Leaves signals alone: whoever runs the simulator decides about them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Idle connections are dropped at once: over TLS a polite end waits for clients that say nothing more."""
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is None or cycle.response_complete:
                _abort(connection)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            _abort(connection)
        for _ in range(3):
            await asyncio.sleep(0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Servers:
    """Both servers. Sockets are bound at once, so the urls are known before `run`."""

    def __init__(self, settings: SimulatorSettings, now: datetime) -> None:
        self.world = World(settings)
        self.folder = Path(tempfile.mkdtemp(prefix="simulator-"))
        certificates = _certificates(settings, now)
        self.ca_file = settings.ca_file or self.folder / "ca.pem"
        self.ca_file.parent.mkdir(parents=True, exist_ok=True)
        self.ca_file.write_bytes(certificates.authority)
        chain, key = self.folder / "server.pem", self.folder / "server.key"
        key.touch(mode=0o600)
        chain.write_bytes(certificates.chain)
        key.write_bytes(certificates.key)
        application = Application(Front(self.world).respond)
        self.sockets = [_bound(settings.host, settings.http_port), _bound(settings.host, settings.https_port)]
        self.servers = [
            _Server(_config(application)),
            _Server(_config(application, ssl_certfile=str(chain), ssl_keyfile=str(key))),
        ]
        name = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host
        self.http_url, self.https_url = (
            f"{scheme}://{name}:{bound.getsockname()[1]}"
            for scheme, bound in zip(("http", "https"), self.sockets, strict=True)
        )

    @property
    def started(self) -> bool:
        return all(server.started for server in self.servers)

    async def run(self) -> None:
        """Serve until `stop`."""
        await asyncio.gather(*(server.serve([bound]) for server, bound in zip(self.servers, self.sockets, strict=True)))

    def stop(self) -> None:
        """Ask both servers to end; from any thread."""
        for server in self.servers:
            server.should_exit = True


def _certificates(settings: SimulatorSettings, now: datetime) -> Certificates:
    authority, key = settings.authority_file, settings.authority_key_file
    if authority is None or key is None:
        return make_certificates(settings.extra_names, now)
    return certificates_of(authority.read_bytes(), key.read_bytes(), settings.extra_names, now)


def _abort(connection: object) -> None:
    transport = getattr(connection, "transport", None)
    if isinstance(transport, asyncio.Transport):
        transport.abort()


def _bound(host: str, port: int) -> socket.socket:
    # Naming TCP matters: asyncio switches Nagle off only for sockets that say so, else every answer waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    bound.set_inheritable(False)
    return bound


def _config(application: Application, **tls: str) -> uvicorn.Config:
    return uvicorn.Config(
        application, http=_Protocol, ws="none", lifespan="off", loop="asyncio", log_config=None, log_level="error",
        access_log=False, server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=2,
        backlog=2048, **tls,  # type: ignore[arg-type]
    )  # fmt: skip
