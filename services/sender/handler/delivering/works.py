"""What every part of delivering works with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.sender.handler.delivering.in_hand import InHand
from services.sender.settings import SenderSettings
from shared.mailbox_access import MailboxAccess
from shared.messaging.unit import UnitFactory
from shared.storage.sealing import Sealer


@dataclass(frozen=True)
class Works:
    """One sender's means. in_hand: what it sends. looked_for: the unknown sends that it looks for."""

    units: UnitFactory
    access: MailboxAccess
    sealer: Sealer
    settings: SenderSettings
    in_hand: InHand
    looked_for: InHand


def now() -> datetime:
    """The time of this machine, aware UTC. What is compared with the tables is PostgreSQL's instead."""
    return datetime.fromtimestamp(time.time(), UTC)


def ids(rows: Sequence[object]) -> list[int]:
    """The send ids of claims, outcomes, or what else has one."""
    return [row.send_id for row in rows]  # type: ignore[attr-defined]
