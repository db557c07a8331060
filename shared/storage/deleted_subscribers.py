"""A subscriber that is deleted and may come back: everything that hangs on the row goes into one JSON value, and out of it."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from shared.storage import blacklist_causes
from shared.storage.database import Connection


def take_out(connection: Connection, subscriber_id: int) -> dict[str, Any]:
    """Deletes a subscriber (locked by the caller); returns its row, its history and the campaign groups that skip it."""
    row = connection.execute(
        """
        delete from subscribers s where s.id = %s
        returning jsonb_build_object(
            'subscriber', s.id, 'uid', s.uid, 'customer', s.customer_id, 'list', s.list_id, 'email', s.email,
            'status', s.status, 'changed_at', s.changed_at,
            'changes', (select coalesce(jsonb_agg(h order by h.id), '[]') from subscriber_changes h
                        where h.subscriber_id = s.id),
            'stops', (select coalesce(jsonb_agg(t), '[]') from campaign_group_stops t where t.subscriber_id = s.id))
        """,
        (subscriber_id,),
    ).fetchone()
    assert row is not None
    taken: dict[str, Any] = row[0]
    return taken


def put_back(connection: Connection, row: dict[str, Any]) -> tuple[str | None, str]:
    """Brings a subscriber back with its id: (its status, ''), or (None, why it can't be).

    One whose address is on a blacklist by now comes back as blacklisted.
    """
    made = connection.execute(
        """
        insert into subscribers (id, uid, customer_id, list_id, email, status, changed_at)
        overriding system value
        select %(subscriber)s, %(uid)s, %(customer)s, %(list)s, %(email)s,
               case when exists (select from blacklist b where b.address = %(email)s
                                 and (b.customer_id is null or b.customer_id = %(customer)s)
                                 and (b.expires_at is null or b.expires_at > now()))
                    then 'blacklisted' else %(status)s end,
               coalesce(%(changed_at)s::timestamptz, now())
        where exists (select from lists where id = %(list)s)
        on conflict do nothing returning status
        """,
        {"changed_at": None, **row},
    ).fetchone()
    if made is None:
        return None, _why_not(connection, row)
    _put_back_what_hung_on_it(connection, row, str(made[0]))
    return str(made[0]), ""


def _why_not(connection: Connection, row: dict[str, Any]) -> str:
    found = connection.execute(
        """
        select exists (select from lists where id = %(list)s),
               exists (select from subscribers where list_id = %(list)s and email = %(email)s)
        """,
        row,
    ).fetchone()
    if found and not found[0]:
        return "its list is gone"
    return "its list has the address again" if found and found[1] else "its uid is another subscriber's by now"


def _put_back_what_hung_on_it(connection: Connection, row: dict[str, Any], status: str) -> None:
    connection.execute(
        """
        insert into subscriber_changes overriding system value
        select h.* from jsonb_populate_recordset(null::subscriber_changes, %s) h
        """,
        (Jsonb(row.get("changes", [])),),
    )
    if status != row["status"] and not blacklist_causes.note_born(connection, [row["subscriber"]], [row["status"]]):
        connection.execute(
            "insert into subscriber_changes (subscriber_id, before, after, cause) values (%s, %s, %s, 'undo')",
            (row["subscriber"], row["status"], status),
        )
    connection.execute(
        """
        insert into campaign_group_stops
        select t.* from jsonb_populate_recordset(null::campaign_group_stops, %s) t
        where exists (select from campaign_groups where id = t.group_id)
        """,
        (Jsonb(row.get("stops", [])),),
    )
    # What was sent to it knows it again, so that a reply or a report still finds it.
    connection.execute(
        """
        update sent_recipients r set subscriber_id = %(subscriber)s
        from sent_mail m
        where r.address = %(email)s and r.subscriber_id is null and m.id = r.sent_mail_id and m.list_id = %(list)s
        """,
        row,
    )
