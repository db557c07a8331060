"""A RabbitMQ node of our own on free ports, from what is installed here, with the management plugin.

The node's files, cookie and Erlang port mapper are private too: nothing of a RabbitMQ that runs on this machine is touched.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import ProxyHandler, Request, build_opener

from tests.servers.children import Child, Folder, ServerFailed, free_ports

_DIRECT = build_opener(ProxyHandler({}))  # never through a proxy of the environment


class RabbitMQ(Protocol):
    """A node that tests may use. `management_url` ends in /api and carries no credentials; they are those of `url`."""

    found: str

    @property
    def url(self) -> str: ...
    @property
    def management_url(self) -> str: ...
    def stop(self) -> None: ...
    def start(self) -> Self: ...
    def restart(self) -> None: ...
    def reset(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def close(self) -> None: ...


class GivenRabbitMQ:
    """A node that somebody else runs, named by URL: used, but never stopped or reset."""

    found = "by URL"

    def __init__(self, url: str, management_url: str = "") -> None:
        self.url = url
        parts = urlsplit(url)
        self.management_url = management_url or f"http://{parts.hostname}:15672/api"
        if not speaks_amqp(parts.hostname or "127.0.0.1", parts.port or 5672):
            raise ServerFailed("APICONNECT_TEST_RABBITMQ_URL names a RabbitMQ that does not answer")

    def start(self) -> Self:
        """Nothing to do."""
        return self

    def stop(self) -> None:
        """Refused: it is not ours."""
        raise ServerFailed("this RabbitMQ was given by URL; it can't be stopped or reset")

    restart = reset = freeze = thaw = stop

    def close(self) -> None:
        """Nothing to do."""


class PrivateRabbitMQ:
    """One node on 127.0.0.1, user and password guest. `start` may follow `stop`: ports and data stay the same."""

    found = "installed here"

    def __init__(self, *, settings: tuple[str, ...] = ()) -> None:
        self._server = server_program()
        self._folder = Folder("apiconnect-mq-")
        self.port, self.management_port, self._distribution, self._mapper_port = free_ports(4)
        self._node = f"apiconnect-{os.getpid()}-{secrets.token_hex(3)}@localhost"
        self._settings = settings
        self._mapper: Child | None = None
        self._child: Child | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        self.management_url = f"http://127.0.0.1:{self.management_port}/api"
        self._write_configuration()

    def _write_configuration(self) -> None:
        lines = (
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {self.management_port}",
            "log.console = false",
            "log.file.level = info",
            "vm_memory_high_watermark.absolute = 2GiB",
            "disk_free_limit.absolute = 100MB",
            *self._settings,
        )
        (self._folder.path / "home").mkdir()
        (self._folder.path / "rabbitmq.conf").write_text("\n".join(lines) + "\n", "utf-8")
        (self._folder.path / "plugins").write_text("[rabbitmq_management].\n", "utf-8")

    @property
    def _env(self) -> dict[str, str]:
        here = self._folder.path
        return {
            "PATH": f"{self._server.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": f"{here}/home",  # the Erlang cookie lies there
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": f"{here}/data",
            "RABBITMQ_LOG_BASE": f"{here}/log",
            "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/plugins",
            "RABBITMQ_CONF_ENV_FILE": f"{here}/none",  # a file that is not there: what /etc says is not for us
            "RABBITMQ_PID_FILE": f"{here}/pid",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Busy waiting of Erlang's schedulers costs the tests more than it gives the broker.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        }

    def start(self) -> Self:
        """Starts it and waits until it speaks AMQP and its management API answers; returns itself."""
        here = self._folder.path
        if self._mapper is None:
            # Started by us, else the node starts one as a daemon that outlives it.
            mapper = [_epmd(), "-port", str(self._mapper_port), "-address", "127.0.0.1"]
            self._mapper = Child(mapper, env=self._env, output=here / "epmd.out", cwd=here)
        self._child = Child([str(self._server)], env=self._env, output=here / "rabbitmq.out", cwd=here)
        self._child.wait_until(lambda: speaks_amqp("127.0.0.1", self.port), seconds=90, what="RabbitMQ")
        self._child.wait_until(lambda: management_answers(self), seconds=30, what="RabbitMQ's management API")
        return self

    def stop(self) -> None:
        """Stops it in good order; durable queues and persistent messages stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once, as a power cut would; what was confirmed stays."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops and starts it on the same ports, with the same data."""
        self.stop()
        self.start()

    def reset(self) -> None:
        """Loses everything, as if its volume had been deleted: queues, messages, exchanges, vhosts and users. Runs again after."""
        self.kill()
        shutil.rmtree(self._folder.path / "data", ignore_errors=True)
        self.start()

    def freeze(self) -> None:
        """The node stands still, connections stay open."""
        if self._child is not None:
            self._child.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends `freeze`."""
        if self._child is not None:
            self._child.signal(signal.SIGCONT)

    def control(self, *arguments: str, given: str = "") -> str:
        """Output of `rabbitmqctl` on this node; given: its input. Raises ServerFailed."""
        command = [str(self._server.with_name("rabbitmqctl")), "-n", self._node, *arguments]
        done = subprocess.run(
            command, env=self._env, input=given, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise ServerFailed(f"rabbitmqctl {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def _end(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.end(number)
            self._child = None

    def close(self) -> None:
        """Ends it and removes its data."""
        self.kill()
        if self._mapper is not None:
            self._mapper.end()
            self._mapper = None
        self._folder.remove()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()


def server_program() -> Path:
    """The `rabbitmq-server` to run. Not Debian's /usr/sbin one: that wrapper changes the user and drops the environment."""
    candidates = [Path("/usr/lib/rabbitmq/bin/rabbitmq-server")]
    on_path = shutil.which("rabbitmq-server")
    if on_path and not on_path.startswith("/usr/sbin/"):
        candidates.append(Path(on_path))
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ServerFailed("no RabbitMQ is installed here (looked for rabbitmq-server)")


def _epmd() -> str:
    found = shutil.which("epmd") or next((str(path) for path in Path("/usr/lib/erlang").glob("**/bin/epmd")), None)
    if found is None:
        raise ServerFailed("RabbitMQ is installed, but Erlang's epmd is not")
    return found


def speaks_amqp(host: str, port: int) -> bool:
    """Whether a broker answers the protocol header; it takes connections only once it has started."""
    try:
        with socket.create_connection((host, port), 2) as connection:
            connection.settimeout(5)
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(8))
    except OSError:
        return False


def management(
    server: RabbitMQ, method: str, path: str, body: dict[str, Any] | None = None, *, timeout: float = 10
) -> Any:
    """One call of RabbitMQ's HTTP API, `path` below /api; None for an empty answer. Raises OSError (HTTPError for 4xx, 5xx)."""
    parts = urlsplit(server.url)
    login = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}".encode()
    headers = {"Authorization": "Basic " + base64.b64encode(login).decode(), "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(server.management_url + path, data=data, headers=headers, method=method)
    with _DIRECT.open(request, timeout=timeout) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def management_answers(server: RabbitMQ) -> bool:
    """Whether the HTTP API is up and lets us in."""
    try:
        management(server, "GET", "/overview", timeout=2)
    except OSError:
        return False
    return True


@contextmanager
def new_vhost(server: RabbitMQ, prefix: str = "test") -> Iterator[str]:
    """The AMQP URL of a new, empty vhost; deleted at the end.

    A server given by URL whose management API can't be used is used in the vhost its URL names.
    """
    name = f"{prefix}-{uuid.uuid4().hex[:12]}"
    user = quote(unquote(urlsplit(server.url).username or "guest"), safe="")
    try:
        management(server, "PUT", f"/vhosts/{name}", {})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management(server, "PUT", f"/permissions/{name}/{user}", everything)
    except (URLError, TimeoutError, OSError):
        if server.found != "by URL":
            raise
        yield server.url
        return
    try:
        yield urlunsplit(urlsplit(server.url)._replace(path=f"/{name}"))
    finally:
        _delete_vhost(server, name)


def _delete_vhost(server: RabbitMQ, name: str) -> None:
    """Deletes it; gone already (after a reset) is fine. The API may fail for a moment after a start."""
    for attempt in range(20):
        try:
            management(server, "DELETE", f"/vhosts/{name}")
        except HTTPError as error:
            error.close()
            if error.code == 404:
                return
            if attempt == 19:
                raise
            time.sleep(0.25)
        else:
            return
