"""The services as processes of their own, as compose starts them: `python -m services.<name>`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

from shared.storage.database import Database
from tests.builders import SEALING_KEYS
from tests.integration.shared.storage.looking import column
from tests.servers.children import Child, Folder
from tests.waiting import until

SERVICES = ("scheduler", "token_refresher", "fetcher", "classifier", "actions", "sender")
ROOT = Path(__file__).parents[2]


class Processes:
    """Every service once. The periods are short, so that what a test waits for comes within seconds."""

    def __init__(self, database: Database, rabbitmq_url: str, ca_file: Path) -> None:
        self._database = database
        self._folder = Folder("apiconnect-system-")
        self._running: dict[str, Child] = {}
        self._env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PYTHONWARNINGS": "default",
            "APICONNECT_DATABASE_URL": database.url,
            "APICONNECT_DATABASE_CONNECTIONS": "8",
            "APICONNECT_RABBITMQ_URL": rabbitmq_url,
            "APICONNECT_SEALING_KEYS": SEALING_KEYS,
            "APICONNECT_PROVIDER_CA_FILE": str(ca_file),
            "APICONNECT_MAILBOXES_AT_ONCE": "4",
            "APICONNECT_MAILS_PER_ROUND": "5",
            "APICONNECT_TICK_SECONDS": "0.5",
            "APICONNECT_SWEEP_SECONDS": "1",
            "APICONNECT_STAGE_OVERDUE_SECONDS": "3",
        }

    def start(self, *names: str) -> None:
        """Starts these services, and waits until their hearts beat."""
        before = self._beating()
        for name in names:
            command = [sys.executable, "-m", f"services.{name}"]
            output = self._folder.path / f"{name}.log"
            self._running[name] = Child(command, env=self._env, output=output, cwd=ROOT)
        new = {f"{name}-{self._running[name].process.pid}" for name in names}
        assert until(lambda: new <= self._beating() - before or self._dead(), 30), f"only {self._beating()} came up"
        assert not self._dead(), self.logs()

    def kill(self, name: str) -> None:
        """SIGKILL: nothing is handed back, nothing is said."""
        self._running.pop(name).end(SIGKILL)

    def stop(self) -> None:
        """SIGTERM to all; each must be gone in time, and well."""
        children = dict(self._running)
        for child in children.values():
            child.process.terminate()
        gone = until(lambda: all(child.process.poll() is not None for child in children.values()), 20)
        codes = {name: child.process.poll() for name, child in children.items()}
        logs = "" if gone and not any(codes.values()) else self.logs()
        for child in children.values():
            child.end(SIGKILL)
        self._running.clear()
        self._folder.remove()
        assert gone, f"not gone 20 s after SIGTERM: {codes}\n{logs}"
        assert set(codes.values()) == {0}, f"{codes}\n{logs}"

    def logs(self) -> str:
        """The end of each service's log."""
        return "\n".join(f"== {name}\n{child.said()}" for name, child in self._running.items())

    def _dead(self) -> list[str]:
        return [name for name, child in self._running.items() if child.process.poll() is not None]

    def _beating(self) -> set[str]:
        beats = column(self._database, "select service || '-' || substring(instance from '[0-9]+$') from heartbeats")
        return set(beats)


@contextmanager
def running(database: Database, rabbitmq_url: str, ca_file: Path) -> Iterator[Processes]:
    """All services run while the block does; then they must end well."""
    processes = Processes(database, rabbitmq_url, ca_file)
    try:
        processes.start(*SERVICES)
        yield processes
    finally:
        processes.stop()
