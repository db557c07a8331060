"""One round: the claimed sends of one server are called in small groups, and each group's outcome is written with the next one's start."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar
from uuid import UUID

from services.sender.core.outcomes import Sending, Step, before_call
from services.sender.handler.delivering.calls import Called, Prepared, call_all
from services.sender.handler.delivering.claiming import Claim
from services.sender.handler.delivering.mails import NotComposed, mail_of
from services.sender.handler.delivering.results import tell
from services.sender.handler.delivering.stops import note_stop, note_works
from services.sender.handler.delivering.works import Works, ids, now
from shared.domain.errors import ApiConnectError, BrokerOrDatabaseDown
from shared.domain.mailboxes import Capability
from shared.domain.sending import Reason, SendState
from shared.mail.message_ids import REFERENCE_HEADER
from shared.mailbox_access import OpenMailbox
from shared.messaging.unit import Unit
from shared.storage import attachments, send_claims, send_lookups, send_outcomes, send_servers, sent_texts
from shared.storage.send_claims import Claimed
from shared.storage.send_outcomes import Outcome
from shared.telemetry import SEND_SECONDS, SENDS, log

_OUTAGE_SECONDS = 1.0
_NOT_COMPOSED = "No mail could be made of it; the operator finds why in the sender's log."
Result = TypeVar("Result")


class Round:
    """The sends of one claim. Whatever it leaves behind is found when its leases end."""

    def __init__(self, works: Works, claim: Claim, calls: Executor, stop: threading.Event) -> None:
        self._works = works
        self._server = claim.server
        self._holder = claim.holder
        self._send_ids = claim.send_ids
        self._calls = calls
        self._stop = stop
        self._left: deque[Claimed] = deque()
        self._called: list[Called] = []
        self._unfit: list[Outcome] = []
        self._texts: dict[int, str] = {}
        self._read_back = False
        self._sent = 0

    def run(self) -> None:
        """Works off the claim; what was not called at its end is given back."""
        try:
            self._left.extend(self._patiently(self._load))
            with self._works.access.open(self._server.api_key_id, self._server.mailbox, Capability.SEND) as opened:
                self._read_back = self._works.settings.read_back and opened.may(Capability.READ)
                self._prime(opened)
                self._work(opened)
        except BrokerOrDatabaseDown as down:
            log.warning("sends.round_postponed", server=self._server.uid, error=str(down))
        except ApiConnectError as error:
            self._cannot_open(error)
        finally:
            self._patiently(self._end)

    def _load(self) -> list[Claimed]:
        with self._works.units.database.transaction() as connection:
            return send_claims.load(connection, self._send_ids)

    def _work(self, opened: OpenMailbox) -> None:
        while self._left and not self._stop.is_set() and not self._stopped_by(self._called):
            mails = self._next_mails()
            begun = self._patiently(partial(self._turn, mails))
            todo = [mail for mail in mails if mail.send.send_id in begun]
            self._texts = {mail.send.send_id: mail.text for mail in todo}
            self._called = call_all(
                self._works, opened, todo, self._calls, holder=self._holder, draft_first=self._server.draft_first
            )

    def _next_mails(self) -> list[Prepared]:
        """The next group, composed; a request that can't be composed has failed, and is written with the others."""
        mails: list[Prepared] = []
        while self._left and len(mails) < self._works.settings.calls_per_commit:
            send = self._left.popleft()
            try:
                mails.append(Prepared(send, *mail_of(self._works.sealer, self._server, send, self._attachment)))
            except NotComposed as fault:
                self._unfit.append(Outcome(send.send_id, fault.state, fault.reason, str(fault)))
            except BrokerOrDatabaseDown:
                raise
            except Exception as bug:  # noqa: BLE001 - it would come first in each round, and stop the server's others
                log.error("sends.not_composed", send=str(send.uid), error=type(bug).__name__, exc_info=True)
                self._unfit.append(Outcome(send.send_id, SendState.FAILED, Reason.INVALID, _NOT_COMPOSED))
        return mails

    def _attachment(self, uid: UUID) -> bytes | None:
        with self._works.units.database.transaction() as connection:
            return attachments.content(connection, self._works.sealer, uid)

    def _turn(self, mails: Sequence[Prepared]) -> frozenset[int]:
        """Writes what came of the last group and begins the next, in one unit; returns what may be called."""
        with self._works.units.begin() as unit:
            self._settle(unit)
            begun = send_claims.begin(unit.connection, self._holder, [mail.send.send_id for mail in mails])
            send_outcomes.note(unit.connection, [(one, SendState.SENDING, None, "") for one in sorted(begun.sending)])
            send_outcomes.note(unit.connection, [(one.send_id, one.state, one.reason, "") for one in begun.stopped])
            tell(unit, ids(begun.stopped))
        self._settled()
        for one in begun.stopped:
            SENDS.labels(self._server.provider, one.state, one.reason).inc()
        return begun.sending

    def _end(self) -> None:
        with self._works.units.begin() as unit:
            self._settle(unit)
            back = send_claims.give_back(unit.connection, self._holder, ids(self._left))
            send_outcomes.note(unit.connection, [(one, SendState.ACCEPTED, None, "not called") for one in back])
            if (stopped := self._stopped_by(self._called)) and stopped.step is not None:
                note_stop(unit.connection, self._server, stopped.error, stopped.step)
            elif self._sent:
                note_works(unit.connection, self._server)
        self._settled()
        self._left.clear()

    def _settle(self, unit: Unit) -> None:
        outcomes = [*self._unfit, *(self._outcome(call, call.step) for call in self._called if call.step is not None)]
        changed = send_outcomes.settle(unit.connection, self._holder, outcomes)
        sent = [call.send.send_id for call in self._called if call.step and call.step.state is SendState.SENT]
        sent_texts.keep_of_sends(unit.connection, self._works.sealer, {one: self._texts[one] for one in sent})
        if self._read_back:
            send_lookups.ask_read_back(unit.connection, sent, self._works.settings.read_backs[0])
        self._sent += len(sent)
        tell(unit, changed)

    def _settled(self) -> None:
        """The unit has committed."""
        for call in self._called:
            if call.step is not None:
                SENDS.labels(self._server.provider, call.step.state, call.step.reason or "").inc()
                if call.step.state is SendState.SENT:
                    SEND_SECONDS.labels(self._server.provider).observe(_seconds_since_accepted(call))
        for one in self._unfit:
            SENDS.labels(self._server.provider, one.state, one.reason or "").inc()
        done = [*ids(self._unfit), *(call.send.send_id for call in self._called)]
        self._works.in_hand.drop(done, self._holder)
        self._unfit = []
        if self._stopped_by(self._called) is None:
            self._called = []

    @staticmethod
    def _outcome(call: Called, step: Step) -> Outcome:
        left = step.state in (SendState.SENT, SendState.UNKNOWN)
        return Outcome(
            call.send.send_id,
            step.state,
            step.reason,
            step.detail,
            step.due_in,
            step.counts_look,
            time.monotonic() - call.ended if left else None,
            call.ids.provider_mail_id,
            call.ids.message_id,
        )

    @staticmethod
    def _stopped_by(called: Sequence[Called]) -> Called | None:
        """The call after which the server sends nothing for a while."""
        return next((call for call in called if call.step is not None and call.step.server_waits), None)

    def _cannot_open(self, error: ApiConnectError) -> None:
        """Nothing was called: the sends go back as they were, and the server waits."""
        log.warning("sends.mailbox_not_opened", server=self._server.uid, error=str(error))
        step = before_call(error, Sending(1, 0, can_read=True), now=now())

        def write() -> None:
            with self._works.units.database.transaction() as connection:
                note_stop(connection, self._server, error, step)

        self._patiently(write)

    def _prime(self, opened: OpenMailbox) -> None:
        if self._server.primed or self._server.mode != "mime":
            return
        try:
            opened.mailbox.prime(REFERENCE_HEADER)
        except ApiConnectError as error:
            log.info("sends.not_primed", server=self._server.uid, error=str(error))
            return

        def write() -> None:
            with self._works.units.database.transaction() as connection:
                send_servers.primed(connection, self._server)

        self._patiently(write)

    def _patiently(self, write: Callable[[], Result]) -> Result:
        """Until the database answers, or this sender stops: what is known of a call must not be lost."""
        while True:
            try:
                return write()
            except BrokerOrDatabaseDown as down:
                if self._stop.is_set():
                    raise
                log.warning("sends.database_down", server=self._server.uid, error=str(down))
                self._stop.wait(_OUTAGE_SECONDS)


def _seconds_since_accepted(call: Called) -> float:
    """Until the call ended. Two machines' clocks are compared, so it is never below zero but may be a little off."""
    return max(0.0, (now() - call.send.accepted_at).total_seconds() - (time.monotonic() - call.ended))
