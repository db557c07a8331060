"""The product's services as processes of ours, and the CPU seconds that each side uses. Linux: reads /proc."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers.children import Child

ROOT = Path(__file__).parents[1]

# Who a process is, by its command line; the first that fits. A process that fits none belongs to its parent.
_SIDES = (
    ("classifier's reader", re.compile(r"multiprocessing\.spawn")),
    ("classifier", re.compile(r"services\.classifier")),
    ("actions", re.compile(r"services\.actions")),
    ("fetcher", re.compile(r"services\.fetcher")),
    ("sender", re.compile(r"services\.sender")),
    ("scheduler", re.compile(r"services\.scheduler")),
    ("token refresher", re.compile(r"services\.token_refresher")),
    ("simulator", re.compile(r"services\.simulator")),
    ("RabbitMQ", re.compile(r"beam\.smp|rabbitmq|epmd")),
    ("PostgreSQL", re.compile(r"postgres")),
)
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def services(names: Sequence[str], environment: Mapping[str, str], logs: Path) -> Iterator[dict[str, Child]]:
    """Runs each as `python -m services.<name>` until the block ends; then asks them to stop, and waits.

    A name that comes again is another process of the same service, found under `<name>-2` and so on.

    environment: their settings, beside what a process needs anyway. logs: a folder, a file per service.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APICONNECT_")}
    with ExitStack() as ending:
        running: dict[str, Child] = {}
        for place, name in enumerate(names):
            earlier = names[:place].count(name)
            called = f"{name}-{earlier + 1}" if earlier else name
            command = [sys.executable, "-m", f"services.{name}"]
            child = Child(command, env={**kept, **environment}, output=logs / f"{called}.log", cwd=ROOT)
            ending.callback(child.end)
            running[called] = child
        yield running


class ServiceFailed(Exception):
    """A service ended, or its work took far too long; the message has what it said last."""


def check(running: Mapping[str, Child], give_up_at: float) -> None:
    """Raises ServiceFailed when a service has ended, or when it is later than `give_up_at`."""
    for name, child in running.items():
        if child.process.poll() is not None:
            raise ServiceFailed(f"{name} ended: {child.said()}")
    if time.monotonic() > give_up_at:
        last = "; ".join(f"{name} said last: {child.said()[-400:]}" for name, child in running.items())
        raise ServiceFailed(f"not done in time; {last}")


def cpu_seconds() -> dict[str, float]:
    """CPU seconds so far by side, of all processes below this one; `bench` is this process itself."""
    found: dict[int, tuple[int, str, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue  # it has just ended
            own, ended_children = sum(map(int, stat[11:13])), sum(map(int, stat[13:15]))
            ticks = own if int(entry.name) == os.getpid() else own + ended_children
            found[int(entry.name)] = (int(stat[1]), command, ticks / _TICKS)
    used: dict[str, float] = {}
    for pid, (_, _, seconds) in found.items():
        side = _side(pid, found)
        if side is not None:
            used[side] = used.get(side, 0.0) + seconds
    return used


def used_since(before: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds by side since `before`, the largest first."""
    now = cpu_seconds()
    used = {side: seconds - before.get(side, 0.0) for side, seconds in now.items()}
    return dict(sorted(used.items(), key=lambda pair: -pair[1]))


def _side(pid: int, processes: Mapping[int, tuple[int, str, float]]) -> str | None:
    """None: not a process of ours."""
    side: str | None = None
    while pid in processes:
        parent, command, _ = processes[pid]
        if pid == os.getpid():
            return side or "bench"
        side = side or next((name for name, pattern in _SIDES if pattern.search(command)), None)
        pid = parent
    return None
