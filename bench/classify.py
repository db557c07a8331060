"""`make bench-classify CORPUS=DIR-or-LIST`: how fast mails are classified, on one pinned core, beside other parsers.

Prints plain lines: `mails_per_second N`, `p50_ms`, `p99_ms`, `slowest_ms` with its file, `peak_memory_mb`, the same
for a hostile set, and `peer NAME mails_per_second N ratio N` for each parser that is installed. The corpus is in memory
and everything is compiled before the clock starts. Rates, the peers' too, are mails per second of processor time, the
median of the passes; a mail's time is its best one by the wall clock: other work on the machine is not charged to a mail.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.classify_peers import PEERS
from services.classifier.core.reading import classify
from services.classifier.settings import shipped_rules
from shared.messaging import collecting
from tests.hostile_mails import HOSTILE

PASSES = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and gives 0; 2 if there is no corpus."""
    options = argparse.ArgumentParser(prog="python -m bench.classify", description=__doc__.partition("\n")[0])
    options.add_argument("corpus", help="a folder of mails, or a file with a path per line")
    options.add_argument("--no-peers", action="store_true", help="only ours")
    chosen = options.parse_args(arguments)
    paths = mail_paths(Path(chosen.corpus))
    if not paths:
        print(f"no mails in {chosen.corpus}", file=sys.stderr)
        return 2
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    print(f"mails {len(paths)} core {core} load {os.getloadavg()[0]:.1f}")
    rate = measure(paths)
    print(f"peak_memory_mb {_in_child(_peak_of_files, paths):.0f}")
    hostile_ms, name = _in_child(_slowest_hostile, None)
    print(f"hostile_slowest_ms {hostile_ms:.1f} {name}")
    print(f"hostile_peak_memory_mb {_in_child(_peak_of_hostile, None):.0f}")
    for peer in () if chosen.no_peers else PEERS:
        told = peer(paths)
        if told is not None:
            name, peer_rate, note = told
            print(f"peer {name} mails_per_second {peer_rate:.0f} ratio {rate / peer_rate:.2f}{note}")
    return 0


def mail_paths(corpus: Path) -> list[Path]:
    """Every mail of a folder (`.eml`, `.msg`, or all files if there are none such), or of a list with a path a line."""
    if corpus.is_file():
        return [Path(line) for line in corpus.read_text("utf-8").splitlines() if line.strip()]
    every = sorted(path for path in corpus.rglob("*") if path.is_file())
    return [path for path in every if path.suffix in (".eml", ".msg", ".txt")] or every


def measure(paths: Sequence[Path]) -> float:
    """Classifies all mails several times, prints the figures, and gives mails per second."""
    rules = shipped_rules()
    mails = [path.read_bytes() for path in paths]
    collecting.spare()  # as the service's children do once the rules are compiled
    best = [float("inf")] * len(mails)
    rates = []
    for passing in range(PASSES + 1):
        begun = time.process_time()
        for place, raw in enumerate(mails):
            start = time.perf_counter()
            classify(raw, rules)
            took = time.perf_counter() - start
            if passing and took < best[place]:
                best[place] = took
        if passing:  # the first warms up
            rates.append(len(mails) / (time.process_time() - begun))
    rate = statistics.median(rates)
    ordered = sorted(best)
    slowest = max(range(len(best)), key=best.__getitem__)
    print(f"mails_per_second {rate:.0f}")
    print(f"p50_ms {ordered[len(ordered) // 2] * 1000:.3f}")
    print(f"p99_ms {ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000:.3f}")
    print(f"slowest_ms {best[slowest] * 1000:.3f} {paths[slowest]}")
    return rate


def _in_child(work: Callable[[Any], Any], argument: Any) -> Any:
    """What a fresh process finds: its memory is its own, whatever was loaded here."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (argument,))


def _peak_of_files(paths: Sequence[Path]) -> float:
    """The most memory of a process that classifies the mails one after the other, in MB."""
    rules = shipped_rules()
    for path in paths:
        classify(path.read_bytes(), rules)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _slowest_hostile(_: None) -> tuple[float, str]:
    rules = shipped_rules()
    slowest = (0.0, "")
    for name, make in HOSTILE.items():
        raw = make()
        best = float("inf")
        for _again in range(2):
            start = time.perf_counter()
            classify(raw, rules)
            best = min(best, time.perf_counter() - start)
        slowest = max(slowest, (best * 1000, name))
    return slowest


def _peak_of_hostile(_: None) -> float:
    """As `_peak_of_files`. The mails are in files first, since making them takes more memory than reading them."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _in_grandchild(folder)
        return _peak_of_files(sorted(Path(folder).iterdir()))


def _in_grandchild(folder: str) -> None:
    child = os.fork()
    if child == 0:
        for place, make in enumerate(HOSTILE.values()):
            Path(folder, f"{place:03}").write_bytes(make())
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    sys.exit(main())
