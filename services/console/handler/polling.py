"""`poll`: has mailboxes polled now, and follows what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.console.core.reasons import alive
from shared.contracts.commands import PollMailbox
from shared.messaging.unit import Unit
from shared.storage import heartbeats, mailbox_orders, overview
from shared.storage.database import Connection, Database
from shared.storage.mailbox_orders import Changed
from shared.storage.overview import MailboxLine

# How long a published poll counts as under way, as the scheduler marks its own.
_MARK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Ordered:
    """What `poll` set going. by_scheduler: it takes the mailboxes up at its next tick; else the polls were published here."""

    links: tuple[Changed, ...]
    by_scheduler: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that happened while following. done: the last of its mailbox."""

    at: datetime
    email: str
    text: str
    done: bool = False


Begin = Callable[[], AbstractContextManager[Unit]]


def order_polls(begin: Begin, email: str | None, provider: str | None) -> Ordered:
    """Makes the mailboxes due now. Without a scheduler the polls are published here, in the same transaction."""
    with begin() as unit:
        connection = unit.connection
        now = overview.now(connection)
        links = mailbox_orders.links(connection, email, provider)
        scheduled = _scheduler_alive(connection)
        mark = None if scheduled else _MARK
        mailbox_orders.poll_now(connection, [link.mailbox_id for link in links], requested_for=mark)
        if not scheduled:
            for link in links:
                body = PollMailbox(mailbox_id=link.mailbox_id)
                unit.publish(
                    body,
                    message_id=overview.new_id(connection),
                    correlation_id=overview.new_id(connection),
                    occurred_at=now,
                )
    return Ordered(tuple(links), scheduled, now)


def follow(
    database: Database,
    ordered: Ordered,
    *,
    wait_seconds: float,
    every_seconds: float = 0.5,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Seen]:
    """What happens to the ordered polls, until each is over and its mails are through, or the time is up."""
    waiting = {link.mailbox_id: link.email for link in ordered.links}
    before: dict[int, tuple[str, ...]] = {}
    until = time.monotonic() + wait_seconds
    while waiting:
        with database.transaction() as connection:
            now = overview.now(connection)
            lines = {line.mailbox_id: line for line in overview.mailboxes(connection) if line.mailbox_id in waiting}
        for mailbox_id, email in list(waiting.items()):
            line = lines.get(mailbox_id)
            if line is None:
                waiting.pop(mailbox_id)
                yield Seen(now, email, "is not a mailbox any more", done=True)
                continue
            texts = _texts(line, ordered.at)
            known = before.get(mailbox_id, ())
            yield from (Seen(now, email, text) for text in texts if text not in known)
            before[mailbox_id] = (*known, *texts)
            if _over(line, ordered.at):
                waiting.pop(mailbox_id)
                yield Seen(now, email, "done", done=True)
        if not waiting or time.monotonic() >= until:
            break
        pause(every_seconds)
    for email in waiting.values():
        yield Seen(ordered.at, email, f"not over after {wait_seconds:.0f} s; apiconnect status says where it stands")


def _scheduler_alive(connection: Connection) -> bool:
    ages = [beat.age for beat in heartbeats.all_beats(connection) if beat.service == "scheduler"]
    return bool(ages) and alive({"scheduler": min(ages)}, "scheduler")


def _polled(line: MailboxLine, since: datetime) -> bool:
    return line.last_polled_at is not None and line.last_polled_at >= since


def _over(line: MailboxLine, since: datetime) -> bool:
    return _polled(line, since) and not line.polling and not line.fetched and not line.classified


def _texts(line: MailboxLine, since: datetime) -> Sequence[str]:
    texts = []
    if line.polling:
        texts.append(f"poll under way ({line.lease_holder})")
    if line.listed or line.fetched or line.classified:
        texts.append(f"{line.listed} to fetch, {line.fetched} to classify, {line.classified} to act on")
    if _polled(line, since) and line.last_poll is not None:
        texts.append(_ended(line.last_poll))
    if line.failure:
        texts.append(f"not connected: {line.failure.get('cause', '')} {line.failure.get('fix', '')}".rstrip())
    return texts


def _ended(last_poll: Mapping[str, Any]) -> str:
    counts = [f"{count} {what}" for what, count in last_poll.items() if type(count) is int and count]
    seconds = last_poll.get("seconds")
    took = f" after {seconds:.1f} s" if isinstance(seconds, int | float) else ""
    error = f": {last_poll['error']}" if last_poll.get("error") else ""
    return f"poll ended{took}, {last_poll.get('result', 'done')}{error} ({', '.join(counts) or 'nothing new'})"
