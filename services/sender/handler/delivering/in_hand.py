"""What this sender has in hand, and the leases on it: renewed by a thread of its own, and counted on only while that works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import count

from shared.domain.errors import BrokerOrDatabaseDown
from shared.storage.database import Connection, Database
from shared.telemetry import log

_RENEWALS = 4  # in the time of one lease
_MARGIN = 0.25  # of a lease: no call begins that late


Renew = Callable[[Connection, Sequence[tuple[int, str]], timedelta], Sequence[tuple[int, str]]]
"""Lets what each holder has in hand stay so for that long from now, and returns what was kept: pairs (send, holder)."""


class InHand:
    """The sends that are claimed, being sent, or looked for here. A runner too: `run` renews their leases.

    Each claim has a holder's name of its own: what an earlier claim of the same send still wants to write or call must not pass
    for the later one's, though both are this process's.
    """

    def __init__(self, database: Database, sender: str, lease: timedelta, renew: Renew) -> None:
        """sender: names this process's part, and no other one before or after it."""
        self.lease = lease
        self._renew_in = renew
        self._sender = sender
        self._numbers = count(1)
        self._database = database
        self._until: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()

    def new_holder(self) -> str:
        """A name for one claim, or one batch of looks."""
        with self._lock:
            return f"{self._sender}/{next(self._numbers)}"

    def add(self, send_ids: Iterable[int], holder: str, taken_at: float) -> None:
        """Claimed by a transaction that began at `taken_at` (time.monotonic)."""
        with self._lock:
            self._until.update({(send_id, holder): taken_at + self.lease.total_seconds() for send_id in send_ids})

    def drop(self, send_ids: Iterable[int], holder: str) -> None:
        """Settled, given back, or lost."""
        with self._lock:
            for send_id in send_ids:
                self._until.pop((send_id, holder), None)

    def safe(self, send_id: int, holder: str) -> bool:
        """Whether a call may begin: nobody else can have taken the send by the time that it has left our hands.

        A process that was frozen, or cut off from the database, finds this false, and must not call.
        """
        with self._lock:
            until = self._until.get((send_id, holder), 0.0)
        return time.monotonic() < until - _MARGIN * self.lease.total_seconds()

    def run(self, stop: threading.Event) -> None:
        """Renews until `stop` is set and nothing is in hand any more."""
        while True:
            stop.wait(self.lease.total_seconds() / _RENEWALS)
            if stop.is_set() and not self._until:
                return
            self._renew()
            if stop.is_set():
                threading.Event().wait(0.2)  # calls in hand are ending

    def _renew(self) -> None:
        with self._lock:
            held = list(self._until)
        if not held:
            return
        began = time.monotonic()
        try:
            with self._database.transaction() as connection:
                kept = self._renew_in(connection, held, self.lease)
        except BrokerOrDatabaseDown as down:
            log.warning("sends.leases_not_renewed", sends=len(held), error=str(down))
            return
        with self._lock:
            for one in kept:
                if one in self._until:
                    self._until[one] = began + self.lease.total_seconds()
