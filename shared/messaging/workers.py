"""Threads that work while another thread drains the broker. They never touch the broker's consuming connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers(Generic[Job, Result]):
    """`count` threads that run `work`. Daemons: a provider call that hangs must not keep a stopping process alive."""

    def __init__(self, count: int, work: Callable[[Job], Result], name: str) -> None:
        self.count = count
        self._work = work
        self._jobs: SimpleQueue[tuple[Job] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Job, Result | BaseException]] = SimpleQueue()
        self._in_hand: dict[int, Job] = {}
        for number in range(count):
            threading.Thread(target=self._loop, name=f"{name}-{number}", daemon=True).start()

    @property
    def idle(self) -> int:
        """How many more jobs can start at once."""
        return self.count - len(self._in_hand)

    @property
    def in_hand(self) -> list[Job]:
        """Jobs submitted and not yet taken back by finished()."""
        return list(self._in_hand.values())

    def submit(self, job: Job) -> None:
        """Hands over one job."""
        self._in_hand[id(job)] = job
        self._jobs.put((job,))

    def finished(self, wait_seconds: float = 0.0) -> list[Result]:
        """Results so far; waits for the first up to `wait_seconds`. Raises what `work` raised."""
        results: list[Result] = []
        try:
            while True:
                if wait_seconds > 0 and not results:
                    job, result = self._results.get(timeout=wait_seconds)
                else:
                    job, result = self._results.get_nowait()
                del self._in_hand[id(job)]
                if isinstance(result, BaseException):
                    raise result
                results.append(result)
        except Empty:
            return results

    def close(self) -> None:
        """Ends the threads that are idle now, and the others when their job ends. Does not wait."""
        for _ in range(self.count):
            self._jobs.put(None)

    def _loop(self) -> None:
        while (item := self._jobs.get()) is not None:
            job = item[0]
            try:
                self._results.put((job, self._work(job)))
            except BaseException as error:  # noqa: BLE001 - raised again where the result is taken
                self._results.put((job, error))
