"""Pausing monitors: what came meanwhile is read when they are resumed, as far back as a bound allows.

Mail that nobody has fetched waits in the mailbox. Mail that another watcher's poll has fetched went past the paused monitor:
it is fetched once more, for the resumed monitors alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.storage.database import Connection

CATCH_UP: Final = timedelta(days=30)  # as long as the texts of sent mail are kept
MOST_MAILS: Final = 10_000  # of a mailbox, the latest


def note(connection: Connection, monitor_ids: Sequence[int]) -> int:
    """To be called after the status of these has changed, in its transaction: notes when a pause began, and ends pauses.

    Returns how many mails are fetched again for those that are active now. One that was disabled instead has no claim to them.
    """
    ids = list(monitor_ids)
    connection.execute(
        "update monitors set paused_at = now() where id = any(%s) and status = 'paused' and paused_at is null", (ids,)
    )
    resumed = connection.execute(
        """
        select mailbox_id, array_agg(id order by id), min(paused_at) from monitors
        where id = any(%s) and status = 'active' and paused_at is not null group by mailbox_id order by mailbox_id
        """,
        (ids,),
    ).fetchall()
    again = sum(_fetch_again(connection, *row) for row in resumed)
    connection.execute(
        "update monitors set paused_at = null where id = any(%s) and status <> 'paused' and paused_at is not null",
        (ids,),
    )
    return again


def _fetch_again(connection: Connection, mailbox_id: int, monitor_ids: Sequence[int], since: object) -> int:
    """Puts mail that was served since back to `listed`, the latest MOST_MAILS of it, and asks for a poll. Locks these mails.

    Reports are left out: bounce servers have had them. Mail on its way is put back too, for everybody whom it has not
    reached: who decides about it may have read the monitors before they were resumed. Nothing is done twice: the
    monitors' log knows each mail. A stored copy stays until the mail is there again, which it may not be any more.
    """
    rows = connection.execute(
        """
        with missed as (
            select f.id from fetched_mail f
            where f.mailbox_id = %(mailbox)s and coalesce(f.bounce_class, 'none') = 'none'
              and coalesce(f.kind, '') <> 'unreadable'
              and ((f.stage = 'served' and f.served_at >= greatest(%(since)s, now() - %(bound)s))
                   or f.stage in ('fetched', 'classified') or (f.stage = 'listed' and f.again_for is not null))
            order by f.id desc limit %(most)s for update
        )
        update fetched_mail f
        set stage = 'listed', stage_at = now(), generation = generation + 1, republished = 0, fetch_failures = 0,
            again_for = case when f.stage = 'served' or f.again_for is not null then f.again_for || %(monitors)s::bigint[] end
        from missed where f.id = missed.id returning f.id
        """,
        {
            "mailbox": mailbox_id,
            "monitors": list(monitor_ids),
            "since": since,
            "bound": CATCH_UP,
            "most": MOST_MAILS,
        },
    ).fetchall()
    connection.execute("update mailboxes set next_poll_at = now() where id = %s", (mailbox_id,))
    return len(rows)
