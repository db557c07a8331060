"""Looks for unknown sends in Sent Items, several times over a stated while, and decides: sent, once more, or a person's turn."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from services.sender.core.outcomes import Sending, Step, after_failed_look, after_look, unanswered
from services.sender.handler.delivering.batch_pool import BatchPool
from services.sender.handler.delivering.results import tell
from services.sender.handler.delivering.works import Works, ids, now
from shared.domain.errors import ApiConnectError, BrokerOrDatabaseDown, MailGone, PermissionMissing
from shared.domain.mailboxes import Capability, Provider
from shared.domain.sending import DraftState, Reason, SendState, SentIds
from shared.mailbox_access import OpenMailbox
from shared.storage import send_lookups, send_outcomes, send_servers
from shared.storage.send_lookups import Unknown
from shared.storage.send_outcomes import Outcome
from shared.telemetry import SENDS, log

_AT_ONCE = 8
_BATCH = 40
_WRITTEN_AT_ONCE = 5


class Looking:
    """Batches of one server each, several servers at once."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._pool = BatchPool("send-look", _AT_ONCE, self._take, self._look, failed="sends.look_failed")

    def run(self, stop: threading.Event) -> None:
        """Looks until `stop` is set."""
        self._pool.run(stop)

    def _take(self) -> list[Unknown]:
        """Their leases are renewed while they are looked for: however long that takes, nobody else begins it anew."""
        looked_for, began = self._works.looked_for, time.monotonic()
        holder = looked_for.new_holder()
        try:
            with self._works.units.database.transaction() as connection:
                batch = send_lookups.take_unknown(connection, holder, looked_for.lease, _BATCH)
        except BrokerOrDatabaseDown as down:
            log.warning("sends.not_looked_up", error=str(down))
            return []
        looked_for.add(ids(batch), holder, began)
        return batch

    def _look(self, batch: Sequence[Unknown], stop: threading.Event) -> None:
        try:
            self._look_into(batch, stop)
        finally:
            self._works.looked_for.drop(ids(batch), batch[0].holder)

    def _look_into(self, batch: Sequence[Unknown], stop: threading.Event) -> None:
        with self._works.units.database.transaction() as connection:
            server = send_servers.by_id(connection, [batch[0].server_id])[batch[0].server_id]
        try:
            with self._works.access.open(server.api_key_id, server.mailbox, Capability.SEND) as opened:
                if not opened.may(Capability.READ):
                    facts = [
                        (send, unanswered(Reason.CANNOT_LOOK, self._facts(send, can_read=False))) for send in batch
                    ]
                    self._write([_outcome(send, step) for send, step in facts], batch, server.provider)
                    return
                self._each(opened, deque(batch), stop, server.provider)
        except BrokerOrDatabaseDown as down:
            log.warning("sends.not_looked_up", server=server.uid, error=str(down))
        except ApiConnectError as error:
            steps = [(send, after_failed_look(error, self._facts(send))) for send in batch]
            self._write([_outcome(send, step) for send, step in steps], batch, server.provider)

    def _each(self, opened: OpenMailbox, left: deque[Unknown], stop: threading.Event, provider: Provider) -> None:
        """A few at a time; those that still wait stay this sender's. A sender that stops leaves them to the next."""
        while left and not stop.is_set():
            few = [left.popleft() for _ in range(min(_WRITTEN_AT_ONCE, len(left)))]
            self._write([self._look_for(opened, send) for send in few], few, provider)
            self._works.looked_for.drop(ids(few), few[0].holder)

    def _look_for(self, opened: OpenMailbox, send: Unknown) -> Outcome:
        facts = self._facts(send)
        try:
            found = _find(opened, send, thorough=self._decides(send))
        except BrokerOrDatabaseDown:
            raise
        except PermissionMissing:
            return _outcome(send, unanswered(Reason.CANNOT_LOOK, self._facts(send, can_read=False)))
        except ApiConnectError as error:
            return _outcome(send, after_failed_look(error, facts))
        return _outcome(send, after_look(found is not None, facts, now=now()), found)

    def _decides(self, send: Unknown) -> bool:
        """Whether this look is the last before it is sent once more."""
        return (send.lookups + 1) % len(self._works.settings.looks) == 0

    def _facts(self, send: Unknown, *, can_read: bool = True) -> Sending:
        settings = self._works.settings
        return Sending(send.attempts, send.lookups, can_read, send.expires_at, settings.looks, settings.most_resends)

    def _write(self, outcomes: Sequence[Outcome], batch: Sequence[Unknown], provider: Provider) -> None:
        """An unknown send that stays so is told once more only when its reason changed to a person's turn."""
        before = {send.send_id: send.reason for send in batch}
        with self._works.units.begin() as unit:
            changed = set(send_outcomes.settle(unit.connection, batch[0].holder, outcomes))
            tell(
                unit,
                [
                    one.send_id
                    for one in outcomes
                    if one.send_id in changed
                    and (one.state is not SendState.UNKNOWN or _is_news(one.reason, before[one.send_id]))
                ],
            )
        for one in outcomes:
            if one.send_id in changed and one.state is not SendState.UNKNOWN:
                SENDS.labels(provider, one.state, one.reason or "").inc()


def _find(opened: OpenMailbox, send: Unknown, *, thorough: bool) -> SentIds | None:
    if send.draft_id is not None:
        try:
            state = opened.mailbox.draft_state(send.draft_id)
        except MailGone:
            state = DraftState.GONE
        if state is DraftState.SENT:
            return SentIds(send.draft_id)
        if state is DraftState.DRAFT:
            return None
    return opened.mailbox.find_sent(send.message_id, send.reference, send.since, to=send.to, thorough=thorough)


def _is_news(reason: Reason | None, before: str) -> bool:
    return reason is Reason.CANNOT_LOOK and before != reason


def _outcome(send: Unknown, step: Step, found: SentIds | None = None) -> Outcome:
    told = found or SentIds()
    return Outcome(
        send.send_id,
        step.state,
        step.reason,
        step.detail,
        step.due_in,
        step.counts_look,
        None,
        told.provider_mail_id,
        told.message_id,
        (send.attempts, send.lookups),
    )
