"""Two processes of each service, killed and started again."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGKILL

from tests.servers.children import Child

ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 25.0


class Fleet:
    """Processes by name, `fetcher-1` and so on. Each writes to a file of its own in `logs`, whichever life it is in."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("APICONNECT_")}
        self._environment = {**kept, **environment}
        self._logs = logs
        self._running: dict[str, Child] = {}
        self.kills: Counter[str] = Counter()
        self.ended_by_themselves: list[str] = []

    def start(self, name: str) -> None:
        """Starts one; it may be running already."""
        if name in self._running:
            return
        service = name.rpartition("-")[0]
        command = [sys.executable, "-m", f"services.{service}"]
        self._running[name] = Child(command, env=self._environment, output=self._logs / f"{name}.log", cwd=ROOT)

    def kill(self, name: str) -> str | None:
        """SIGKILL, the processes below it too: nothing is handed back, nothing is said. Returns who it was.

        One that is dead already is spared for another of its service; None: they are all dead.
        """
        service = name.rpartition("-")[0]
        alive = [one for one in self._running if one.rpartition("-")[0] == service]
        if not alive:
            return None
        chosen = name if name in alive else alive[0]
        self._running.pop(chosen).end(SIGKILL)
        self.kills[service] += 1
        return chosen

    def replace_dead(self) -> None:
        """Starts again, as an orchestrator does, what ended without being killed; such an end is remembered."""
        for name, child in list(self._running.items()):
            code = child.process.poll()
            if code is not None:
                self.ended_by_themselves.append(f"{name} ended with {code}: {child.said()[-600:]}")
                del self._running[name]
                child.end(SIGKILL)
                self.start(name)

    def stop(self, names: Iterable[str]) -> list[str]:
        """SIGTERM to these, then waits; returns a sentence for each that did not end well and in time."""
        chosen = {name: self._running.pop(name) for name in names if name in self._running}
        for child in chosen.values():
            child.process.terminate()
        give_up_at = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < give_up_at and any(child.process.poll() is None for child in chosen.values()):
            time.sleep(0.05)
        wrong = [
            f"{name}: exit code {child.process.poll()}" for name, child in chosen.items() if child.process.poll() != 0
        ]
        for child in chosen.values():
            child.end(SIGKILL)
        return wrong

    def names(self) -> list[str]:
        """Those that run, or should."""
        return list(self._running)

    def close(self) -> None:
        """Kills what is left."""
        for name in list(self._running):
            self._running.pop(name).end(SIGKILL)
