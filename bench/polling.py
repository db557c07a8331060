"""One poll at a time: asked for as the scheduler asks, and watched until it ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import psycopg

from bench.processes import check
from shared.contracts.commands import PollMailbox
from shared.messaging.unit import UnitFactory
from tests.servers.children import Child

_LIMIT_SECONDS = 60.0
_READY_SECONDS = 60.0


def ask(units: UnitFactory, mailbox_id: int) -> float:
    """Makes the mailbox due and sends the command; when that began (monotonic)."""
    started, message_id = time.monotonic(), uuid4()
    with units.begin() as unit:
        unit.connection.execute("update mailboxes set next_poll_at = now() where id = %s", (mailbox_id,))
        unit.publish(
            PollMailbox(mailbox_id=mailbox_id),
            message_id=message_id,
            correlation_id=message_id,
            occurred_at=datetime.now(UTC),
        )
    return started


def wait_until_polled(connection: psycopg.Connection, mailbox_id: int, running: Mapping[str, Child]) -> str:
    """Waits until the mailbox is not due and nobody holds it; how the poll ended."""
    give_up_at = time.monotonic() + _LIMIT_SECONDS
    while True:
        row = connection.execute(
            "select last_poll ->> 'result' from mailboxes where id = %s and lease_holder is null and next_poll_at > now()",
            (mailbox_id,),
        ).fetchone()
        if row is not None:
            return str(row[0])
        check(running, give_up_at)
        time.sleep(0.01)


def wait_until_ready(connection: psycopg.Connection, running: Mapping[str, Child]) -> None:
    """Waits until every service has shown itself in PostgreSQL."""
    give_up_at = time.monotonic() + _READY_SECONDS
    while {row[0] for row in connection.execute("select service from heartbeats")} < set(running):
        check(running, give_up_at)
        time.sleep(0.1)
