"""Hands out the work: claims for one server after the other, and gives each claim to a thread of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from services.sender.handler.delivering.calls import CALLS_AT_ONCE
from services.sender.handler.delivering.claiming import Claim, claim_next
from services.sender.handler.delivering.rounds import Round
from services.sender.handler.delivering.works import Works
from shared.domain.errors import BrokerOrDatabaseDown
from shared.storage import send_servers
from shared.storage.send_wakes import listen
from shared.telemetry import log

_IDLE_SECONDS = 1.0
_OUTAGE_SECONDS = 1.0


class Dispatching:
    """The claims of one sender. A server is in hand once here, so that its mails leave in the order of its line."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._in_hand: set[int] = set()
        self._lock = threading.Lock()
        self._changed = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Claims until `stop` is set, then waits for the rounds that are under way."""
        database = self._works.units.database
        listener = threading.Thread(target=partial(listen, database, self._changed.set, stop), name="send-wakes")
        listener.start()
        most = self._works.settings.servers_at_once
        with (
            ThreadPoolExecutor(most, thread_name_prefix="send-round") as rounds,
            ThreadPoolExecutor((CALLS_AT_ONCE - 1) * most, thread_name_prefix="send-call") as calls,
        ):
            while not stop.is_set():
                self._changed.clear()
                if not self._claim(rounds, calls, stop):
                    self._changed.wait(self._pause())
        listener.join()

    def _claim(self, rounds: ThreadPoolExecutor, calls: ThreadPoolExecutor, stop: threading.Event) -> bool:
        """Whether to look again at once."""
        with self._lock:
            busy = list(self._in_hand)
        if len(busy) >= self._works.settings.servers_at_once:
            return False
        try:
            claim = claim_next(self._works, busy)
        except BrokerOrDatabaseDown as down:
            log.warning("sends.not_claimed", error=str(down))
            stop.wait(_OUTAGE_SECONDS)
            return True
        if claim is None:
            return False
        if claim.send_ids:
            with self._lock:
                self._in_hand.add(claim.server.server_id)
            rounds.submit(self._round, claim, calls, stop)
        return not claim.missed

    def _round(self, claim: Claim, calls: ThreadPoolExecutor, stop: threading.Event) -> None:
        try:
            Round(self._works, claim, calls, stop).run()
        except Exception:  # noqa: BLE001 - a bug in one round must not end the others; its leases end
            log.exception("sends.round_failed", server=claim.server.uid)
        finally:
            self._works.in_hand.drop(claim.send_ids, claim.holder)
            with self._lock:
                self._in_hand.discard(claim.server.server_id)
            self._changed.set()

    def _pause(self) -> float:
        """Seconds until there may be something to do; a wake or a finished round ends it early."""
        with self._lock:
            busy = list(self._in_hand)
        if len(busy) >= self._works.settings.servers_at_once:
            return _IDLE_SECONDS
        try:
            with self._works.units.database.transaction() as connection:
                return send_servers.seconds_until_free(connection, busy, _IDLE_SECONDS)
        except BrokerOrDatabaseDown:
            return _IDLE_SECONDS
