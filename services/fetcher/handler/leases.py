"""Poll leases of this process: taken for 60 seconds, renewed every 15 by one thread, fenced by an epoch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from shared.domain.errors import BrokerOrDatabaseDown, LeaseLost
from shared.domain.mailboxes import MailboxId
from shared.storage import mailboxes
from shared.storage.database import Connection, Database
from shared.telemetry import log

LENGTH = timedelta(seconds=60)
_RENEW_SECONDS = 15.0


class Lease:
    """The right to poll one mailbox. `check` is the fence in front of each write."""

    def __init__(self, mailbox_id: MailboxId, epoch: int) -> None:
        self.mailbox_id = mailbox_id
        self.epoch = epoch
        self.taken_at = time.monotonic()
        self.lost = threading.Event()

    def check(self, connection: Connection) -> None:
        """Raises LeaseLost unless it is still ours; keeps it so until the transaction ends."""
        if self.lost.is_set():
            raise LeaseLost(f"mailbox {self.mailbox_id}: the lease was lost")
        mailboxes.hold_lease(connection, self.mailbox_id, self.epoch)


class Leases:
    """All leases that this process holds. Also a runner: `run` renews them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[MailboxId, Lease] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, mailbox_id: MailboxId, epoch: int) -> Iterator[Lease]:
        """Keeps a lease alive while the block runs."""
        lease = Lease(mailbox_id, epoch)
        with self._lock:
            self._held[mailbox_id] = lease
        try:
            yield lease
        finally:
            with self._lock:
                if self._held.get(mailbox_id) is lease:
                    del self._held[mailbox_id]

    def oldest_seconds(self) -> float:
        """How long the lease that was taken first has been held; 0 if none is."""
        with self._lock:
            return max((time.monotonic() - lease.taken_at for lease in self._held.values()), default=0.0)

    def run(self, stop: threading.Event) -> None:
        """Renews until `stop` is set and nothing is held any more."""
        while not (stop.wait(_RENEW_SECONDS) and not self._held):
            self._renew()
            if stop.is_set():
                threading.Event().wait(0.2)  # polls in hand are ending

    def _renew(self) -> None:
        with self._lock:
            held = list(self._held.values())
        for lease in held:
            try:
                with self._database.transaction() as connection:
                    kept = mailboxes.renew_lease(connection, lease.mailbox_id, lease.epoch, LENGTH)
            except BrokerOrDatabaseDown as down:
                log.warning("lease.not_renewed", mailbox_id=lease.mailbox_id, error=str(down))
                continue
            if not kept:
                lease.lost.set()
                log.warning("lease.lost", mailbox_id=lease.mailbox_id)
