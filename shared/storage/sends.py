"""Sends as they are accepted: rows, recipients, sealed bodies, steps; and the requests that were refused.

Claims and the ledger of what left are modules of their own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.domain.send_requests import NewSend, RefusedRequest
from shared.storage import attachments
from shared.storage.database import Connection
from shared.storage.sealing import Sealer

WAKE_CHANNEL: Final = "apiconnect_sends"  # notified when a send was accepted that is due at once


@dataclass(frozen=True, slots=True)
class Accepted:
    """A new send with its body, as it came, and the ids that name its mail."""

    plan: NewSend
    message_id: str
    reference: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a send's story, now."""

    send_id: int
    state: str
    reason: str = ""
    detail: str = ""


def accept(connection: Connection, sealer: Sealer, sends: Sequence[Accepted]) -> set[UUID]:
    """Stores those whose (customer, idempotency key) is free; returns their uids.

    Waits for another acceptor that is storing the same key; rows go in ordered by key, so that two never wait for each other.
    Of two with the same key in `sends` the first is stored.
    """
    rows = sorted(enumerate(sends), key=lambda row: (row[1].plan.customer_id, row[1].plan.idempotency_key, row[0]))
    ids = _insert(connection, [send for _, send in rows])
    new = [(ids[send.plan.uid], send) for send in sends if send.plan.uid in ids]
    if new:
        _insert_recipients(connection, new)
        _insert_bodies(connection, sealer, new)
        attachments.tie(connection, [(send_id, uid) for send_id, send in new for uid in send.plan.stored])
        add_steps(connection, [Step(send_id, "accepted") for send_id, _ in new])
        if any(send.plan.due_at is None for _, send in new):
            connection.execute("select pg_notify(%s, '')", (WAKE_CHANNEL,))
    return set(ids)


def _insert(connection: Connection, sends: Sequence[Accepted]) -> dict[UUID, int]:
    plans = [send.plan for send in sends]
    rows = connection.execute(
        """
        insert into sends (
            uid, correlation_id, customer_id, integration, idempotency_key, request_hash, client_correlation_id, reply_to,
            due_at, expires_at, server_id, any_server, fail_over, list_id, campaign_id, campaign_group_id, recipients, tags,
            message_id, reference)
        select uid, uid, customer_id, integration, key, hash, client_correlation_id, reply_to, coalesce(due_at, now()),
               expires_at, server_id, any_server, fail_over, list_id, campaign_id, campaign_group_id, recipients,
               array(select jsonb_array_elements_text(tags)), message_id, reference
        from unnest(
            %b::uuid[], %s::bigint[], %s::text[], %s::text[], %b::bytea[], %s::text[], %s::text[], %s::timestamptz[],
            %s::timestamptz[], %s::bigint[], %s::bool[], %s::bool[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[],
            %s::jsonb[], %s::text[], %s::text[]) with ordinality as t (
            uid, customer_id, integration, key, hash, client_correlation_id, reply_to, due_at, expires_at, server_id,
            any_server, fail_over, list_id, campaign_id, campaign_group_id, recipients, tags, message_id, reference, n)
        order by n
        on conflict (customer_id, idempotency_key) do nothing
        returning uid, id
        """,
        (
            [plan.uid for plan in plans],
            [plan.customer_id for plan in plans],
            [plan.integration for plan in plans],
            [plan.idempotency_key for plan in plans],
            [plan.request_hash for plan in plans],
            [plan.client_correlation_id for plan in plans],
            [plan.reply_to for plan in plans],
            [plan.due_at for plan in plans],
            [plan.expires_at for plan in plans],
            [plan.server_id for plan in plans],
            [plan.any_server for plan in plans],
            [plan.fail_over for plan in plans],
            [plan.list_id for plan in plans],
            [plan.campaign_id for plan in plans],
            [plan.campaign_group_id for plan in plans],
            [len(plan.recipients) for plan in plans],
            [json.dumps(plan.tags) for plan in plans],
            [send.message_id for send in sends],
            [send.reference for send in sends],
        ),
    )
    return {row[0]: row[1] for row in rows}


def _insert_recipients(connection: Connection, sends: Sequence[tuple[int, Accepted]]) -> None:
    rows = [(send_id, n, one) for send_id, send in sends for n, one in enumerate(send.plan.recipients)]
    connection.execute(
        """
        insert into send_recipients (send_id, position, kind, address, subscriber_id)
        select send_id, position, kind, lower(btrim(address)), subscriber_id
        from unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::bigint[])
            as t (send_id, position, kind, address, subscriber_id)
        """,
        (
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2].kind for row in rows],
            [row[2].address for row in rows],
            [row[2].subscriber_id for row in rows],
        ),
    )


def _insert_bodies(connection: Connection, sealer: Sealer, sends: Sequence[tuple[int, Accepted]]) -> None:
    sealed = [sealer.seal(zlib.compress(send.body, 1), _belongs_to(send_id)) for send_id, send in sends]
    connection.execute(
        "insert into send_bodies (send_id, sealed) select * from unnest(%s::bigint[], %b::bytea[])",
        ([send_id for send_id, _ in sends], sealed),
    )


def body(connection: Connection, sealer: Sealer, send_id: int) -> bytes | None:
    """The request as it came, in UTF-8; None once its time is over. Raises SealBroken."""
    row = connection.execute("select sealed from send_bodies where send_id = %s", (send_id,)).fetchone()
    return unsealed(sealer, send_id, row[0]) if row else None


def unsealed(sealer: Sealer, send_id: int, sealed: bytes) -> bytes:
    """The request as it came, from its sealed form. Raises SealBroken."""
    return zlib.decompress(sealer.open(bytes(sealed), _belongs_to(send_id)))


def _belongs_to(send_id: int) -> str:
    return f"send_body:{send_id}"


def add_steps(connection: Connection, steps: Sequence[Step]) -> None:
    """Appends to the stories of sends."""
    connection.execute(
        """
        insert into send_steps (send_id, state, reason, detail)
        select send_id, state, reason, detail
        from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) with ordinality as t (send_id, state, reason, detail, n)
        order by n
        """,
        (
            [step.send_id for step in steps],
            [step.state for step in steps],
            [step.reason for step in steps],
            [step.detail for step in steps],
        ),
    )


def record_refused(connection: Connection, requests: Sequence[RefusedRequest]) -> None:
    """Notes requests that were refused. They use no idempotency key up."""
    if not requests:
        return
    connection.execute(
        """
        insert into rejected_requests (customer_id, integration, idempotency_key, reason, field, detail)
        select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
        """,
        (
            [one.customer_id for one in requests],
            [one.integration for one in requests],
            [one.idempotency_key for one in requests],
            [one.reason for one in requests],
            [one.field for one in requests],
            [one.detail for one in requests],
        ),
    )


def forget_refused(connection: Connection, older_than: timedelta, limit: int = 50_000) -> int:
    """Deletes the notes of requests that were refused longer ago than that."""
    return connection.execute(
        """
        delete from rejected_requests where id = any(array(
            select id from rejected_requests where rejected_at < now() - %s limit %s))
        """,
        (older_than, limit),
    ).rowcount


_SETTLED: Final = "s.state in ('sent', 'failed', 'cancelled', 'rejected')"


def forget_bodies(connection: Connection, older_than: timedelta, limit: int = 20_000) -> int:
    """Drops the bodies of sends that were settled longer ago than that; returns how many."""
    return connection.execute(
        f"""
        delete from send_bodies where send_id = any(array(
            select b.send_id from send_bodies b join sends s on s.id = b.send_id
            where b.stored_at < now() - %(age)s and {_SETTLED} and s.state_at < now() - %(age)s limit %(limit)s))
        """.encode(),
        {"age": older_than, "limit": limit},
    ).rowcount


def forget(connection: Connection, older_than: timedelta, limit: int = 20_000) -> int:
    """Drops sends that were settled longer ago than that, and with them their keys; returns how many."""
    return connection.execute(
        f"""
        delete from sends where id = any(array(
            select s.id from sends s
            where s.accepted_at < now() - %(age)s and {_SETTLED} and s.state_at < now() - %(age)s limit %(limit)s))
        """.encode(),
        {"age": older_than, "limit": limit},
    ).rowcount
