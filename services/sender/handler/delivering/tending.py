"""Tends what waits: finds what dead senders left, ends what has expired, tells once who waits for what, and moves what may move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from services.sender.handler.delivering.results import tell
from services.sender.handler.delivering.works import Works
from shared.domain.errors import BrokerOrDatabaseDown
from shared.domain.sending import Reason, SendState
from shared.storage import send_claims, send_outcomes, send_servers, send_waits
from shared.storage.send_servers import Stopped
from shared.storage.send_wakes import wake
from shared.telemetry import SENDS, log

_EVERY_SECONDS = 1.0
_MANY = 200
_SERVERS = 1_000
_TOLD_AGAIN_SECONDS = 3.0  # all that wait at a server are read through for those that were not told yet


class Tending:
    """Small units, once a second. Several senders do it at once: each skips what another has locked."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._told: dict[
            int, tuple[Reason, float]
        ] = {}  # server -> why its sends wait, and when all of them were told so

    def run(self, stop: threading.Event) -> None:
        """Tends until `stop` is set."""
        while not stop.wait(_EVERY_SECONDS):
            try:
                self._again(self._recover, stop)
                self._again(self._expire, stop)
                self._stopped_servers(stop)
            except BrokerOrDatabaseDown as down:
                log.warning("sends.not_tended", error=str(down))

    @staticmethod
    def _again(job: Callable[[], int], stop: threading.Event) -> None:
        while job() == _MANY and not stop.is_set():
            pass

    def _recover(self) -> int:
        with self._works.units.begin() as unit:
            left = send_claims.recover(unit.connection, self._works.settings.looks[0], _MANY)
            send_outcomes.note(
                unit.connection,
                [(one, SendState.ACCEPTED, None, "its sender is gone; it was not called") for one in left.unsent]
                + [(one, SendState.UNKNOWN, Reason.LEASE_ENDED, "") for one in left.unknown],
            )
            tell(unit, left.unknown)
        if left.unsent or left.unknown:
            log.warning("sends.recovered", not_called=len(left.unsent), unknown=len(left.unknown))
        return len(left.unsent) + len(left.unknown)

    def _expire(self) -> int:
        with self._works.units.begin() as unit:
            over = send_waits.expire(unit.connection, _MANY)
            send_outcomes.note(unit.connection, [(one, SendState.FAILED, Reason.EXPIRED, "") for one in over])
            tell(unit, over)
        if over:
            SENDS.labels("", SendState.FAILED, Reason.EXPIRED).inc(len(over))
        return len(over)

    def _stopped_servers(self, stop: threading.Event) -> None:
        with self._works.units.database.transaction() as connection:
            stopped = send_servers.stopped(connection, self._works.settings.tell_after, _SERVERS)
        for server in stopped:
            if stop.is_set():
                return
            reason, at = self._told.get(server.server_id, (None, 0.0))
            if reason is not server.reason or time.monotonic() > at + _TOLD_AGAIN_SECONDS:
                self._stopped_server(server)

    def _stopped_server(self, server: Stopped) -> None:
        """What may leave through another server does so; the rest is told once why it waits."""
        self._told.pop(server.server_id, None)
        with self._works.units.begin() as unit:
            moved = send_waits.move(unit.connection, server.server_id, _MANY)
            send_outcomes.note(
                unit.connection,
                [
                    (one.send_id, SendState.ACCEPTED, server.reason, f"{one.before} can't send; {one.after} takes over")
                    for one in moved
                ],
            )
            if moved:
                wake(unit.connection)
            waiting = send_waits.defer(unit.connection, server, _MANY)
            send_outcomes.note(
                unit.connection, [(one, SendState.DEFERRED, server.reason, server.detail) for one in waiting]
            )
            tell(unit, waiting, until=server.until, held=server.until is None)
        if len(waiting) < _MANY:
            self._told[server.server_id] = (server.reason, time.monotonic())
