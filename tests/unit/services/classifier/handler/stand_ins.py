"""Classifiers that misbehave, for the watchdog to deal with. Child processes import them by path."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from shared.domain.bounces import BounceClass, MailFinding, MailKind


def _finding(note: str) -> MailFinding:
    return MailFinding(BounceClass.HARD, MailKind.DSN, "test", note=note)


def misbehaving(own: tuple[tuple[str, str], ...] = ()) -> tuple[Callable[[bytes], MailFinding], str]:
    """`hang` never ends, `die` ends the process, `once PATH` ends it the first time; all else is echoed with the
    pid."""

    def classify(raw: bytes) -> MailFinding:
        word, _, rest = raw.decode().partition(" ")
        if word == "hang":
            while True:
                time.monotonic()
        if word == "die" or (word == "once" and not Path(rest).exists()):
            Path(rest).touch() if rest else None
            os._exit(9)
        return _finding(f"{raw.decode()} {os.getpid()}")

    return classify, "test"


def unusable(own: tuple[tuple[str, str], ...]) -> tuple[Callable[[bytes], MailFinding], str]:
    """Ends the child before it is ready."""
    os._exit(3)
