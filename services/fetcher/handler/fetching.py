"""Fetching the raw MIME of a round of mails: a few requests at once, each failure the mail's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from shared.domain.errors import ApiConnectError, MailGone, PayloadRejected, ProviderUnavailable
from shared.domain.mailboxes import MailId
from shared.providers.provider import Mailbox
from shared.storage.fetched_mail import Fetched, Listed

# One mail that can't be read is that mail's trouble; several in a row are the provider's.
UNAVAILABLE_IN_A_ROW = 4


@dataclass
class Round:
    """What came of one round. stopped_by: the failure that ended it early; what was fetched before it counts."""

    fetched: list[Fetched] = field(default_factory=list)
    gone: list[MailId] = field(default_factory=list)
    failed: list[tuple[MailId, str]] = field(default_factory=list)
    stopped_by: ApiConnectError | None = None


def fetch_round(mailbox: Mailbox, mails: Sequence[Listed], executor: Executor, at_once: int, max_bytes: int) -> Round:
    """Fetches `mails`, `at_once` at a time. This thread works too, so a busy executor only makes it slower."""
    result = Round()
    todo: SimpleQueue[Listed] = SimpleQueue()
    for mail in mails:
        todo.put(mail)
    lock = threading.Lock()
    unavailable = 0

    def settle(mail: Listed, outcome: Fetched | Exception) -> None:
        nonlocal unavailable
        with lock:
            match outcome:
                case Fetched():
                    result.fetched.append(outcome)
                    unavailable = 0
                case MailGone():
                    result.gone.append(mail.mail_id)
                case PayloadRejected():
                    result.failed.append((mail.mail_id, str(outcome)))
                case ProviderUnavailable():
                    result.failed.append((mail.mail_id, str(outcome)))
                    unavailable += 1
                    if unavailable >= UNAVAILABLE_IN_A_ROW:
                        result.stopped_by = outcome
                case ApiConnectError():
                    result.stopped_by = result.stopped_by or outcome
                case _:
                    raise outcome

    def work() -> None:
        while result.stopped_by is None:
            try:
                mail = todo.get_nowait()
            except Empty:
                return
            settle(mail, _fetch(mailbox, mail, max_bytes))

    others = [executor.submit(work) for _ in range(min(at_once, len(mails)) - 1)]
    work()
    for other in others:
        other.cancel()
    wait(others)
    for other in others:
        if not other.cancelled():
            other.result()
    return result


def _fetch(mailbox: Mailbox, mail: Listed, max_bytes: int) -> Fetched | Exception:
    try:
        raw = mailbox.fetch_raw(mail.provider_mail_id, max_bytes=max_bytes)
    except Exception as error:  # noqa: BLE001 - settled, or raised again, by the round
        return error
    return Fetched(mail.mail_id, raw.content, raw.size, raw.truncated, raw.received_at)


__all__ = ["UNAVAILABLE_IN_A_ROW", "Round", "fetch_round"]
