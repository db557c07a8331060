"""What a monitor's action does to one subscriber (docs/adr/0010-monitors.md has the table); monitor_undo.py takes it back.

Each function locks the subscriber's row first. The caller goes through subscribers in the order of their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.domain.monitor_words import sends_cancelled
from shared.domain.monitors import Condition, MonitorAction
from shared.storage import blacklist_causes, deleted_subscribers, send_cancels
from shared.storage.database import Connection
from shared.storage.send_cancels import Cancelled


@dataclass(frozen=True, slots=True)
class Effect:
    """What came of an action. effect: done, already (nothing to change), invalid (the target is gone).

    cancelled: sends that waited and will not leave; the caller tells their askers.
    """

    effect: str
    detail: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    cancelled: tuple[Cancelled, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    subscriber_id: int
    uid: str
    customer_id: int
    list_id: int
    email: str
    status: str


def carry_out(
    connection: Connection, log_id: int, subscriber_id: int, condition: Condition, *, global_blacklist: bool
) -> Effect:
    """Does what the condition says to one subscriber. log_id: the row of the monitors' log that it is for."""
    row = _locked(connection, subscriber_id)
    if row is None:
        return Effect("already", "the subscriber is not there any more")
    match condition.action:
        case MonitorAction.UNSUBSCRIBE:
            return _set_status(connection, log_id, row, "unsubscribed", kept={"blacklisted", "unsubscribed"})
        case MonitorAction.UNCONFIRM:
            return _set_status(
                connection, log_id, row, "unconfirmed", kept={"blacklisted", "unsubscribed", "unconfirmed"}
            )
        case MonitorAction.BLACKLIST:
            return _blacklist(connection, log_id, row, everywhere=global_blacklist)
        case MonitorAction.DELETE:
            return _delete(connection, row)
        case MonitorAction.MOVE_TO_LIST | MonitorAction.COPY_TO_LIST:
            return _to_list(connection, row, condition)
        case MonitorAction.STOP_CAMPAIGN_GROUP:
            return _stop_group(connection, log_id, row, condition)


def would_do(connection: Connection, subscriber_id: int, condition: Condition, *, global_blacklist: bool) -> Effect:
    """What `carry_out` would do now: it is done, and taken back at once."""
    with connection.transaction(force_rollback=True):
        return carry_out(connection, 0, subscriber_id, condition, global_blacklist=global_blacklist)


def _locked(connection: Connection, subscriber_id: int) -> _Row | None:
    row = connection.execute(
        "select id, uid, customer_id, list_id, email, status from subscribers where id = %s for update",
        (subscriber_id,),
    ).fetchone()
    return _Row(*row) if row else None


def _set_status(connection: Connection, log_id: int, row: _Row, status: str, *, kept: set[str]) -> Effect:
    if row.status in kept:
        return Effect("already", f"is {row.status}")
    connection.execute(
        "update subscribers set status = %s, changed_at = now() where id = %s", (status, row.subscriber_id)
    )
    change = _note_change(connection, log_id, row.subscriber_id, row.status, status)
    return Effect("done", "", {"status": row.status}, {"status": status, "change": change})


def _note_change(connection: Connection, log_id: int, subscriber_id: int, before: str, after: str) -> int:
    noted = connection.execute(
        """
        insert into subscriber_changes (subscriber_id, before, after, cause, monitor_log_id)
        values (%s, %s, %s, 'monitor', %s) returning id
        """,
        (subscriber_id, before, after, log_id),
    ).fetchone()
    assert noted is not None
    return int(noted[0])


def _blacklist(connection: Connection, log_id: int, row: _Row, *, everywhere: bool) -> Effect:
    """An entry for everybody or the customer; every subscriber of that address in that scope becomes `blacklisted`."""
    entry = connection.execute(
        """
        insert into blacklist (customer_id, address, source, reason, monitor_log_id)
        values (%s, %s, 'monitor', 'asked for in a reply', %s)
        on conflict (customer_id, address) do update
        set source = excluded.source, reason = excluded.reason, monitor_log_id = excluded.monitor_log_id, bounce_id = null,
            added_at = now(), expires_at = null
        where blacklist.expires_at <= now()
        returning id
        """,
        (None if everywhere else row.customer_id, row.email, log_id),
    ).fetchone()
    rows = connection.execute(
        """
        select id, status from subscribers
        where email = %s and (%s or customer_id = %s) and status <> 'blacklisted' order by id for update
        """,
        (row.email, everywhere, row.customer_id),
    ).fetchall()
    changes = []
    for subscriber_id, status in rows:
        connection.execute(
            "update subscribers set status = 'blacklisted', changed_at = now() where id = %s", (subscriber_id,)
        )
        change = _note_change(connection, log_id, subscriber_id, status, "blacklisted")
        changes.append({"subscriber": subscriber_id, "status": status, "change": change})
    if entry is None and not changes:
        return Effect("already", "is blacklisted")
    after = {"entry": entry[0] if entry else None, "everywhere": everywhere, "status": "blacklisted"}
    return Effect("done", "", {"subscribers": changes}, after)


def _delete(connection: Connection, row: _Row) -> Effect:
    return Effect("done", "", deleted_subscribers.take_out(connection, row.subscriber_id), {})


def _to_list(connection: Connection, row: _Row, condition: Condition) -> Effect:
    """The address is on the target once; a row that is there already stays as it is (A158)."""
    target = connection.execute(
        "select id from lists where uid = %s and customer_id = %s for share", (condition.target, row.customer_id)
    ).fetchone()
    if target is None:
        return Effect("invalid", f"list {condition.target} is not there any more")
    if target[0] == row.list_id:
        return Effect("already", f"is on list {condition.target}")
    if condition.action is MonitorAction.MOVE_TO_LIST:
        return _move(connection, row, target[0], condition.target or "")
    made = connection.execute(
        """
        insert into subscribers (uid, customer_id, list_id, email, status)
        values (replace(gen_random_uuid()::text, '-', ''), %s, %s, %s, %s)
        on conflict (list_id, email) do nothing returning id
        """,
        (row.customer_id, target[0], row.email, row.status),
    ).fetchone()
    if made is None:
        return Effect("already", f"is on list {condition.target}")
    blacklist_causes.note_copied(connection, row.subscriber_id, made[0])
    return Effect("done", "", {}, {"list": condition.target, "made": made[0], "status": row.status})


def _move(connection: Connection, row: _Row, list_id: int, list_uid: str) -> Effect:
    """The row itself goes over, so that its uid and what was sent to it stay known; if the target has the address, it goes."""
    there = connection.execute(
        "select id from subscribers where list_id = %s and email = %s for update", (list_id, row.email)
    ).fetchone()
    if there is not None:
        before = deleted_subscribers.take_out(connection, row.subscriber_id)
        return Effect("done", "was on the target already", before, {"list": list_uid, "removed": True})
    connection.execute("update subscribers set list_id = %s where id = %s", (list_id, row.subscriber_id))
    return Effect("done", "", _as_json(row), {"list": list_uid, "list_id": list_id, "status": row.status})


def _stop_group(connection: Connection, log_id: int, row: _Row, condition: Condition) -> Effect:
    """The group skips the subscriber from now on, and what of it waits is cancelled.

    What a sender has in hand, or accepts at this moment, is stopped right before its call (send_claims.begin).
    """
    group = connection.execute(
        "select id from campaign_groups where uid = %s and customer_id = %s for share",
        (condition.target, row.customer_id),
    ).fetchone()
    if group is None:
        return Effect("invalid", f"campaign group {condition.target} is not there any more")
    stopped = connection.execute(
        """
        insert into campaign_group_stops (group_id, subscriber_id, cause) values (%s, %s, 'monitor')
        on conflict do nothing returning group_id
        """,
        (group[0], row.subscriber_id),
    ).fetchone()
    if stopped is None:
        return Effect("already", f"is stopped for {condition.target}")
    detail = f"A recipient asked for no more mail of campaign group {condition.target} (action {log_id} of a monitor)."
    cancelled = send_cancels.for_stopped_group(connection, group[0], row.email, detail)
    after = {"group": group[0], "group_uid": condition.target, "cancelled": len(cancelled)}
    return Effect("done", sends_cancelled(len(cancelled)), {}, after, tuple(cancelled))


def _as_json(row: _Row) -> dict[str, Any]:
    return {
        "subscriber": row.subscriber_id,
        "uid": row.uid,
        "customer": row.customer_id,
        "list": row.list_id,
        "email": row.email,
        "status": row.status,
    }
