"""Starts the simulator: in the foreground, in a thread, or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from services.simulator.http.server import Servers
from services.simulator.settings import SimulatorSettings

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A started simulator: where it listens and the PEM that clients must trust for https."""

    http_url: str
    https_url: str
    ca_file: Path
    _stop: Callable[[], None] = field(repr=False)

    def stop(self) -> None:
        """End it and wait until it has ended; a second call does nothing."""
        self._stop()


def start(settings: SimulatorSettings | None = None) -> RunningSimulator:
    """Start in a background thread, or in a process of its own when `settings.own_process`.

    Returns when both ports accept connections. Raises RuntimeError when it did not come up within START_SECONDS.
    """
    settings = settings or SimulatorSettings()
    return _in_process(settings) if settings.own_process else _in_thread(settings)


def _in_thread(settings: SimulatorSettings) -> RunningSimulator:
    servers = Servers(settings, datetime.now(UTC))
    thread = threading.Thread(target=lambda: asyncio.run(servers.run()), name="simulator", daemon=True)
    thread.start()
    end = time.monotonic() + START_SECONDS
    while not servers.started:
        if time.monotonic() > end or not thread.is_alive():
            raise RuntimeError("the simulator did not start")
        time.sleep(0.005)

    def stop() -> None:
        servers.stop()
        thread.join(START_SECONDS)
        shutil.rmtree(servers.folder, ignore_errors=True)

    return RunningSimulator(servers.http_url, servers.https_url, servers.ca_file, stop)


def _in_process(settings: SimulatorSettings) -> RunningSimulator:
    prefix = "APICONNECT_SIMULATOR_"
    given = {prefix + name.upper(): value for name, value in _as_environment(settings).items()}
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "services.simulator"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | given, cwd=root, text=True)
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line.startswith("{"):
        child.kill()
        child.wait()
        child.stdout.close()
        raise RuntimeError("the simulator did not start")
    place = json.loads(line)

    def stop() -> None:
        if child.poll() is None:
            child.terminate()
            child.wait(START_SECONDS)
        if child.stdout is not None:
            child.stdout.close()

    return RunningSimulator(place["http_url"], place["https_url"], Path(place["ca_file"]), stop)


def _as_environment(settings: SimulatorSettings) -> dict[str, str]:
    values = settings.model_dump(mode="json", exclude_none=True, exclude={"own_process"})
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


async def _serve(servers: Servers) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, servers.stop)
    running = asyncio.create_task(servers.run())
    while not servers.started and not running.done():
        await asyncio.sleep(0.005)
    urls = {"http_url": servers.http_url, "https_url": servers.https_url, "ca_file": str(servers.ca_file)}
    print(json.dumps(urls), flush=True)
    await running


def main() -> None:
    """Run in the foreground until SIGTERM; the first line printed says where it listens, as JSON."""
    servers = Servers(SimulatorSettings(), datetime.now(UTC))
    try:
        asyncio.run(_serve(servers))
    finally:
        shutil.rmtree(servers.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
