"""Whether a blacklist entry that a monitor made is needed by something else by now."""

from __future__ import annotations

from datetime import datetime

from shared.storage.database import Connection


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
