"""One poll of one mailbox: tidy, list, fetch in rounds, until there is nothing left or its time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.fetcher.core.disposing import way
from services.fetcher.core.listing import folders, list_since, sweep_is_due
from services.fetcher.handler.fetching import UNAVAILABLE_IN_A_ROW, Round, fetch_round
from services.fetcher.handler.leases import Lease
from services.fetcher.settings import FetcherSettings
from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.errors import ApiConnectError, Permanent, ProviderUnavailable
from shared.domain.mailboxes import Disposal, MailId
from shared.mailbox_access import OpenMailbox
from shared.messaging.unit import UnitFactory
from shared.storage import fetched_mail, mailboxes
from shared.storage.fetched_mail import DueDisposal
from shared.storage.mailboxes import MailboxRecord
from shared.storage.sealing import Sealer
from shared.telemetry import MAILS_DISPOSED, MAILS_FETCHED, log

_LIST_PAGE = 1_000  # the most that Graph gives; Gmail cuts it to its own 500
_REQUESTS_AT_ONCE = 4
_TIDY_LIMIT = 1_000
# Tidying between two rounds pays once a provider's batch is worth its price; the start and the end of a poll tidy anything.
_TIDY_BETWEEN = 60
_LINGER_FOR = 500


@dataclass
class Counts:
    """What a poll did; shown to operators as the mailbox's last poll."""

    listed: int = 0
    new: int = 0
    fetched: int = 0
    gone: int = 0
    failed: int = 0
    disposed: int = 0
    kept: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the mailbox's row."""
        return {**self.__dict__, "seconds": round(self.seconds, 2)}


@dataclass
class Poll:
    """The work on one mailbox under one lease. `more`: its time was over before its work was."""

    record: MailboxRecord
    opened: OpenMailbox
    lease: Lease
    units: UnitFactory
    sealer: Sealer
    settings: FetcherSettings
    executor: Executor
    stopping: Callable[[], bool]
    counts: Counts = field(default_factory=Counts)
    more: bool = False
    held_back: bool = False
    swept: bool = False
    fresh: list[MailId] = field(default_factory=list)

    def run(self) -> None:
        """Raises what the provider or the lease raises; what was done until then is committed."""
        ends_at = time.monotonic() + self.settings.poll_seconds
        self._tidy(minimum=1)
        self._list()
        while self._has_time(ends_at):
            fetched = self._fetch()
            self._tidy(minimum=min(_TIDY_BETWEEN, self.opened.record.batch_sizes.get(Disposal.TRASH, _TIDY_BETWEEN)))
            if not fetched:
                break
        self._linger()
        self._tidy(minimum=1)

    def _has_time(self, ends_at: float) -> bool:
        over = time.monotonic() >= ends_at or self.stopping() or self.counts.fetched >= self.settings.mails_per_poll
        self.more = over
        return not over

    def _linger(self) -> None:
        """Waits a moment for what this poll fetched: tidied now, it does not cost another poll a minute later."""
        ends_at = time.monotonic() + self.settings.linger_seconds
        while self.fresh and not (self.more or self.stopping()) and time.monotonic() < ends_at:
            with self.units.database.transaction() as connection:
                if not fetched_mail.any_on_its_way(connection, self.fresh[-_LINGER_FOR:]):
                    return
            time.sleep(0.1)

    def _list(self) -> None:
        """Enters the ids of unread mail in the ledger, page by page; a page that is entered is not lost."""
        now = datetime.fromtimestamp(time.time(), UTC)
        sweep = sweep_is_due(self.record.swept_at, now)
        wanted = folders(self.record.watchers)
        for folder in wanted:
            since = list_since(folder, self.record.listed_to, self.record.watchers, sweep=sweep)
            page: str | None = None
            while True:
                found = self.opened.mailbox.list_unread(folder, since=since, page=page, page_size=_LIST_PAGE)
                self.counts.listed += len(found.mails)
                if found.mails:
                    with self.units.database.transaction() as connection:
                        self.lease.check(connection)
                        self.counts.new += fetched_mail.record_listed(connection, self.record.mailbox_id, found.mails)
                page = found.next
                if page is None:
                    break
        with self.units.database.transaction() as connection:
            self.lease.check(connection)
            mailboxes.note_listed(connection, self.record.mailbox_id, dict.fromkeys(wanted, now), swept=sweep)
            mailboxes.connected(connection, self.record.mailbox_id)
        self.swept = sweep

    def _fetch(self) -> int:
        """One round: fetch, store sealed, publish. Returns how many mails it settled; 0 ends the poll."""
        with self.units.database.transaction() as connection:
            waiting, size = fetched_mail.unclassified(connection)
            if waiting >= self.settings.waiting_mails_max or size >= self.settings.waiting_bytes_max:
                self.held_back = True
                return 0
            mails = fetched_mail.next_listed(connection, self.record.mailbox_id, self.settings.mails_per_round)
        if not mails:
            return 0
        done = fetch_round(self.opened.mailbox, mails, self.executor, _REQUESTS_AT_ONCE, self.settings.mail_max_bytes)
        self._store(done)
        if done.stopped_by is not None:
            raise done.stopped_by
        return len(done.fetched) + len(done.gone) + len(done.failed)

    def _store(self, done: Round) -> None:
        now = datetime.fromtimestamp(time.time(), UTC)
        with self.units.begin() as unit:
            self.lease.check(unit.connection)
            if done.gone:
                fetched_mail.gone(unit.connection, done.gone)
            for mail_id, note in done.failed:
                fetched_mail.fetch_failed(unit.connection, [mail_id], note)
            stored = (
                fetched_mail.store_fetched(unit.connection, self.sealer, now.date(), done.fetched)
                if done.fetched
                else []
            )
            for mail in stored:
                unit.publish(
                    MailFetched(mail_id=mail.mail_id),
                    message_id=mail_message_id(MailFetched.type, mail.mail_id, mail.generation),
                    correlation_id=mail.correlation_id,
                    occurred_at=now,
                )
        self.fresh += [mail.mail_id for mail in stored]
        self.counts.fetched += len(stored)
        self.counts.gone += len(done.gone)
        self.counts.failed += len(done.failed)
        MAILS_FETCHED.labels(self.record.provider).inc(len(stored))

    def _tidy(self, minimum: int) -> None:
        """Disposes of what is done with, if it is at least `minimum` mails. Only mail whose consequence is committed is."""
        with self.units.database.transaction() as connection:
            due = fetched_mail.due_disposals(connection, self.record.mailbox_id, _TIDY_LIMIT)
        if len(due) < minimum:
            return
        groups: dict[tuple[Disposal, str | None], list[DueDisposal]] = {}
        for mail in due:
            groups.setdefault((mail.disposal, mail.move_to), []).append(mail)
        for (disposal, move_to), mails in groups.items():
            self._dispose(disposal, move_to, mails)

    def _dispose(self, disposal: Disposal, move_to: str | None, mails: Sequence[DueDisposal]) -> None:
        chosen = way(disposal, self.opened.granted, self.record.provider)
        if chosen.disposal is None:
            self._keep([(mail, chosen.note) for mail in mails])
            return
        with self.units.database.transaction() as connection:
            self.lease.check(connection)  # nobody else removes these meanwhile, or it would be logged twice
        outcomes = self.opened.mailbox.dispose(
            chosen.disposal, [mail.provider_mail_id for mail in mails], move_to=move_to
        )
        done = [mail for mail in mails if outcomes.get(mail.provider_mail_id, _UNTRIED) is None]
        with self.units.database.transaction() as connection:
            fetched_mail.disposed(connection, [mail.mail_id for mail in done], chosen.note)
        self.counts.disposed += len(done)
        MAILS_DISPOSED.labels(self.record.provider, chosen.disposal).inc(len(done))
        settled = {mail.mail_id for mail in done}
        errors = [
            (mail, outcomes.get(mail.provider_mail_id, _UNTRIED)) for mail in mails if mail.mail_id not in settled
        ]
        self._keep(
            [(mail, f"{error.diagnosis.code}: {error}") for mail, error in errors if isinstance(error, Permanent)]
        )
        passing = [error for _, error in errors if not isinstance(error, Permanent)]
        if passing:
            log.info("mails.not_disposed_yet", mailbox=self.record.email, mails=len(passing), error=str(passing[0]))
            self._raise_unless_of_single_mails([error or _UNTRIED for error in passing], any_done=bool(done))

    def _raise_unless_of_single_mails(self, errors: Sequence[ApiConnectError], *, any_done: bool) -> None:
        """A few mails that a batch refuses stay due and hold nobody up; a throttle, or nothing done at all, ends the poll."""
        for error in errors:
            if not isinstance(error, ProviderUnavailable):
                raise error
        if not any_done and len(errors) >= UNAVAILABLE_IN_A_ROW:
            raise errors[0]

    def _keep(self, mails: Sequence[tuple[DueDisposal, str]]) -> None:
        """These stay in the mailbox; the note says why."""
        if not mails:
            return
        with self.units.database.transaction() as connection:
            for note in {note for _, note in mails}:
                fetched_mail.not_disposable(connection, [mail.mail_id for mail, why in mails if why == note], note)
        self.counts.kept += len(mails)
        log.warning("mails.not_disposable", mailbox=self.record.email, mails=len(mails), reason=mails[0][1])

    def pause_until_next(self) -> timedelta | None:
        """How long until the next poll, as far as this one can tell; None: at once."""
        if self.held_back:
            return timedelta(seconds=5)
        return None if self.more else self.record.poll_every


_UNTRIED: ApiConnectError = ProviderUnavailable("the provider's answer does not name this mail")
