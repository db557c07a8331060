"""Takes batches of work and does several of them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from shared.telemetry import log

_IDLE_SECONDS = 1.0

Item = TypeVar("Item")


class BatchPool(Generic[Item]):
    """A batch is taken only when a thread is free for it: what is not taken is another sender's to take.

    take: the next batch, empty if there is none. work: does one. failed: the name of the log line for an error that `work`
    does not handle itself.
    """

    def __init__(
        self,
        name: str,
        at_once: int,
        take: Callable[[], Sequence[Item]],
        work: Callable[[Sequence[Item], threading.Event], None],
        *,
        failed: str,
    ) -> None:
        self._name, self._at_once = name, at_once
        self._take, self._work, self._failed = take, work, failed
        self._free = threading.Semaphore(at_once)

    def run(self, stop: threading.Event) -> None:
        """Takes and works until `stop` is set."""
        with ThreadPoolExecutor(self._at_once, thread_name_prefix=self._name) as executor:
            while not stop.is_set():
                if not self._free.acquire(timeout=_IDLE_SECONDS):
                    continue
                batch = self._take()
                if not batch:
                    self._free.release()
                    stop.wait(_IDLE_SECONDS)
                    continue
                executor.submit(self._work, batch, stop).add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self._free.release()
        if error := future.exception():
            log.error(self._failed, error=str(error), exc_info=error)
