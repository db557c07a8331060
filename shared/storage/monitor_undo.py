"""Taking back what a monitor did, while nothing later has touched it. All of an action, or nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.errors import ApiConnectError
from shared.domain.monitors import MonitorAction
from shared.storage import blacklist_causes, deleted_subscribers
from shared.storage.database import Connection


class NotUndone(ApiConnectError):
    """The action stays as it is, and why."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back. text: one sentence for a person."""

    log_id: int
    subscriber: str
    text: str


@dataclass(frozen=True, slots=True)
class _Done:
    log_id: int
    mail_id: int
    logged_at: datetime
    subscriber_id: int
    email: str
    before: dict[str, Any]
    after: dict[str, Any]


# A change that was itself undone touches nothing any more.
_LATER = """
    exists (select from subscriber_changes h where h.subscriber_id = s.id
              and (h.changed_at > %(logged_at)s or h.monitor_log_id > %(log)s)
              and h.monitor_log_id is distinct from %(log)s
              and not exists (select from monitor_log g where g.id = h.monitor_log_id and g.effect = 'undone'))
"""


def undo(connection: Connection, log_id: int, by: str, *, customer: str | None = None) -> Undone:
    """Takes one action back and notes who asked for it. Raises NotUndone; then nothing was changed.

    customer: uid of the customer who asks; only what its own monitors did to its own subscribers is there for it.
    Locks the row of the log, then blacklist entries, then subscribers in the order of their ids.
    """
    row = connection.execute(
        """
        select g.effect, g.condition ->> 'action', g.undone_at, g.id, g.mail_id, g.logged_at, g.subscriber_id,
               g.subscriber_email, coalesce(g.before, '{}'), coalesce(g.after, '{}')
        from monitor_log g
        where g.id = %(log)s and (%(customer)s::text is null or exists (
            select from customers c where c.uid = %(customer)s and c.id = g.customer_id and c.id = g.owner_id))
        for update of g
        """,
        {"log": log_id, "customer": customer},
    ).fetchone()
    if row is None:
        raise NotUndone(f"there is no action {log_id}")
    effect, action, undone_at = row[:3]
    if undone_at is not None:
        raise NotUndone(f"action {log_id} was undone already")
    if effect != "done":
        raise NotUndone(f"action {log_id} changed nothing ({effect}), so there is nothing to undo")
    done = _Done(*row[3:])
    try:
        with connection.transaction():
            text = _WAYS[MonitorAction(action)](connection, done)
    except NotUndone:
        if customer is not None and done.after.get("everywhere"):
            # What keeps an entry of everybody's may be another customer's.
            raise NotUndone("something later needs the entry, or changed who it is for") from None
        raise
    connection.execute(
        "update monitor_log set effect = 'undone', undone_at = now(), undone_by = %s where id = %s", (by, log_id)
    )
    return Undone(log_id, done.email, text)


def _status(connection: Connection, done: _Done) -> str:
    before, after = done.before["status"], done.after["status"]
    if not _restore_status(connection, done, done.subscriber_id, before, after, done.after["change"]):
        raise NotUndone("the subscriber is not there any more")
    return f"is {before} again"


def _restore_status(
    connection: Connection, done: _Done, subscriber_id: int, before: str, after: str, change: int
) -> bool:
    """Whether the subscriber is there. Raises NotUndone where something later decided about it."""
    row = connection.execute(
        """
        select s.status, exists (
                   select from subscriber_changes h where h.subscriber_id = s.id and h.id > %(change)s
                     and not exists (select from monitor_log g where g.id = h.monitor_log_id and g.effect = 'undone')),
               (select b.source from blacklist b
                where b.address = s.email and (b.customer_id is null or b.customer_id = s.customer_id)
                  and (b.expires_at is null or b.expires_at > now()) and b.added_at > %(logged_at)s
                  and b.monitor_log_id is distinct from %(log)s limit 1)
        from subscribers s where s.id = %(id)s for update
        """,
        {"change": change, "logged_at": done.logged_at, "log": done.log_id, "id": subscriber_id},
    ).fetchone()
    if row is None:
        return False
    if row[0] != after or row[1]:
        raise NotUndone(f"something later changed the subscriber, who is {row[0]} now")
    if row[2] is not None:
        raise NotUndone(f"the address was blacklisted since, because of {row[2]}")
    connection.execute("update subscribers set status = %s, changed_at = now() where id = %s", (before, subscriber_id))
    connection.execute(
        "insert into subscriber_changes (subscriber_id, before, after, cause, monitor_log_id) values (%s, %s, %s, 'undo', %s)",
        (subscriber_id, after, before, done.log_id),
    )
    return True


def _blacklist(connection: Connection, done: _Done) -> str:
    entry = done.after["entry"]
    if entry is not None:
        other = blacklist_causes.cause_of_another(
            connection, entry, log_id=done.log_id, mail_id=done.mail_id, since=done.logged_at
        )
        if other is not None:
            raise NotUndone(f"the entry has another cause by now: {other}")
        connection.execute("delete from blacklist where id = %s", (entry,))
    for one in sorted(done.before["subscribers"], key=lambda one: int(one["subscriber"])):
        _restore_status(connection, done, one["subscriber"], one["status"], "blacklisted", one["change"])
    born = 0
    if entry is not None:
        born = blacklist_causes.free_born(connection, done.log_id, done.email)
    own = [str(one["status"]) for one in done.before["subscribers"] if one["subscriber"] == done.subscriber_id]
    said = [*(["is off the blacklist"] if entry is not None else []), *(f"is {one} again" for one in own)]
    # Of an entry for everybody they may be other customers'; how many is not told.
    since = f"; {born} of its rows made since {'is' if born == 1 else 'are'} free too"
    return " and ".join(said) + (since if born and not done.after.get("everywhere") else "")


def _delete(connection: Connection, done: _Done) -> str:
    return f"is on its list again, {_put_back(connection, done.before)}"


def _put_back(connection: Connection, row: dict[str, Any]) -> str:
    status, why_not = deleted_subscribers.put_back(connection, row)
    if status is None:
        raise NotUndone(why_not)
    return status


def _move(connection: Connection, done: _Done) -> str:
    if done.after.get("removed"):
        return f"is on its old list again, {_put_back(connection, done.before)}, and stays on the other"
    row = connection.execute(
        f"""
        select s.list_id = %(now)s, s.status <> %(status)s or {_LATER},
               exists (select from lists where id = %(list)s),
               exists (select from subscribers o where o.list_id = %(list)s and o.email = s.email)
        from subscribers s where s.id = %(subscriber)s for update
        """.encode(),
        {**done.before, "now": done.after["list_id"], "logged_at": done.logged_at, "log": done.log_id},
    ).fetchone()
    reasons = (
        (row is None, "the subscriber is not there any more"),
        (row and not row[0], "the subscriber was moved on since"),
        (row and row[1], "something later changed the subscriber's status"),
        (row and not row[2], "the old list is gone"),
        (row and row[3], "the old list has the address again"),
    )
    _refuse_for(reasons)
    connection.execute(
        "update subscribers set list_id = %s where id = %s", (done.before["list"], done.before["subscriber"])
    )
    return "is on its old list again"


def _copy(connection: Connection, done: _Done) -> str:
    row = connection.execute(
        f"""
        select s.status <> %(status)s or {_LATER}, l.uid <> %(list)s,
               exists (select from sent_recipients r where r.subscriber_id = s.id),
               exists (select from campaign_group_stops t where t.subscriber_id = s.id)
        from subscribers s join lists l on l.id = s.list_id where s.id = %(made)s for update of s
        """.encode(),
        {**done.after, "logged_at": done.logged_at, "log": done.log_id},
    ).fetchone()
    reasons = (
        (row is None, f"the row on {done.after['list']} is gone"),
        (row and row[0], f"something later changed the row's status on {done.after['list']}"),
        (row and row[1], "the row was moved to another list since"),
        (row and row[2], f"the row on {done.after['list']} was sent to since"),
        (row and row[3], f"the row on {done.after['list']} was stopped for a campaign group since"),
    )
    _refuse_for(reasons)
    connection.execute("delete from subscribers where id = %s", (done.after["made"],))
    return f"is off {done.after['list']} again"


def _group(connection: Connection, done: _Done) -> str:
    gone = connection.execute(
        """
        delete from campaign_group_stops where group_id = %s and subscriber_id = %s and cause = 'monitor' and stopped_at = %s
        returning 1
        """,
        (done.after["group"], done.subscriber_id, done.logged_at),
    ).fetchone()
    if gone is None:
        raise NotUndone(f"the stop for {done.after['group_uid']} is gone, or somebody else's by now")
    count = done.after.get("cancelled", 0)
    stay = f"; the {'send' if count == 1 else f'{count} sends'} cancelled then {'stays' if count == 1 else 'stay'} so"
    return f"gets mail of {done.after['group_uid']} again" + (stay if count else "")


def _refuse_for(reasons: tuple[tuple[Any, str], ...]) -> None:
    for holds, reason in reasons:
        if holds:
            raise NotUndone(reason)


_WAYS: dict[MonitorAction, Callable[[Connection, _Done], str]] = {
    MonitorAction.UNSUBSCRIBE: _status,
    MonitorAction.UNCONFIRM: _status,
    MonitorAction.BLACKLIST: _blacklist,
    MonitorAction.DELETE: _delete,
    MonitorAction.MOVE_TO_LIST: _move,
    MonitorAction.COPY_TO_LIST: _copy,
    MonitorAction.STOP_CAMPAIGN_GROUP: _group,
}
