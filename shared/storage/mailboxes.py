"""Mailboxes: who watches them, when they are due, and the lease of the one that polls.

Time is PostgreSQL's throughout. The lease is fenced: each taking raises `lease_epoch`, and each write of a poll checks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from shared.domain.errors import Diagnosis, LeaseLost
from shared.domain.mailboxes import Connection as MailboxConnection
from shared.domain.mailboxes import Disposal, Folder, MailboxId, Provider
from shared.domain.sending import Reason
from shared.domain.watchers import Look, Watcher
from shared.storage.database import Connection
from shared.storage.send_wakes import resume


@dataclass(frozen=True, slots=True)
class MailboxRecord:
    """A mailbox link. `listed_to`: per folder, up to when every unread mail is in the ledger. `poll_every`: the shortest wish."""

    mailbox_id: MailboxId
    customer_id: int | None
    email: str
    provider: Provider
    api_key_id: int
    listed_to: Mapping[Folder, datetime]
    swept_at: datetime | None
    poll_every: timedelta
    connection: MailboxConnection
    watchers: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class PollEnd:
    """How a poll ended. next_poll_in: None means at once. result: its counts, shown to operators."""

    next_poll_in: timedelta | None
    result: Mapping[str, Any]
    listed_to: Mapping[Folder, datetime] | None = None
    swept: bool = False
    tidied: bool = False
    throttled_for: timedelta | None = None


# A mailbox is polled if somebody active watches it, its provider is on, and its key is not waiting for its hourly try.
_WANTED = """
    not m.paused
    and exists (select 1 from watchers w where w.mailbox_id = m.id and w.status = 'active')
    and coalesce((select (value #>> '{}')::boolean from settings where key = 'extension_enabled'), true)
    and coalesce((select (value #>> '{}')::boolean from settings where key = m.provider || '_enabled'), true)
    and not exists (select 1 from api_keys k where k.id = m.api_key_id and k.retry_at > now())
"""


# Whether somebody active at mailbox `w.mailbox_id` is to see mail `f`: Watcher.sees and its junk folder, in SQL.
SEES = """
    w.status = 'active' and (w.read_junk or f.folder = 'inbox')
    and (w.only_mail_from is null or f.received_at is null or f.received_at >= w.only_mail_from)
"""


def claim_due(connection: Connection, limit: int, mark: timedelta) -> list[MailboxId]:
    """Mailboxes that are due and that nobody polls or has been asked to; marks them as asked for.

    One statement; locks the rows and skips those that another scheduler has. The mark expires after `mark`: a lost message
    is asked for again. A crashed poll leaves next_poll_at in the past, and is due once its lease has expired.
    """
    rows = connection.execute(
        f"""
        with due as (
            select m.id from mailboxes m
            where m.next_poll_at <= now()
              and coalesce(m.poll_requested_until, '-infinity') < now()
              and coalesce(m.leased_until, '-infinity') < now()
              and {_WANTED}
            order by m.next_poll_at limit %s for update of m skip locked
        )
        update mailboxes m set poll_requested_until = now() + %s from due where m.id = due.id returning m.id
        """,
        (limit, mark),
    )
    return [MailboxId(row[0]) for row in rows]


def take_lease(connection: Connection, mailbox_id: MailboxId, holder: str, length: timedelta) -> int | None:
    """The epoch under which `holder` may poll from now on, or None: somebody else does, or there is nothing to do (yet)."""
    row = connection.execute(
        f"""
        update mailboxes m
        set lease_epoch = lease_epoch + 1, lease_holder = %s, leased_until = now() + %s, poll_requested_until = null
        where id = %s and next_poll_at <= now() and coalesce(leased_until, '-infinity') < now() and {_WANTED}
        returning lease_epoch
        """,
        (holder, length, mailbox_id),
    ).fetchone()
    return row[0] if row else None


def answer_request(connection: Connection, mailbox_id: MailboxId) -> None:
    """Takes back the mark of a poll that was asked for and found nothing to do; else the next request waits for its end.

    A poll that is under way keeps the mark: its own end takes it.
    """
    connection.execute(
        """
        update mailboxes set poll_requested_until = null
        where id = %s and poll_requested_until is not null and coalesce(leased_until, '-infinity') < now()
        """,
        (mailbox_id,),
    )


def renew_lease(connection: Connection, mailbox_id: MailboxId, epoch: int, length: timedelta) -> bool:
    """Whether the lease is still ours; if so it holds for `length` from now."""
    return (
        connection.execute(
            "update mailboxes set leased_until = now() + %s where id = %s and lease_epoch = %s and lease_holder is not null",
            (length, mailbox_id, epoch),
        ).rowcount
        == 1
    )


def hold_lease(connection: Connection, mailbox_id: MailboxId, epoch: int) -> None:
    """The fence: raises LeaseLost unless `epoch` is still the mailbox's. Keeps it so until the transaction ends."""
    row = connection.execute(
        "select 1 from mailboxes where id = %s and lease_epoch = %s and lease_holder is not null for share",
        (mailbox_id, epoch),
    ).fetchone()
    if row is None:
        raise LeaseLost(f"mailbox {mailbox_id}: another process polls it now")


def finish_poll(connection: Connection, mailbox_id: MailboxId, epoch: int, end: PollEnd) -> bool:
    """Gives the lease back and says when the next poll is due. False if the lease was lost: then nothing is written."""
    listed = {folder.value: at.isoformat() for folder, at in end.listed_to.items()} if end.listed_to else None
    return (
        connection.execute(
            """
            update mailboxes
            set lease_holder = null, leased_until = null, poll_requested_until = null, last_polled_at = now(),
                last_poll = %(result)s, next_poll_at = now() + coalesce(%(next)s, interval '0'),
                listed_to = coalesce(%(listed)s::jsonb, listed_to),
                swept_at = case when %(swept)s then now() else swept_at end,
                last_tidied_at = case when %(tidied)s then now() else last_tidied_at end,
                throttled_until = now() + %(throttled)s::interval
            where id = %(id)s and lease_epoch = %(epoch)s and lease_holder is not null
            """,
            {
                "result": Jsonb(dict(end.result)),
                "next": end.next_poll_in,
                "listed": Jsonb(listed) if listed is not None else None,
                "swept": end.swept,
                "tidied": end.tidied,
                "throttled": end.throttled_for,
                "id": mailbox_id,
                "epoch": epoch,
            },
        ).rowcount
        == 1
    )


def note_listed(
    connection: Connection, mailbox_id: MailboxId, listed_to: Mapping[Folder, datetime], *, swept: bool
) -> None:
    """Every unread mail received before these times is in the ledger. In the transaction that put the last page there."""
    connection.execute(
        """
        update mailboxes set listed_to = listed_to || %s, swept_at = case when %s then now() else swept_at end
        where id = %s
        """,
        (Jsonb({folder.value: at.isoformat() for folder, at in listed_to.items()}), swept, mailbox_id),
    )


def due_early(connection: Connection, mailbox_ids: Sequence[int]) -> None:
    """Waiting disposals make a mailbox due, at most once a minute."""
    connection.execute(
        """
        update mailboxes m set next_poll_at = early.at
        from (
            select id, greatest(now(), coalesce(last_tidied_at, '-infinity') + interval '1 minute') as at
            from mailboxes where id = any(%s) order by id for update
        ) early
        where m.id = early.id and m.next_poll_at > early.at
        """,
        (sorted(set(mailbox_ids)),),
    )


def load(connection: Connection, mailbox_id: MailboxId) -> MailboxRecord | None:
    """A mailbox with its active watchers; None if there is no such mailbox."""
    row = connection.execute(
        """
        select m.id, m.customer_id, m.email, m.provider, m.api_key_id, m.listed_to, m.swept_at, m.connection,
               coalesce((select min(poll_seconds) from watchers w where w.mailbox_id = m.id and w.status = 'active'), 600)
        from mailboxes m where m.id = %s
        """,
        (mailbox_id,),
    ).fetchone()
    if row is None:
        return None
    return MailboxRecord(
        mailbox_id=MailboxId(row[0]),
        customer_id=row[1],
        email=row[2],
        provider=Provider(row[3]),
        api_key_id=row[4],
        listed_to={Folder(name): datetime.fromisoformat(at) for name, at in row[5].items()},
        swept_at=row[6],
        connection=MailboxConnection(row[7]),
        poll_every=timedelta(seconds=row[8]),
        watchers=_looks(connection, mailbox_id),
    )


def _looks(connection: Connection, mailbox_id: MailboxId) -> tuple[Look, ...]:
    rows = connection.execute(
        """
        select disposal, dry_run, only_mail_from, read_junk from watchers
        where mailbox_id = %s and status = 'active' order by kind, id
        """,
        (mailbox_id,),
    )
    return tuple(Look(Disposal(row[0]), *row[1:]) for row in rows)


def watchers(connection: Connection, mailbox_ids: Sequence[int]) -> dict[int, list[Watcher]]:
    """The active bounce servers of each mailbox."""
    rows = connection.execute(
        """
        select mailbox_id, id, customer_id, disposal, move_to, dry_run, only_mail_from, read_junk,
               blacklist_scope = 'global'
        from bounce_servers where mailbox_id = any(%s) and status = 'active' order by id
        """,
        (list(mailbox_ids),),
    )
    found: dict[int, list[Watcher]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Watcher(row[1], row[2], Disposal(row[3]), *row[4:]))
    return found


def connected(connection: Connection, mailbox_id: MailboxId) -> None:
    """The mailbox answered. If it was not connected, sends that waited for that may leave."""
    row = connection.execute(
        """
        update mailboxes m set connection = 'connected', connection_failure = null, checked_at = now()
        from mailboxes b
        where m.id = %s and b.id = m.id and (m.connection <> 'connected' or m.checked_at < now() - interval '1 minute')
        returning b.connection
        """,
        (mailbox_id,),
    ).fetchone()
    if row is not None and row[0] == MailboxConnection.NOT_CONNECTED:
        resume(connection, [mailbox_id], (Reason.NOT_CONNECTED,))


def not_connected(connection: Connection, mailbox_id: MailboxId, diagnosis: Diagnosis) -> None:
    """The mailbox can't be used until a person changes something; says what."""
    connection.execute(
        "update mailboxes set connection = 'not connected', connection_failure = %s, checked_at = now() where id = %s",
        (Jsonb(asdict(diagnosis)), mailbox_id),
    )
