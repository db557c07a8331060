"""Monitors, their conditions, and the mailboxes they look into."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.installation import MonitorRecord
from shared.domain.monitors import Condition, Field, MonitorAction, Operator
from shared.storage import monitor_pauses
from shared.storage.database import Connection
from shared.storage.provisioning.mailbox_links import columns, link_all


def save(connection: Connection, monitor: MonitorRecord) -> None:
    """Creates or updates a monitor with all its conditions; see save_all."""
    save_all(connection, [monitor])


def save_all(connection: Connection, monitors: Sequence[MonitorRecord]) -> None:
    """Creates or updates monitors with all their conditions, each uid once, in four statements for any number. New ones are due
    at once.

    One that waits for a passed check goes on waiting, unless it is not to be active anyway. One that is not paused any more
    gets what it missed (monitor_pauses).
    """
    if not monitors:
        return
    mailboxes = link_all(connection, [(one.email, one.key) for one in monitors])
    saved = connection.execute(
        """
        insert into monitors as m (
            uid, customer_id, mailbox_id, name, identify_by, locked, status, read_junk, disposal, move_to, dry_run,
            ignore_machine_mail, plus_addressing, blacklist_scope, only_mail_from, poll_seconds)
        select t.uid, c.id, t.mailbox_id, t.name, t.identify_by, t.locked, t.status, t.read_junk, t.disposal, t.move_to,
               t.dry_run, t.ignore_machine_mail, t.plus_addressing, t.blacklist_scope, t.only_mail_from, t.poll_seconds
        from unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::boolean[],
                    %s::text[], %s::text[], %s::boolean[], %s::boolean[], %s::boolean[], %s::text[], %s::timestamptz[],
                    %s::integer[]) with ordinality as t (
            uid, customer, mailbox_id, name, identify_by, locked, status, read_junk, disposal, move_to, dry_run,
            ignore_machine_mail, plus_addressing, blacklist_scope, only_mail_from, poll_seconds, n)
        left join customers c on c.uid = t.customer order by t.n
        on conflict (uid) do update set
            mailbox_id = excluded.mailbox_id, name = excluded.name, identify_by = excluded.identify_by,
            locked = excluded.locked,
            status = case when m.inactive_reason is not null and excluded.status = 'active' then 'inactive' else excluded.status end,
            inactive_reason = case when excluded.status = 'active' then m.inactive_reason end,
            read_junk = excluded.read_junk, disposal = excluded.disposal, move_to = excluded.move_to,
            dry_run = excluded.dry_run, ignore_machine_mail = excluded.ignore_machine_mail,
            plus_addressing = excluded.plus_addressing, blacklist_scope = excluded.blacklist_scope,
            only_mail_from = excluded.only_mail_from, poll_seconds = excluded.poll_seconds
        returning uid, id
        """,
        columns(
            (
                one.uid, one.customer, mailbox_id, one.name, one.identify_by, one.locked, one.status, one.read_junk,
                one.disposal, one.move_to, one.dry_run, one.ignore_machine_mail, one.plus_addressing,
                one.blacklist_scope, one.only_mail_from, one.poll_seconds,
            )
            for one, mailbox_id in zip(monitors, mailboxes, strict=True)
        ),
    ).fetchall()  # fmt: skip
    ids = {str(uid): int(row_id) for uid, row_id in saved}
    _save_conditions(connection, [(ids[one.uid], one.conditions) for one in monitors])
    monitor_pauses.note(connection, list(ids.values()))


def _save_conditions(connection: Connection, monitors: Sequence[tuple[int, tuple[Condition, ...]]]) -> None:
    connection.execute(
        """
        delete from monitor_conditions q using unnest(%s::bigint[], %s::integer[]) as t (monitor_id, count)
        where q.monitor_id = t.monitor_id and q.position > t.count
        """,
        ([monitor_id for monitor_id, _ in monitors], [len(conditions) for _, conditions in monitors]),
    )
    rows = [
        (
            monitor_id, position, one.field.value, one.operator.value, one.value, one.ignore_case, one.any_content,
            one.action.value, one.target,
        )
        for monitor_id, conditions in monitors
        for position, one in enumerate(conditions, start=1)
    ]  # fmt: skip
    if not rows:
        return
    connection.execute(
        """
        insert into monitor_conditions (monitor_id, position, field, operator, value, ignore_case, any_content, action,
                                        target_uid)
        select * from unnest(%s::bigint[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::boolean[],
                             %s::text[], %s::text[])
        on conflict (monitor_id, position) do update set
            field = excluded.field, operator = excluded.operator, value = excluded.value, ignore_case = excluded.ignore_case,
            any_content = excluded.any_content, action = excluded.action, target_uid = excluded.target_uid
        """,
        columns(rows),
    )


def read(connection: Connection) -> list[MonitorRecord]:
    """Every monitor with its conditions. One that waits for a passed check is wanted active: its file has not changed."""
    conditions: dict[int, list[Condition]] = {}
    for row in connection.execute(
        """
        select monitor_id, value, action, operator, field, ignore_case, any_content, target_uid
        from monitor_conditions order by monitor_id, position
        """
    ):
        condition = Condition(row[1], MonitorAction(row[2]), Operator(row[3]), Field(row[4]), row[5], row[6], row[7])
        conditions.setdefault(row[0], []).append(condition)
    rows = connection.execute(
        """
        select s.id, s.uid, s.name, m.provider, m.email, k.uid, c.uid, s.identify_by, s.locked,
               case when s.inactive_reason is null then s.status else 'active' end, s.read_junk, s.disposal, s.move_to,
               s.dry_run, s.ignore_machine_mail, s.plus_addressing, s.blacklist_scope, s.only_mail_from, s.poll_seconds
        from monitors s
        join mailboxes m on m.id = s.mailbox_id
        join api_keys k on k.id = m.api_key_id
        left join customers c on c.id = s.customer_id
        order by s.uid
        """
    )
    return [MonitorRecord(*(*row[1:], tuple(conditions.get(row[0], ())))) for row in rows]


def remove(connection: Connection, uid: str) -> None:
    """Deletes a monitor. Its log stays, under its name."""
    connection.execute("delete from monitors where uid = %s", (uid,))
