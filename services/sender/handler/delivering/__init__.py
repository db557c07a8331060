"""Delivering: claims what is due within the limits, calls the provider, and records what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from services.sender.handler.delivering.dispatching import Dispatching
from services.sender.handler.delivering.in_hand import InHand
from services.sender.handler.delivering.looking import Looking
from services.sender.handler.delivering.reading_back import ReadingBack
from services.sender.handler.delivering.tending import Tending
from services.sender.handler.delivering.works import Works
from services.sender.settings import SenderSettings
from shared.mailbox_access import MailboxAccess
from shared.messaging.process import Runner
from shared.messaging.unit import UnitFactory
from shared.settings import instance_name
from shared.storage import send_claims, send_lookups
from shared.storage.sealing import Sealer


def runners(units: UnitFactory, access: MailboxAccess, sealer: Sealer, settings: SenderSettings) -> Sequence[Runner]:
    """What works off the stored sends."""
    # Not the instance's name alone: in a container the next process has the same, and must not keep this one's leases alive.
    sender = f"{instance_name()}-{time.time_ns():x}"
    in_hand = InHand(units.database, sender, settings.lease, send_claims.renew)
    looked_for = InHand(units.database, f"{sender}/look", settings.lease, send_lookups.renew)
    works = Works(units, access, sealer, settings, in_hand, looked_for)
    return [Dispatching(works), in_hand, Tending(works), Looking(works), looked_for, ReadingBack(works)]
