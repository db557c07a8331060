"""Sends as accepting stores them, put in place for tests of delivering; and what is to be seen of them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from shared.domain.send_requests import NewRecipient, NewSend
from shared.storage import sends
from shared.storage.database import Database
from tests.builders import SEALER, a_customer
from tests.sending import a_request, wire

_numbers = count(1)


@dataclass(frozen=True)
class Stored:
    """A send that was accepted. key: its idempotency key, and its subject."""

    send_id: int
    uid: UUID
    key: str
    message_id: str


def a_send(
    database: Database,
    server_id: int,
    key: str = "",
    *,
    to: str = "",
    customer: str = "acme",
    integration: str = "shop",
    more: Mapping[str, Any] | None = None,
    subscriber_id: int | None = None,
    due_in: timedelta = timedelta(0),
    **columns: object,
) -> Stored:
    """A send that is due at once. more: fields of its request; columns: of its row."""
    return some_sends(
        database, server_id, [key or f"order-{next(_numbers)}"], to=to, customer=customer, integration=integration, more=more,
        subscriber_id=subscriber_id, due_in=due_in, **columns,
    )[0]  # fmt: skip


def some_sends(
    database: Database,
    server_id: int,
    keys: list[str],
    *,
    to: str = "",
    customer: str = "acme",
    integration: str = "shop",
    more: Mapping[str, Any] | None = None,
    subscriber_id: int | None = None,
    due_in: timedelta = timedelta(0),
    **columns: object,
) -> list[Stored]:
    """Many at once, in the order of `keys`."""
    customer_id = a_customer(database, customer)
    accepted = []
    for key in keys:
        uid, address = uuid4(), to or f"reader-{key}@example.net"
        plan = NewSend(
            uid, customer_id, customer, integration, key, b"", server_id, "", "", any_server=False, fail_over=False,
            recipients=(NewRecipient("to", address, subscriber_id),),
        )  # fmt: skip
        body = wire({**a_request(key, address, subject=key), **(more or {})})
        accepted.append(sends.Accepted(plan, f"{uid}@send.example.com", f"ref-{uid}", body))
    with database.transaction() as connection:
        sends.accept(connection, SEALER, accepted)
        uids = [one.plan.uid for one in accepted]
        for name, value in columns.items():
            connection.execute(f"update sends set {name} = %s where uid = any(%s)".encode(), (value, uids))
        connection.execute("update sends set due_at = due_at + %s where uid = any(%s)", (due_in, uids))
        found = dict(connection.execute("select uid, id from sends where uid = any(%s)", (uids,)).fetchall())
    return [Stored(found[one.plan.uid], one.plan.uid, one.plan.idempotency_key, one.message_id) for one in accepted]


@dataclass(frozen=True)
class Row:
    """A send as it stands."""

    state: str
    reason: str
    detail: str
    server_id: int
    attempts: int
    lookups: int
    due_at: datetime
    provider_mail_id: str | None
    sent_mail_id: int | None
    draft_id: str | None


def row_of(database: Database, send: Stored) -> Row:
    """A send as it stands now."""
    with database.transaction() as connection:
        row = connection.execute(
            """
            select state, reason, detail, server_id, attempts, lookups, due_at, provider_mail_id, sent_mail_id, draft_id
            from sends where id = %s
            """,
            (send.send_id,),
        ).fetchone()
    assert row is not None
    return Row(*row)


def states(database: Database) -> dict[str, int]:
    """How many sends stand in each state."""
    with database.transaction() as connection:
        return dict(connection.execute("select state, count(*) from sends group by state").fetchall())


def steps(database: Database, send: Stored) -> list[tuple[str, str]]:
    """(state, reason) of each step of a send."""
    with database.transaction() as connection:
        rows = connection.execute(
            "select state, reason from send_steps where send_id = %s order by id", (send.send_id,)
        )
        return [(str(row[0]), str(row[1])) for row in rows]
