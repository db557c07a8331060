"""Fills a simulator that runs elsewhere, and goes on doing so: what compose's profile `simulator` shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event

from services.demo.core.planting import MAILBOXES, PlannedMail, plan
from services.demo.handler.stage import announce, plant, set_up
from services.simulator.__main__ import RunningSimulator
from services.simulator.http.control_client import ControlClient, ControlRefused
from shared.domain.errors import ApiConnectError
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class Portions:
    """How many mails at first, and how many more each time, until there are `most` in all."""

    first: int
    more: int
    most: int


class Seeding:
    """Customers, keys, lists and mailboxes through `apply`, mails through the control API."""

    def __init__(self, http_url: str, https_url: str, database: Database, sealer: Sealer) -> None:
        self._simulator = RunningSimulator(http_url, https_url, Path(), lambda: None)
        self._control = ControlClient(http_url)
        self._database = database
        self._sealer = sealer
        self.planted = 0

    def seeded(self) -> bool:
        """Whether the simulator knows our mailboxes; one that was started again has forgotten them. Raises OSError."""
        known = {one["address"] for one in self._control.mailboxes()}
        return all(mailbox.address in known for mailbox in MAILBOXES)

    def begin(self, count: int, now: datetime) -> None:
        """The installation and the first mails. Raises OSError, ControlRefused, ApiConnectError."""
        mails = _fresh(count, now)
        # A simulator that was started again would give ids that the ledger knows: no real provider does.
        before = int(now.timestamp())
        set_up(self._simulator, self._database, self._sealer, mails, now, mails_before=before)
        self._plant(mails, now)

    def go_on(self, count: int, now: datetime) -> None:
        """More mails. Raises OSError, ControlRefused, ApiConnectError."""
        mails = _fresh(count, now)
        announce(self._database, self._sealer, mails, now)
        self._plant(mails, now)

    def _plant(self, mails: Sequence[PlannedMail], now: datetime) -> None:
        plant(self._simulator, mails, now, lambda _: None)
        self.planted += len(mails)
        log.info("seed.planted", mails=len(mails), in_all=self.planted)


def _fresh(count: int, now: datetime) -> list[PlannedMail]:
    """Mails and addresses that were never there before: the time is the seed."""
    tag = f"{int(now.timestamp()):x}"

    def renamed(addresses: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{tag}.{address}" for address in addresses)

    return [
        replace(mail, recipients=renamed(mail.recipients), failed=renamed(mail.failed))
        for mail in plan(int(now.timestamp()), count, now)
    ]


def keep_seeding(
    seeding: Seeding,
    portions: Portions,
    every_seconds: float,
    clock: Callable[[], datetime],
    stop: Event,
    seeded: Callable[[], None],
) -> None:
    """Seeds at once, then plants more at intervals, until `stop`. seeded: told each time the simulator is found full."""
    while not stop.is_set():
        now = clock()
        try:
            if not seeding.seeded():
                seeding.begin(portions.first, now)
            elif seeding.planted < portions.most and portions.more:
                seeding.go_on(portions.more, now)
            seeded()
        except (OSError, ControlRefused, ApiConnectError) as problem:
            log.warning("seed.postponed", error=f"{type(problem).__name__}: {problem}")
        stop.wait(every_seconds)
