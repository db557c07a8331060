"""Benchmark 6: benchmark 1 again, with one and with two processes of each stage.

Two processes help where a processor is free for them: broker, database and this machine's other work need their share. So the
processor's use stands beside each rate, and the growth says little on a machine with two cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from bench import main_line
from bench.main_line import Run
from bench.results import Figure, Result, at_most
from bench.servers import Servers

NAME = "scaling"
MAILS = 20_000
PROCESSES = (1, 2)

Tell = Callable[[str, int, int], None]


def run(servers: Servers, tell: Tell, *, mails: int = MAILS) -> Result:
    """One run for each number of processes, with an own database and vhost."""
    runs = {count: main_line.measure(servers, tell, mails, batch_size=None, processes=count) for count in PROCESSES}
    first, last = runs[PROCESSES[0]], runs[PROCESSES[-1]]
    result = Result(
        NAME, f"6. Fetched mail to committed effect: {mails} reports, by processes of each of the two stages"
    )
    for count, found in runs.items():
        result.figures += [
            Figure(f"mails_per_second_{count}", found.rate, "mails/s"),
            Figure(f"cores_used_{count}", _cores(found), "cores"),
            Figure(f"cpu_per_mail_{count}", 1e6 * sum(found.cpu.values()) / mails, "µs"),
        ]
    faults = [f"{fault} ({count})" for count, found in runs.items() for fault in found.faults]
    result.figures += [
        Figure("growth", last.rate / first.rate, "times"),
        at_most("differences", len(faults), "facts", 0),
    ]
    result.notes += faults
    result.notes.append(
        f"{len(os.sched_getaffinity(0))} cores for services, broker, database and this process; a classifier is two processes"
    )
    result.detail = {"cpu_seconds": {count: found.cpu for count, found in runs.items()}}
    return result


def _cores(found: Run) -> float:
    """CPU seconds of all sides in a second."""
    return sum(found.cpu.values()) / found.seconds
