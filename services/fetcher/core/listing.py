"""From when on, and where, a poll looks for unread mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.domain.mailboxes import Folder
from shared.domain.watchers import Look, Watcher

# Mail may become visible a little after the time it carries; ids that are known already cost next to nothing.
OVERLAP = timedelta(minutes=15)
FULL_SWEEP_EVERY = timedelta(days=1)


def folders(watchers: Sequence[Look | Watcher]) -> tuple[Folder, ...]:
    """The folders that at least one watcher wants read (A102, A103)."""
    return (Folder.INBOX, Folder.JUNK) if any(w.read_junk for w in watchers) else (Folder.INBOX,)


def sweep_is_due(swept_at: datetime | None, now: datetime) -> bool:
    """Whether to list from the beginning: mail that was moved in, or marked unread again, carries an old time."""
    return swept_at is None or now - swept_at >= FULL_SWEEP_EVERY


def list_since(
    folder: Folder, listed_to: Mapping[Folder, datetime], watchers: Sequence[Look | Watcher], *, sweep: bool
) -> datetime | None:
    """The received time from which on to list; None: everything.

    Not before the earliest time that a watcher cares for; and, unless it is a sweep, not before what is in the ledger.
    """
    earliest = [w.only_mail_from for w in watchers]
    floor = None if None in earliest else min((at for at in earliest if at is not None), default=None)
    known = listed_to.get(folder)
    if sweep or known is None:
        return floor
    since = known - OVERLAP
    return max(since, floor) if floor else since
