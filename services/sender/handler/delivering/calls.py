"""One call: a composed mail is handed to the provider, and what came of it is judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from services.sender.core.outcomes import Sending, Step, after_call
from services.sender.handler.delivering.works import Works, now
from shared.domain.errors import LeaseLost
from shared.domain.mailboxes import Capability
from shared.domain.sending import MailForm, SentIds
from shared.mailbox_access import OpenMailbox
from shared.storage import send_outcomes
from shared.storage.send_claims import Claimed

CALLS_AT_ONCE = 4  # as many as Graph takes for a mailbox


@dataclass(frozen=True, slots=True)
class Prepared:
    """A send with its mail, composed. text: what a person reads in it."""

    send: Claimed
    mime: bytes
    form: MailForm = MailForm.MIME
    text: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a call. error: None if the mail was taken. ended: time.monotonic. step None: it was not made, and must not be."""

    send: Claimed
    ended: float
    step: Step | None
    ids: SentIds = field(default_factory=SentIds)
    error: Exception | None = None


def call_all(
    works: Works, opened: OpenMailbox, mails: Sequence[Prepared], executor: Executor, *, holder: str, draft_first: bool
) -> list[Called]:
    """Hands over the mails, CALLS_AT_ONCE at a time. This thread works too, so a busy executor only makes it slower."""
    todo: SimpleQueue[Prepared] = SimpleQueue()
    for mail in mails:
        todo.put(mail)
    done: list[Called] = []

    def work() -> None:
        while True:
            try:
                mail = todo.get_nowait()
            except Empty:
                return
            done.append(_call(works, opened, mail, holder, draft_first=draft_first))

    others = [executor.submit(work) for _ in range(min(CALLS_AT_ONCE, len(mails)) - 1)]
    work()
    for other in others:
        other.cancel()
    wait(others)
    return done


def _call(works: Works, opened: OpenMailbox, mail: Prepared, holder: str, *, draft_first: bool) -> Called:
    way = _by_draft if draft_first else _at_once
    ids, error = SentIds(), None
    try:
        ids = way(works, opened, mail, holder)
    except LeaseLost:
        return Called(mail.send, time.monotonic(), None)
    except Exception as caught:  # noqa: BLE001 - whatever it is, the table says what it means for the send
        error = caught
    ended = time.monotonic()
    settings = works.settings
    facts = Sending(
        mail.send.attempts + 1,
        mail.send.lookups,
        opened.may(Capability.READ),
        mail.send.expires_at,
        settings.looks,
        settings.most_resends,
    )
    return Called(mail.send, ended, after_call(error, facts, now=now()), ids, error)


def _at_once(works: Works, opened: OpenMailbox, mail: Prepared, holder: str) -> SentIds:
    _check(works, mail.send, holder)
    return opened.mailbox.send(mail.mime, form=mail.form)


def _by_draft(works: Works, opened: OpenMailbox, mail: Prepared, holder: str) -> SentIds:
    """The draft's id is committed before it is sent: after a crash the draft's state tells what happened."""
    draft_id = mail.send.draft_id
    if draft_id is None:
        draft_id = opened.mailbox.create_draft(mail.mime)
        with works.units.database.transaction() as connection:
            if not send_outcomes.remember_draft(connection, holder, mail.send.send_id, draft_id):
                raise LeaseLost(f"send {mail.send.uid} was taken from this sender")
    _check(works, mail.send, holder)
    return opened.mailbox.send_draft(draft_id)


def _check(works: Works, send: Claimed, holder: str) -> None:
    if not works.in_hand.safe(send.send_id, holder):
        raise LeaseLost(f"send {send.uid}: its lease may have ended")
