"""The demo's second act: people answer, and monitors act on what they write."""

from __future__ import annotations

from datetime import datetime

from services.console.handler.apply import apply_document
from services.demo.core.replies import MAILBOXES, REPLIES, RepliesOutcome, document
from services.simulator.http.control_client import ControlClient
from shared.storage import demo_counts
from shared.storage.database import Database
from shared.storage.sealing import Sealer


def plant_replies(control: ControlClient) -> None:
    """The replies lie in their mailboxes."""
    for mailbox in MAILBOXES:
        control.register_mailbox(mailbox.provider, mailbox.address)
        raws = [reply.mime(number) for number, reply in enumerate(REPLIES) if reply.mailbox is mailbox]
        control.plant_many(mailbox.provider, mailbox.address, raws)


def watch_replies(database: Database, sealer: Sealer, now: datetime) -> None:
    """From now on monitors look into these mailboxes."""
    apply_document(database, sealer, document(), now=now)


def replies_served(database: Database) -> int:
    """How many replies are dealt with and, if that was chosen, tidied away."""
    with database.transaction() as connection:
        return demo_counts.served_in(connection, [mailbox.address for mailbox in MAILBOXES])


def outcome_of_replies(database: Database) -> RepliesOutcome:
    """What came of them."""
    with database.transaction() as connection:
        return RepliesOutcome(
            served=demo_counts.served_in(connection, [mailbox.address for mailbox in MAILBOXES]),
            effects=demo_counts.monitor_effects(connection),
            statuses=demo_counts.statuses(connection),
            stops=demo_counts.group_stops(connection),
        )
