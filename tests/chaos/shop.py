"""A program outside that sends through its queue with clients/python: it does what docs/integrations.md asks of one, and no more."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from apiconnect_client import ApiConnectError, Client, Result, UnreadableResult

from tests.chaos.planned import PlannedSend

NAME = "shop"
_TRY_AGAIN_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 6.0

logging.getLogger("pika").setLevel(
    logging.CRITICAL
)  # it says at length that there is no broker, which is the point here


class Shop:
    """Publishes until it has an answer to each request, and counts the results that it reads. Two threads."""

    def __init__(self, url: str, sends: Sequence[PlannedSend], clock: Callable[[], float]) -> None:
        self._url, self._sends, self._clock = url, sends, clock
        self._stop, self._no_more_faults = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._answered: set[str] = set()
        self._refused: set[str] = set()
        self.results: dict[str, set[str]] = {}
        self.counts: Counter[str] = Counter()
        self.problem: Exception | None = None
        self._threads = [threading.Thread(target=self._kept, args=(work,)) for work in (self._publish, self._read)]
        for thread in self._threads:
            thread.start()

    def ask_again(self) -> None:
        """The faults are over: whatever has no answer was lost with the broker's volume, so it is published again."""
        self._no_more_faults.set()

    def waiting(self) -> int:
        """Requests and rivals that have no answer yet."""
        return len(self.missing()) + len(self._unrefused())

    def close(self) -> None:
        """Ends both threads."""
        self._stop.set()
        self._no_more_faults.set()
        for thread in self._threads:
            thread.join()

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as problem:  # noqa: BLE001 - raised again by the run
            self.problem = problem

    def missing(self) -> list[PlannedSend]:
        """Requests that have no answer yet."""
        with self._lock:
            return [one for one in self._sends if one.key not in self._answered]

    def _unrefused(self) -> list[PlannedSend]:
        with self._lock:
            return [one for one in self._sends if one.conflicts and one.key not in self._refused]

    # Publishing --------------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        with Client(self._url, patience=_PATIENCE_SECONDS) as client:
            self._as_planned(client)
            self._no_more_faults.wait()
            while not self._stop.wait(_ASK_AGAIN_SECONDS):
                for one in self.missing():
                    self._ask(client, one.request(), "published again for want of an answer")
                self._rivals(client, self._unrefused())

    def _as_planned(self, client: Client) -> None:
        moments = [(one.at, one) for one in self._sends]
        moments += [(one.twice_at, one) for one in self._sends if one.twice_at is not None]
        tried: set[str] = set()
        for at, one in sorted(moments, key=lambda pair: (pair[0], pair[1].key)):
            if self._stop.wait(max(0.0, at - self._clock())):
                return
            self._ask(client, one.request(), "published")
            tried |= self._rivals(client, [other for other in self._unrefused() if other.key not in tried])

    def _rivals(self, client: Client, those: Sequence[PlannedSend]) -> set[str]:
        """Other content under keys that are known to be there: before that, it would itself be the first."""
        there = [one for one in those if one.key in self._answered]
        for one in there:
            self._ask(client, one.conflicting(), "other content under a known key")
        return {one.key for one in there}

    def _ask(self, client: Client, request: dict[str, Any], what: str) -> None:
        """Until the broker has confirmed it."""
        while not self._stop.is_set():
            try:
                client.send(request)
                self.counts[what] += 1
                return
            except ApiConnectError as problem:
                self.counts[f"not confirmed at first: {type(problem).__name__}"] += 1
                self._stop.wait(_TRY_AGAIN_SECONDS)

    # Reading -----------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        with Client(self._url, patience=_PATIENCE_SECONDS) as client:
            while not self._stop.is_set():
                try:
                    for result in client.results(idle_timeout=1.0):
                        self._take(result)
                        result.ack()
                        if self._stop.is_set():
                            break
                except UnreadableResult:
                    raise
                except ApiConnectError:  # no broker, or none yet that knows us
                    self._stop.wait(_TRY_AGAIN_SECONDS)

    def _take(self, result: Result) -> None:
        with self._lock:
            if result.event_id in self._seen:
                self.counts["results that came again"] += 1
                return
            self._seen.add(result.event_id)
            reason = f" ({result.reason})" if result.state == "rejected" else ""
            self.counts[f"results {result.state}{reason}"] += 1
            if result.state == "rejected":
                if result.reason == "idempotency_conflict":
                    self._refused.add(result.idempotency_key)
                return
            self._answered.add(result.idempotency_key)
            self.results.setdefault(result.state, set()).add(result.idempotency_key)
