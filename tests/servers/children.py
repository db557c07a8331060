"""Child processes that never outlive us, free ports, and folders that go away: what every private server needs."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from typing import IO


class ServerFailed(Exception):
    """A server could not be started, found or controlled. The message is one line that a person can act on."""


def free_ports(count: int) -> list[int]:
    """TCP ports of 127.0.0.1 that nobody uses at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Reaper:
    """A small process that ends our children if we are killed ourselves (see reaper.py)."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def tell(self, line: str) -> None:
        """Adds to or removes from what is cleaned up after a sudden end."""
        if self._process is None:
            script = str(Path(__file__).with_name("reaper.py"))
            self._process = subprocess.Popen(
                [sys.executable, "-I", script], stdin=subprocess.PIPE, text=True, start_new_session=True
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Ends the reaper, which first cleans up whatever is left."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(20)
            self._process = None


REAPER = Reaper()


class Folder:
    """A private folder under the system's temporary one, owned by `user` if given (PostgreSQL refuses to run as root)."""

    def __init__(self, prefix: str, user: pwd.struct_passwd | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        REAPER.tell(f"+folder {self.path}")
        if user is not None:
            os.chown(self.path, user.pw_uid, user.pw_gid)

    def remove(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        REAPER.tell(f"-folder {self.path}")


class Child:
    """One process group of ours: a server, its helpers, and nothing else."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        output: Path,
        cwd: Path,
        user: pwd.struct_passwd | None = None,
    ) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches us first. Output goes to the file `output`."""
        self._output = output
        self._file: IO[bytes] = output.open("ab")
        self.process = subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        REAPER.tell(f"+group {self.process.pid}")

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Waits until `ready()`; raises ServerFailed with the last output when the process ends or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise ServerFailed(f"{what} ended with {self.process.returncode}: {self.said()}")
            if time.monotonic() > end:
                raise ServerFailed(f"{what} was not ready after {seconds:.0f} s: {self.said()}")
            time.sleep(0.05)

    def said(self) -> str:
        """The end of its output."""
        return self._output.read_text("utf-8", "replace")[-1500:].strip()

    def signal(self, number: Signals) -> None:
        """Sends a signal to the whole group; a group that is gone is fine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end(self, number: Signals = SIGTERM, *, seconds: float = 20) -> None:
        """Sends `number`, waits, kills what is left of the group, and collects it. A frozen group is woken first."""
        self.signal(number)
        self.signal(SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.signal(SIGKILL)
        self.process.wait(seconds)
        self._file.close()
        REAPER.tell(f"-group {self.process.pid}")
