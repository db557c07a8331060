"""What an operator orders of a mailbox: pause, resume, dry run, a poll now, and a clean start for tokens and leases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.storage import tokens
from shared.storage.database import Connection
from shared.storage.send_wakes import resume


@dataclass(frozen=True, slots=True)
class Changed:
    """One mailbox link and whether the order changed anything there. owner: customer uid, None for the system's."""

    mailbox_id: int
    api_key_id: int
    email: str
    provider: str
    owner: str | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a reset of tokens did."""

    tokens: int
    expired_leases: int
    live_leases: int


def set_paused(connection: Connection, email: str, provider: str | None, *, paused: bool) -> list[Changed]:
    """Pauses or resumes every link to an address. A poll under way ends in its own time; a resumed one is due at once."""
    found = links(connection, email, provider)
    changed = {
        row[0]
        for row in connection.execute(
            """
            update mailboxes set paused = %(paused)s, next_poll_at = case when %(paused)s then next_poll_at else now() end
            where id = any(%(ids)s) and paused <> %(paused)s returning id
            """,
            {"ids": [link.mailbox_id for link in found], "paused": paused},
        )
    }
    return _marked(found, changed)


def set_dry_run(connection: Connection, email: str, provider: str | None, *, dry_run: bool) -> list[Changed]:
    """Puts every bounce server on an address into dry run, or out of it. What was logged in dry run stays without effect."""
    found = links(connection, email, provider)
    changed = {
        row[0]
        for row in connection.execute(
            """
            update bounce_servers set dry_run = %(dry)s where mailbox_id = any(%(ids)s) and dry_run <> %(dry)s
            returning mailbox_id
            """,
            {"ids": [link.mailbox_id for link in found], "dry": dry_run},
        )
    }
    return _marked(found, changed)


def start(connection: Connection, mailbox_id: int, *, dry_run: bool, only_new: bool) -> list[str]:
    """Activates every bounce server on a mailbox and has it polled at once; returns their names.

    dry_run: puts them into dry run; else they stay as they are. only_new: mail that was received until now is not theirs.
    """
    rows = connection.execute(
        """
        update bounce_servers
        set status = 'active', inactive_reason = null, dry_run = dry_run or %s,
            only_mail_from = case when %s then now() else only_mail_from end
        where mailbox_id = %s returning name
        """,
        (dry_run, only_new, mailbox_id),
    ).fetchall()
    connection.execute("update mailboxes set paused = false where id = %s", (mailbox_id,))
    poll_now(connection, [mailbox_id], requested_for=None)
    return sorted(str(row[0]) for row in rows)


def start_sending(connection: Connection, mailbox_id: int) -> list[str]:
    """Activates the delivery servers of a mailbox that waited for a check (A070), and tries at once what is held for a person there.

    Returns the names of those that were activated.
    """
    rows = connection.execute(
        """
        update delivery_servers set status = 'active', inactive_reason = null
        where mailbox_id = %s and inactive_reason is not null returning name
        """,
        (mailbox_id,),
    ).fetchall()
    connection.execute(
        "update mailboxes set connection = 'unknown' where id = %s and connection = 'not connected'", (mailbox_id,)
    )
    resume(connection, [mailbox_id])
    return sorted(str(row[0]) for row in rows)


def poll_now(connection: Connection, mailbox_ids: Sequence[int], *, requested_for: timedelta | None) -> None:
    """Makes mailboxes due at once, also where a refused key or token was waiting for its hourly try.

    requested_for: None leaves it to the scheduler; else the mark that this process publishes the poll itself.
    """
    connection.execute(
        """
        update mailboxes set next_poll_at = now(), poll_requested_until = now() + %s::interval where id = any(%s)
        """,
        (requested_for, list(mailbox_ids)),
    )
    connection.execute(
        "update api_keys set retry_at = now() where retry_at > now() and id in (select api_key_id from mailboxes where id = any(%s))",
        (list(mailbox_ids),),
    )
    connection.execute(
        """
        update access_tokens set retry_at = null
        where retry_at > now() and api_key_id in (select api_key_id from mailboxes where id = any(%s))
        """,
        (list(mailbox_ids),),
    )


def clear_tokens(connection: Connection, email: str | None) -> Cleared:
    """Drops cached tokens and expired leases, of one address or of all. A live lease stays: its process is at work (A188).

    Expired leases lose their mark too, so that the mailbox is due at once.
    """
    dropped = tokens.reset(connection, email)
    expired = connection.execute(
        """
        update mailboxes set lease_holder = null, leased_until = null, poll_requested_until = null, next_poll_at = now()
        where leased_until <= now() and (%(email)s::text is null or email = %(email)s)
        """,
        {"email": email},
    ).rowcount
    row = connection.execute(
        "select count(*) from mailboxes where leased_until > now() and (%(email)s::text is null or email = %(email)s)",
        {"email": email},
    ).fetchone()
    return Cleared(dropped, expired, int(row[0]) if row else 0)


def links(connection: Connection, email: str | None, provider: str | None = None) -> list[Changed]:
    """The links to an address, or all of them; `changed` is False in each."""
    rows = connection.execute(
        """
        select m.id, m.api_key_id, m.email, m.provider, c.uid, false
        from mailboxes m left join customers c on c.id = m.customer_id
        where (%(email)s::text is null or m.email = %(email)s) and (%(provider)s::text is null or m.provider = %(provider)s)
        order by m.email, m.provider, c.uid nulls first
        """,
        {"email": email, "provider": provider},
    )
    return [Changed(*row) for row in rows]


def links_of_servers(connection: Connection, uids: Sequence[str]) -> list[Changed]:
    """The links that these servers use, each once."""
    rows = connection.execute(
        """
        select m.id, m.api_key_id, m.email, m.provider, c.uid, false
        from mailboxes m left join customers c on c.id = m.customer_id
        where exists (select from bounce_servers b where b.mailbox_id = m.id and b.uid = any(%(uids)s))
           or exists (select from delivery_servers d where d.mailbox_id = m.id and d.uid = any(%(uids)s))
           or exists (select from monitors o where o.mailbox_id = m.id and o.uid = any(%(uids)s))
        order by m.email, m.provider, c.uid nulls first
        """,
        {"uids": list(uids)},
    )
    return [Changed(*row) for row in rows]


def _marked(found: list[Changed], changed: set[int]) -> list[Changed]:
    return [
        Changed(link.mailbox_id, link.api_key_id, link.email, link.provider, link.owner, link.mailbox_id in changed)
        for link in found
    ]
