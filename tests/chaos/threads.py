"""What goes on beside the kills: mails arrive, and somebody looks how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import IsolationLevel

from services.demo.core.planting import PlannedMail
from services.demo.handler.stage import plant
from services.simulator.__main__ import RunningSimulator
from shared.storage import bounce_log, demo_counts
from tests.chaos.scenario import Portion

_LOOK_SECONDS = 1.0


class Watcher:
    """Looks at the database now and then, in a thread of its own: it may be frozen."""

    def __init__(self, url: str, depths: Callable[[], Mapping[str, int]]) -> None:
        self._url = url
        self._depths = depths
        self._stop = threading.Event()
        self.progress: demo_counts.Progress | None = None
        self.busy = "not looked at yet"
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                with psycopg.connect(self._url, connect_timeout=5) as connection:
                    connection.isolation_level = IsolationLevel.REPEATABLE_READ  # all of it as it was at one moment
                    self.progress = demo_counts.progress(connection)
                    row = connection.execute(
                        "select (select count(*) from outbox),"
                        " (select count(*) from mailboxes where lease_holder is not null),"
                        " (select count(*) from budget_slots where expires_at > now()),"
                        " (select count(*) from sends where state not in ('sent', 'failed', 'cancelled'))"
                    ).fetchone()
                    # A report that came before its send was known: the scheduler ties it within a minute.
                    to_tie = bounce_log.newly_known(connection, timedelta(days=1), 1_000)
                work = (*(row or ()), len(to_tie))
                waiting = {name: count for name, count in self._depths().items() if count}
                self.busy = f"outbox, leases, slots, sends, to tie: {work}; {waiting}" if waiting or any(work) else ""
            except (psycopg.Error, OSError) as problem:
                self.busy = f"{type(problem).__name__}: {problem}"


class Planter:
    """Plants the portions, each when its time has come. ids: the simulator's id of each planted number."""

    def __init__(
        self,
        simulator: RunningSimulator,
        mails: Sequence[PlannedMail],
        portions: Sequence[Portion],
        clock: Callable[[], float],
    ) -> None:
        self.ids: dict[int, str] = {}
        self.problem: Exception | None = None
        self._simulator, self._mails, self._portions, self._clock = simulator, mails, portions, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="planter")
        self._thread.start()

    def busy(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Plants no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for portion in self._portions:
                if self._stop.wait(max(0.0, portion.at - self._clock())):
                    return
                some = self._mails[portion.first : portion.to]
                self.ids |= plant(self._simulator, some, datetime.now(UTC), lambda _: None)
        except Exception as problem:  # noqa: BLE001 - raised again by the run, which must end its processes first
            self.problem = problem
