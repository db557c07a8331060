"""Taking back sends that still wait: at somebody's request, or because their campaign group skips a recipient from now on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from shared.domain.sending import Reason
from shared.storage.database import Connection


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A send that was cancelled, and whom to tell. customer, server, list_uid, campaign: uids. reason: a value of Reason."""

    uid: UUID
    idempotency_key: str
    customer: str
    server: str
    integration: str
    client_correlation_id: str | None
    reply_to: str | None
    message_id: str
    list_uid: str | None
    campaign: str | None
    tags: list[str]
    reason: str
    detail: str
    state_at: datetime


def by_request(connection: Connection, uids: Sequence[UUID], detail: str) -> list[Cancelled]:
    """Cancels those of the named that wait; the others stay as they are. Locks the rows until the transaction ends."""
    return _cancel(connection, "s.uid = any(%(uids)b)", {"uids": list(uids)}, Reason.BY_REQUEST, detail)


def for_stopped_group(connection: Connection, group_id: int, address: str, detail: str) -> list[Cancelled]:
    """Cancels the waiting sends of a campaign group that have this address among their recipients.

    What a sender has in hand (claimed, sending, unknown) is left alone: a claimed one is stopped right before its call, and of
    the others nobody knows that they have not left. Locks the rows until the transaction ends.
    """
    which = """
        s.campaign_group_id = %(group)s
        and exists (select from send_recipients r where r.send_id = s.id and r.address = %(address)s)
    """
    given = {"group": group_id, "address": address}
    return _cancel(connection, which, given, Reason.CAMPAIGN_GROUP_STOPPED, detail)


def _cancel(
    connection: Connection, which: str, given: Mapping[str, object], reason: Reason, detail: str
) -> list[Cancelled]:
    # The rows are locked in the order of their ids, as all who lock several sends do.
    with connection.cursor(row_factory=class_row(Cancelled)) as cursor:
        return cursor.execute(
            f"""
            with waiting as (
                select s.id from sends s where {which} and s.state in ('accepted', 'deferred') order by s.id for update
            ),
            done as (
                update sends s set state = 'cancelled', reason = %(reason)s, detail = %(detail)s, state_at = now()
                from waiting w where w.id = s.id returning s.*
            ),
            told as (
                insert into send_steps (send_id, state, reason, detail) select id, state, reason, detail from done order by id
            )
            select s.uid, s.idempotency_key, c.uid as customer, d.uid as server, s.integration, s.client_correlation_id,
                   s.reply_to, s.message_id, l.uid as list_uid, p.uid as campaign, s.tags, s.reason, s.detail, s.state_at
            from done s join customers c on c.id = s.customer_id join delivery_servers d on d.id = s.server_id
            left join lists l on l.id = s.list_id left join campaigns p on p.id = s.campaign_id order by s.id
            """.encode(),
            {**given, "reason": reason.value, "detail": detail},
        ).fetchall()
