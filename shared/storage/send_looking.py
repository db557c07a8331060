"""Looking at sends: lists, and the story of one. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.storage.database import Connection

MOST = 1_000


@dataclass(frozen=True, slots=True)
class SendLine:
    """A send in a list. until: when it is due next, None once it is settled. recipients: how many."""

    uid: UUID
    customer: str
    integration: str
    idempotency_key: str
    state: str
    reason: str
    detail: str
    state_at: datetime
    accepted_at: datetime
    until: datetime | None
    server: str
    recipients: int
    attempts: int
    message_id: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a send's story."""

    at: datetime
    state: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SendStory:
    """A send, to whom, and step by step. actual_message_id, provider_mail_id: as the provider told them."""

    send: SendLine
    addresses: tuple[str, ...]
    steps: tuple[StepLine, ...]
    actual_message_id: str | None
    provider_mail_id: str | None
    campaign: str | None
    list: str | None
    correlation_id: str | None


_LINES = """
    select s.uid, c.uid as customer, s.integration, s.idempotency_key, s.state, s.reason, s.detail, s.state_at, s.accepted_at,
           case when s.state in ('accepted', 'deferred', 'unknown') then s.due_at end as until, d.uid as server,
           s.recipients, s.attempts, s.message_id, s.sent_at
    from sends s join customers c on c.id = s.customer_id join delivery_servers d on d.id = s.server_id
"""


def listed(
    connection: Connection,
    *,
    customer: str | None = None,
    state: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[SendLine]:
    """The latest first. since: accepted then or later."""
    with connection.cursor(row_factory=class_row(SendLine)) as cursor:
        return cursor.execute(
            f"""{_LINES}
            where (%(customer)s::text is null or c.uid = %(customer)s) and (%(state)s::text is null or s.state = %(state)s)
              and (%(since)s::timestamptz is null or s.accepted_at >= %(since)s)
            order by s.accepted_at desc, s.id desc limit %(limit)s
            """.encode(),
            {"customer": customer, "state": state, "since": since, "limit": min(limit, MOST)},
        ).fetchall()


def stories(
    connection: Connection, name: str, *, address: bool = False, customer: str | None = None, limit: int = 20
) -> list[SendStory]:
    """The sends that have this uid, idempotency key, Message-ID (ours or the provider's) or reference, the latest first.

    address: those to this address instead. customer: only this one's.
    """
    uid = _uuid(name)
    found = connection.execute(
        f"""
        select s.id from sends s
        where s.id in ({_TO_ADDRESS if address else _BY_NAME})
          and (%(customer)s::text is null or s.customer_id = (select id from customers where uid = %(customer)s))
        order by s.accepted_at desc, s.id desc limit %(limit)s
        """.encode(),
        {"name": name, "uid": uid, "customer": customer, "limit": limit},
    ).fetchall()
    return [_story(connection, row[0]) for row in found]


_TO_ADDRESS = "select send_id from send_recipients where address = %(name)s"
_BY_NAME = """
    select id from sends where uid = %(uid)s
    union select id from sends where idempotency_key = %(name)s
    union select id from sends where message_id = %(name)s
    union select id from sends where reference = %(name)s
    union select s.id from sends s join sent_mail m on m.id = s.sent_mail_id where m.actual_message_id = %(name)s
"""


def _story(connection: Connection, send_id: int) -> SendStory:
    with connection.cursor(row_factory=class_row(SendLine)) as cursor:
        (send,) = cursor.execute(f"{_LINES} where s.id = %s".encode(), (send_id,)).fetchall()
    with connection.cursor(row_factory=class_row(StepLine)) as cursor:
        steps = cursor.execute(
            "select at, state, reason, detail from send_steps where send_id = %s order by id", (send_id,)
        ).fetchall()
    addresses: Sequence[tuple[str]] = connection.execute(
        "select address from send_recipients where send_id = %s order by position", (send_id,)
    ).fetchall()
    rest = connection.execute(
        """
        select m.actual_message_id, s.provider_mail_id, p.uid, l.uid, s.client_correlation_id
        from sends s left join sent_mail m on m.id = s.sent_mail_id left join campaigns p on p.id = s.campaign_id
        left join lists l on l.id = s.list_id where s.id = %s
        """,
        (send_id,),
    ).fetchone()
    assert rest is not None
    return SendStory(send, tuple(row[0] for row in addresses), tuple(steps), *rest)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A request that was refused."""

    reason: str
    field: str
    detail: str
    rejected_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A request that was refused, for a list. customer: uid, None if an unknown one was named. integration: '' for the operator."""

    rejected_at: datetime
    integration: str
    customer: str | None
    idempotency_key: str
    reason: str
    field: str
    detail: str


def refused(
    connection: Connection,
    *,
    customer: str | None = None,
    integration: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[RefusedRow]:
    """Requests that were refused, the latest first; each is forgotten after 30 days."""
    with connection.cursor(row_factory=class_row(RefusedRow)) as cursor:
        return cursor.execute(
            """
            select q.rejected_at, q.integration, c.uid as customer, q.idempotency_key, q.reason, q.field, q.detail
            from rejected_requests q left join customers c on c.id = q.customer_id
            where (%(customer)s::text is null or c.uid = %(customer)s)
              and (%(integration)s::text is null or q.integration = %(integration)s)
              and q.rejected_at >= coalesce(%(since)s::timestamptz, '-infinity')
            order by q.rejected_at desc, q.id desc limit %(limit)s
            """,
            {"customer": customer, "integration": integration, "since": since, "limit": limit},
        ).fetchall()


def last_refused(connection: Connection, integration: str, key: str, since: datetime) -> RefusedLine | None:
    """The latest refusal of a request with this key."""
    with connection.cursor(row_factory=class_row(RefusedLine)) as cursor:
        return cursor.execute(
            """
            select reason, field, detail, rejected_at from rejected_requests
            where integration = %s and idempotency_key = %s and rejected_at >= %s order by id desc limit 1
            """,
            (integration, key, since),
        ).fetchone()


def now(connection: Connection) -> datetime:
    """PostgreSQL's time."""
    row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
