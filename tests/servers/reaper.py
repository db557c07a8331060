"""Ends the servers of a test run that was itself killed. Run as a script, standard library only.

It reads lines from standard input, `+group PID`, `-group PID`, `+folder PATH`, `-folder PATH`, and keeps the set. When the writer
is gone, however it went, the input ends: whatever is still in the set is killed and removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    """Reads until the end of the input, then cleans up."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    held: set[tuple[str, str]] = set()
    for line in sys.stdin:
        what, _, value = line.strip().partition(" ")
        if what.startswith("+"):
            held.add((what[1:], value))
        else:
            held.discard((what[1:], value))
    for kind, value in sorted(held, reverse=True):  # groups before folders
        if kind == "group":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(value), signal.SIGKILL)
    for kind, value in held:
        if kind == "folder":
            shutil.rmtree(value, ignore_errors=True)


if __name__ == "__main__":
    main()
