"""Unknown sends that are to be looked up in Sent Items, and sent mails whose ids are to be read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from shared.storage.database import Connection

# To whom a send `s` goes first.
_TO: Final = """
    coalesce((select r.address from send_recipients r where r.send_id = s.id and r.kind = 'to' order by r.position limit 1), '')
"""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A send that may have left. since: when it was first handed over, aware UTC. to: its first To address, as it goes out; may be empty."""

    send_id: int
    server_id: int
    message_id: str
    reference: str
    draft_id: str | None
    since: datetime
    to: str
    attempts: int
    lookups: int
    expires_at: datetime | None
    reason: str
    holder: str


def take_unknown(connection: Connection, holder: str, lease: timedelta, limit: int) -> list[Unknown]:
    """Unknown sends whose next look is due, of one server, which the holder then looks for until the lease ends.

    Only one sender looks into a mailbox at a time: what it has read there serves for all of them.
    """
    with connection.cursor(row_factory=class_row(Unknown)) as cursor:
        return cursor.execute(
            f"""
            with first as (
                select s.server_id from sends s
                where s.state = 'unknown' and s.due_at <= now() and not exists (
                    select from sends b where b.server_id = s.server_id and b.state = 'unknown'
                    and b.claimed_by is not null and b.due_at > now())
                order by s.due_at limit 1 for update skip locked
            ),
            due as (
                select s.id from sends s
                where s.state = 'unknown' and s.due_at <= now() and s.server_id = (select server_id from first)
                order by s.due_at limit %s for update skip locked
            )
            update sends s set due_at = clock_timestamp() + %s, claimed_by = %s from due where due.id = s.id
            returning s.id as send_id, s.server_id, s.message_id, s.reference, s.draft_id,
                      coalesce(s.first_call_at, s.accepted_at) as since, {_TO} as to, s.attempts, s.lookups, s.expires_at,
                      s.reason, s.claimed_by as holder
            """.encode(),
            (limit, lease, holder),
        ).fetchall()


def take_for_person(connection: Connection, holder: str, uids: Sequence[UUID]) -> dict[int, UUID]:
    """Those of the sends that are unknown, which are the holder's from now on."""
    rows = connection.execute(
        "update sends set claimed_by = %s where uid = any(%b) and state = 'unknown' returning id, uid",
        (holder, list(uids)),
    )
    return {row[0]: row[1] for row in rows}


def renew(connection: Connection, held: Sequence[tuple[int, str]], lease: timedelta) -> list[tuple[int, str]]:
    """Each holder goes on looking for what it looks for; what was taken from it stays taken. Returns what was kept."""
    rows = connection.execute(
        """
        update sends s set due_at = clock_timestamp() + %s
        from unnest(%s::bigint[], %s::text[]) as t (id, holder)
        where s.id = t.id and s.claimed_by = t.holder and s.state = 'unknown' returning s.id, t.holder
        """,
        (lease, [send_id for send_id, _ in held], [holder for _, holder in held]),
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A sent mail whose Message-ID is not known as the provider made it."""

    send_id: int
    server_id: int
    message_id: str
    reference: str
    provider_mail_id: str | None
    since: datetime
    to: str
    tries: int


def ask_read_back(connection: Connection, send_ids: Sequence[int], after: timedelta) -> None:
    """The ids of these sent mails are to be read, not before `after`."""
    connection.execute(
        """
        insert into send_read_backs (send_id, server_id, due_at)
        select id, server_id, now() + %s from sends where id = any(%s) and state = 'sent' on conflict do nothing
        """,
        (after, list(send_ids)),
    )


def take_read_backs(connection: Connection, lease: timedelta, limit: int) -> list[ReadBack]:
    """Due ones of one server; nobody else takes them until the lease ends."""
    with connection.cursor(row_factory=class_row(ReadBack)) as cursor:
        return cursor.execute(
            f"""
            with first as (
                select server_id from send_read_backs where due_at <= now() order by due_at limit 1 for update skip locked
            ),
            due as (
                select send_id from send_read_backs where due_at <= now() and server_id = (select server_id from first)
                order by due_at limit %s for update skip locked
            )
            update send_read_backs b set due_at = clock_timestamp() + %s, tries = b.tries + 1
            from due, sends s where due.send_id = b.send_id and s.id = b.send_id
            returning b.send_id, b.server_id, s.message_id, s.reference, s.provider_mail_id,
                      coalesce(s.first_call_at, s.accepted_at) as since, {_TO} as to, b.tries
            """.encode(),
            (limit, lease),
        ).fetchall()


def read_back(connection: Connection, found: Sequence[tuple[int, str | None, str | None]]) -> None:
    """What Sent Items told: (send, the provider's id, the Message-ID as it left). Reports that quote them can now be tied."""
    connection.execute(
        """
        with found as (
            select * from unnest(%s::bigint[], %s::text[], %s::text[]) as t (send_id, provider_mail_id, message_id)
        ),
        known as (
            update sends s set provider_mail_id = coalesce(f.provider_mail_id, s.provider_mail_id)
            from found f where f.send_id = s.id returning s.id, s.sent_mail_id, f.message_id
        ),
        done as (delete from send_read_backs b using found f where b.send_id = f.send_id)
        update sent_mail l set actual_message_id = k.message_id
        from known k where k.sent_mail_id = l.id and k.message_id is not null and k.message_id <> l.message_id
        """,
        ([row[0] for row in found], [row[1] for row in found], [row[2] for row in found]),
    )


def give_up_read_backs(connection: Connection, send_ids: Sequence[int]) -> None:
    """Nobody will learn them."""
    connection.execute("delete from send_read_backs where send_id = any(%s)", (list(send_ids),))


def read_back_later(connection: Connection, send_ids: Sequence[int], after: timedelta) -> None:
    """Not there yet, or nobody could look."""
    connection.execute(
        "update send_read_backs set due_at = now() + %s where send_id = any(%s)", (after, list(send_ids))
    )
