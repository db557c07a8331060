"""Handles `mailbox.poll`. Repeatable without an inbox: the lease lets one process in, the ledger and the stages do the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta

from services.fetcher.handler.leases import LENGTH, Lease, Leases
from services.fetcher.handler.poll import Counts, Poll
from services.fetcher.settings import FetcherSettings
from shared.contracts.commands import PollMailbox
from shared.domain.errors import (
    BrokerOrDatabaseDown,
    CredentialsRejected,
    LeaseLost,
    Permanent,
    Temporary,
    Throttled,
)
from shared.domain.mailboxes import Capability, Disposal, MailboxId
from shared.mailbox_access import MailboxAccess
from shared.messaging.received import Received
from shared.messaging.unit import UnitFactory
from shared.storage import api_keys, mailboxes
from shared.storage.mailboxes import MailboxRecord, PollEnd
from shared.storage.sealing import Sealer
from shared.telemetry import POLLS, log

_RETRY_BROKEN = timedelta(hours=1)
_RETRY_UNAVAILABLE = timedelta(seconds=60)
_RETRY_THROTTLED = timedelta(seconds=30)


class PollMailboxHandler:
    """Polls mailboxes, many at once."""

    message = PollMailbox

    def __init__(
        self,
        units: UnitFactory,
        access: MailboxAccess,
        sealer: Sealer,
        leases: Leases,
        settings: FetcherSettings,
        holder: str,
        jitter: Callable[[], float],
    ) -> None:
        """jitter: a number in [0, 1) each time; spreads polls so that they do not come all at once."""
        self._units = units
        self._access = access
        self._sealer = sealer
        self._leases = leases
        self._settings = settings
        self._holder = holder
        self._jitter = jitter
        self._executor = ThreadPoolExecutor(max_workers=4 * settings.mailboxes_at_once, thread_name_prefix="fetch")
        self.stopping: Callable[[], bool] = lambda: False

    def close(self) -> None:
        """Ends the fetching threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def handle(self, received: Received[PollMailbox]) -> None:
        """One poll, if this process gets the lease and the mailbox is still due."""
        mailbox_id = MailboxId(received.body.mailbox_id)
        with self._units.database.transaction() as connection:
            epoch = mailboxes.take_lease(connection, mailbox_id, self._holder, LENGTH)
            record = mailboxes.load(connection, mailbox_id) if epoch is not None else None
            if epoch is None:
                mailboxes.answer_request(connection, mailbox_id)
        if epoch is None or record is None:
            log.info("poll.not_due", mailbox_id=mailbox_id)
            return
        with self._leases.hold(mailbox_id, epoch) as lease:
            try:
                end = self._poll(record, lease)
            except LeaseLost:
                POLLS.labels(record.provider, "lease_lost").inc()
                log.warning("poll.lease_lost", mailbox=record.email)
                return
            self._finish(record, lease, end)

    def _finish(self, record: MailboxRecord, lease: Lease, end: PollEnd) -> None:
        with self._units.database.transaction() as connection:
            mailboxes.finish_poll(connection, record.mailbox_id, lease.epoch, end)

    def _poll(self, record: MailboxRecord, lease: Lease) -> PollEnd:
        """Runs the poll; says from the type of a failure when the next one makes sense."""
        started = time.monotonic()
        counts = Counts()
        try:
            with self._access.open(record.api_key_id, record.email, _wanted(record)) as opened:
                poll = Poll(
                    record,
                    opened,
                    lease,
                    self._units,
                    self._sealer,
                    self._settings,
                    self._executor,
                    self.stopping,
                    counts,
                )
                poll.run()
        except (LeaseLost, BrokerOrDatabaseDown):
            raise
        except Throttled as error:
            wait = timedelta(seconds=error.retry_after) if error.retry_after is not None else _RETRY_THROTTLED
            return self._ended(record, counts, started, "throttled", wait, str(error), throttled=wait)
        except Temporary as error:
            return self._ended(record, counts, started, "unavailable", _RETRY_UNAVAILABLE, str(error))
        except Permanent as error:
            self._broken(record, error)
            return self._ended(record, counts, started, "failed", _RETRY_BROKEN, str(error))
        except Exception:
            self._finish(record, lease, self._ended(record, counts, started, "bug", _RETRY_UNAVAILABLE, "see the log"))
            raise
        self._works(record)
        return self._ended(record, counts, started, "done", poll.pause_until_next(), "")

    def _ended(
        self,
        record: MailboxRecord,
        counts: Counts,
        started: float,
        result: str,
        wait: timedelta | None,
        error: str,
        *,
        throttled: timedelta | None = None,
    ) -> PollEnd:
        counts.seconds = time.monotonic() - started
        POLLS.labels(record.provider, result).inc()
        log.info("poll.ended", mailbox=record.email, result=result, error=error, **counts.as_json())
        spread = wait * (1 + 0.1 * self._jitter()) if wait else None
        return PollEnd(
            spread,
            {"result": result, "error": error, **counts.as_json()},
            tidied=counts.disposed > 0,
            throttled_for=throttled,
        )

    def _broken(self, record: MailboxRecord, error: Permanent) -> None:
        """A person has to do something: say what, on the mailbox and, if it is the key's fault, on the key."""
        log.warning("mailbox.not_connected", mailbox=record.email, **asdict(error.diagnosis))
        with self._units.database.transaction() as connection:
            mailboxes.not_connected(connection, record.mailbox_id, error.diagnosis)
            if isinstance(error, CredentialsRejected):
                api_keys.refused(connection, record.api_key_id, error.diagnosis, _RETRY_BROKEN)

    def _works(self, record: MailboxRecord) -> None:
        with self._units.database.transaction() as connection:
            api_keys.accepted(connection, record.api_key_id)


def _wanted(record: MailboxRecord) -> Capability:
    """The widest thing that this mailbox's watchers want done."""
    choices = {w.disposal for w in record.watchers if not w.dry_run}
    if Disposal.DELETE in choices:
        return Capability.DELETE
    return Capability.MODIFY if choices - {Disposal.LEAVE} else Capability.READ
