"""One claim: the next server's limits are counted under its lock, and as many due sends are taken as fit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.sender.core.windows import ServerLimits, fitting, provider_windows, room, windows
from services.sender.handler.delivering.works import Works, ids
from shared.domain.sending import Reason, SendState, Window
from shared.storage import send_claims, send_ledger, send_outcomes, send_servers
from shared.storage.database import Connection
from shared.storage.send_claims import Due
from shared.storage.send_ledger import Used
from shared.storage.send_servers import Server


@dataclass(frozen=True, slots=True)
class Claim:
    """Sends of one server in this sender's hand, in the order in which they are to leave.

    None of them: the server can send nothing now, and is noted so; or others have its sends in hand just now (`missed`).
    """

    server: Server
    holder: str
    send_ids: Sequence[int]
    missed: bool = False


def claim_next(works: Works, in_hand: Sequence[int]) -> Claim | None:
    """The sends of the server that waited longest for its turn; None when no server has anything to do.

    in_hand: servers that this sender works on already.
    """
    began, holder = time.monotonic(), works.in_hand.new_holder()
    with works.units.database.transaction() as connection:
        server = send_servers.lock_next(connection, in_hand)
        if server is None:
            return None
        taken = _take(connection, works, server, holder)
    if taken is None:
        return Claim(server, holder, (), missed=True)
    works.in_hand.add(taken, holder, began)
    return Claim(server, holder, taken)


def _take(connection: Connection, works: Works, server: Server, holder: str) -> list[int] | None:
    """The ids of what was taken; None: there is nothing to take after all."""
    if waits := send_servers.mailbox_free_at(connection, server):
        send_servers.block(connection, server.server_id, waits[0], Reason(waits[1]), "")
        return []
    limits = _windows(works, server)
    used = send_ledger.used(connection, server, limits)
    free = room([one.used for one in used], limits)
    wanted = works.settings.sends_per_round
    fits = wanted if free.mails is None else min(wanted, free.mails)
    waiting = send_claims.due(connection, server, max(1, fits))
    if not waiting:
        return None
    many = fitting(free, [_counted(one, used) for one in waiting]) if fits else 0
    if not many:
        _wait(connection, server, used, waiting[0])
        return []
    taken = waiting[:many]
    send_claims.take(connection, server, taken, holder, works.in_hand.lease)
    send_outcomes.note(connection, [(one.send_id, SendState.CLAIMED, None, "") for one in taken])
    send_servers.served(connection, server.server_id)
    return ids(taken)


def _windows(works: Works, server: Server) -> tuple[Window, ...]:
    own = ServerLimits(
        server.hourly_quota, server.daily_quota, server.monthly_quota, server.pause, server.warm_up, server.warm_up_from
    )
    provider = provider_windows(works.access.send_limits(server.provider, server.send_limits))
    return windows(own, provider, today=server.today)


def _counted(send: Due, used: Sequence[Used]) -> int:
    """A mail with more recipients than a window ever holds leaves when the window is empty; else it would wait for ever."""
    most = min((one.window.limit for one in used if one.window.counts == "recipients"), default=send.recipients)
    return min(send.recipients, most)


def _wait(connection: Connection, server: Server, used: Sequence[Used], first: Due) -> None:
    """The server waits until its first send fits into every window; the one that it waits for longest is the reason."""
    waits = []
    for one in used:
        amount = first.recipients if one.window.counts == "recipients" else 1
        if one.room < min(amount, one.window.limit):
            until = send_ledger.free_at(connection, server, one.window, amount)
            waits.append((until, one.window))
    until, window = max(waits, key=lambda wait: wait[0])
    send_servers.block(connection, server.server_id, until, window.why, _words(window))


def _words(window: Window) -> str:
    if window.why is Reason.PAUSE:
        return f"The server pauses {window.length.total_seconds():g} s after each mail."
    hours = window.length.total_seconds() / 3600
    span = "minute" if hours < 1 else "hour" if hours == 1 else f"{hours:g} hours"
    return f"{window.limit} {window.counts} in any {span} are used up."
