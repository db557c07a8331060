"""Monitors, their conditions, and the mailboxes they look into."""

from __future__ import annotations

from shared.domain.installation import MonitorRecord
from shared.domain.monitors import Condition, Field, MonitorAction, Operator
from shared.storage import monitor_pauses
from shared.storage.database import Connection
from shared.storage.provisioning.mailbox_links import link


def save(connection: Connection, monitor: MonitorRecord) -> None:
    """Creates or updates a monitor with all its conditions. A new one is due at once.

    One that waits for a passed check goes on waiting, unless it is not to be active anyway. One that is not paused any more
    gets what it missed (monitor_pauses).
    """
    mailbox_id = link(connection, monitor.email, monitor.key)
    saved = connection.execute(
        """
        insert into monitors as m (
            uid, customer_id, mailbox_id, name, identify_by, locked, status, read_junk, disposal, move_to, dry_run,
            ignore_machine_mail, plus_addressing, blacklist_scope, only_mail_from, poll_seconds)
        values (%s, (select id from customers where uid = %s), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (uid) do update set
            mailbox_id = excluded.mailbox_id, name = excluded.name, identify_by = excluded.identify_by,
            locked = excluded.locked, status = case when m.inactive_reason is not null and excluded.status = 'active' then 'inactive' else excluded.status end,
            inactive_reason = case when excluded.status = 'active' then m.inactive_reason end,
            read_junk = excluded.read_junk, disposal = excluded.disposal, move_to = excluded.move_to,
            dry_run = excluded.dry_run, ignore_machine_mail = excluded.ignore_machine_mail,
            plus_addressing = excluded.plus_addressing, blacklist_scope = excluded.blacklist_scope,
            only_mail_from = excluded.only_mail_from, poll_seconds = excluded.poll_seconds
        returning id
        """,
        (
            monitor.uid, monitor.customer, mailbox_id, monitor.name, monitor.identify_by, monitor.locked, monitor.status,
            monitor.read_junk, monitor.disposal, monitor.move_to, monitor.dry_run, monitor.ignore_machine_mail,
            monitor.plus_addressing, monitor.blacklist_scope, monitor.only_mail_from, monitor.poll_seconds,
        ),
    ).fetchone()  # fmt: skip
    assert saved is not None
    _save_conditions(connection, saved[0], monitor.conditions)
    monitor_pauses.note(connection, [saved[0]])


def _save_conditions(connection: Connection, monitor_id: int, conditions: tuple[Condition, ...]) -> None:
    # One statement: a file may hold thousands of monitors.
    connection.execute(
        """
        with wanted as (
            select * from unnest(%(fields)s::text[], %(operators)s::text[], %(values)s::text[], %(any_case)s::boolean[],
                                 %(any_content)s::boolean[], %(actions)s::text[], %(targets)s::text[])
                with ordinality as t (field, operator, value, ignore_case, any_content, action, target_uid, position)),
        gone as (delete from monitor_conditions where monitor_id = %(monitor)s and position > %(count)s)
        insert into monitor_conditions (monitor_id, position, field, operator, value, ignore_case, any_content, action,
                                        target_uid)
        select %(monitor)s, position, field, operator, value, ignore_case, any_content, action, target_uid from wanted
        on conflict (monitor_id, position) do update set
            field = excluded.field, operator = excluded.operator, value = excluded.value, ignore_case = excluded.ignore_case,
            any_content = excluded.any_content, action = excluded.action, target_uid = excluded.target_uid
        """,
        {
            "monitor": monitor_id,
            "count": len(conditions),
            "fields": [one.field.value for one in conditions],
            "operators": [one.operator.value for one in conditions],
            "values": [one.value for one in conditions],
            "any_case": [one.ignore_case for one in conditions],
            "any_content": [one.any_content for one in conditions],
            "actions": [one.action.value for one in conditions],
            "targets": [one.target for one in conditions],
        },
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
