"""What a blacklist entry of a monitor's has caused, and whether something else needs it by now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.storage.database import Connection

SOLE_CAUSE: Final = """
    (select case when count(*) = 1 then min(b.monitor_log_id) end from blacklist b
     where b.address = {address} and (b.customer_id is null or b.customer_id = {customer})
       and (b.expires_at is null or b.expires_at > now()))
"""
"""SQL: the monitor's action that alone has an address on the blacklist, null if there is none or another entry as well."""


def cause_of_another(
    connection: Connection, entry_id: int, *, log_id: int, mail_id: int, since: datetime
) -> str | None:
    """The other cause in words, None if the entry stands for the monitor's row `log_id` alone, or is gone already.

    mail_id, since: the mail that the row is about, and when it was logged: later causes count, and other mails of the person.
    Locks the entry.
    """
    entry = connection.execute(
        "select address, customer_id, source, monitor_log_id, operator_at, bounce_id from blacklist where id = %s for update",
        (entry_id,),
    ).fetchone()
    if entry is None:
        return None
    address, customer_id, source, of_log, operator_at, bounce_id = entry
    if operator_at is not None:
        return "an operator wants it too"
    if source != "monitor" or of_log != log_id or bounce_id is not None:
        return f"it stands because of {source}"
    bounced = connection.execute(
        """
        select id from bounce_log
        where recipient = %(address)s and effect = 'blacklisted' and effect_at >= %(since)s
          and (%(customer)s::bigint is null or customer_id = %(customer)s) order by id limit 1
        """,
        {"address": address, "since": since, "customer": customer_id},
    ).fetchone()
    if bounced is not None:
        return f"a hard bounce (row {bounced[0]} of the bounce log)"
    asked = connection.execute(
        """
        select id from monitor_log
        where subscriber_email = %(address)s and condition ->> 'action' = 'blacklist' and effect in ('done', 'already')
          and id > %(log)s and mail_id <> %(mail)s and (%(customer)s::bigint is null or customer_id = %(customer)s)
        order by id limit 1
        """,
        {"address": address, "log": log_id, "mail": mail_id, "customer": customer_id},
    ).fetchone()
    return f"another mail asked for it (action {asked[0]})" if asked is not None else None


def note_born(connection: Connection, subscriber_ids: Sequence[int], wished: Sequence[str]) -> int:
    """Notes of new subscribers who are `blacklisted` only because of one monitor's action what they were to be instead.

    An undo of that action goes by it. wished: for each its status without the blacklist. Returns how many it is said of.
    """
    return connection.execute(
        f"""
        insert into subscriber_changes (subscriber_id, before, after, cause, monitor_log_id)
        select found.id, found.wished, 'blacklisted', 'blacklist', found.log_id
        from (select s.id, t.wished, {SOLE_CAUSE.format(address="s.email", customer="s.customer_id")} as log_id
              from unnest(%s::bigint[], %s::text[]) as t (id, wished) join subscribers s on s.id = t.id
              where s.status = 'blacklisted' and t.wished <> 'blacklisted') found
        where found.log_id is not null order by found.id
        """.encode(),
        (list(subscriber_ids), list(wished)),
    ).rowcount


def note_copied(connection: Connection, subscriber_id: int, copy_id: int) -> None:
    """The same of a copy of a subscriber whose last change was one monitor's blacklisting."""
    last = connection.execute(
        "select before, after from subscriber_changes where subscriber_id = %s order by id desc limit 1",
        (subscriber_id,),
    ).fetchone()
    if last is not None and last[1] == "blacklisted":
        note_born(connection, [copy_id], [str(last[0])])


def free_born(connection: Connection, log_id: int, address: str) -> int:
    """The other way round, once the action's entry is gone: returns how many have the status that they were to have.

    Those whom something later changed, or whom another entry covers, stay as they are. Locks the subscribers.
    """
    return connection.execute(
        """
        with born as (
            select s.id, h.before from subscribers s
            join lateral (select * from subscriber_changes h where h.subscriber_id = s.id order by h.id desc limit 1) h on true
            where s.email = %(address)s and s.status = 'blacklisted' and h.after = 'blacklisted' and h.cause = 'blacklist'
              and h.monitor_log_id = %(log)s
              and not exists (
                  select from blacklist b where b.address = s.email and (b.customer_id is null or b.customer_id = s.customer_id)
                    and (b.expires_at is null or b.expires_at > now()))
            order by s.id for update of s
        ),
        freed as (
            update subscribers s set status = born.before, changed_at = now() from born where born.id = s.id
            returning s.id, born.before
        )
        insert into subscriber_changes (subscriber_id, before, after, cause, monitor_log_id)
        select id, 'blacklisted', before, 'undo', %(log)s from freed order by id
        """,
        {"address": address, "log": log_id},
    ).rowcount
