"""Bounce servers and monitors as their owners work with them: seen, switched on and off, deleted; each by the rules of the role.

What a page of a customer may do is decided here and in shared/domain/access.py, so that no way in goes around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import class_row

from shared.domain.access import Feature, NotThere, Role
from shared.storage import customer_limits, monitor_pauses
from shared.storage.database import Connection
from shared.storage.provisioning import mailbox_links


@dataclass(frozen=True, slots=True)
class ServerLine:
    """One of them. owner: customer's uid, None for the operator's. key: its name; '' for a system key that a customer is not told.

    waiting: inactive until a check of the mailbox passes; failure: what the check was refused for, told of keys of one's own. acted: rows of the
    monitors' log of the last 24 hours that changed a subscriber.
    """

    server_id: int
    uid: str
    name: str
    provider: str
    email: str
    owner: str | None
    key: str
    locked: bool
    status: str
    dry_run: bool
    waiting: bool
    failure: dict[str, Any] | None
    connection: str
    last_polled_at: datetime | None
    conditions: int
    acted: int


@dataclass(frozen=True, slots=True)
class Bulk:
    """What came of a bulk action, by names. locked: the operator's lock holds. waiting: they go on waiting for a passed check.

    again: mails that are fetched once more for monitors that were paused.
    """

    done: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    again: int = 0

    @property
    def skipped(self) -> int:
        """How many stay as they are."""
        return len(self.unchanged) + len(self.locked) + len(self.waiting)


def lines(
    connection: Connection, role: Role, feature: Feature, names: Sequence[str] = (), *, locked: bool = False
) -> list[ServerLine]:
    """Those that the role sees, by owner and name; all of them, or those of these uids or names.

    Raises NotThere for a name that is nobody's, another's, or that several owners use; and where the feature is switched
    off for the customer. locked: holds the rows until the transaction ends, in the order of their ids.
    """
    customer_limits.enter(connection, role, feature)
    if locked:
        connection.execute(
            f"""
            select s.id from {feature.value} s left join customers c on c.id = s.customer_id
            where (%(role)s::text is null or c.uid = %(role)s)
              and (%(names)s::text[] is null or s.uid = any(%(names)s) or s.name = any(%(names)s))
            order by s.id for update of s
            """.encode(),
            {"role": role.customer, "names": list(names) or None},
        )
    found = _read(connection, role, feature)
    if not names:
        return found
    by_uid = {line.uid: line for line in found}
    by_name: dict[str, list[ServerLine]] = {}
    for line in found:
        by_name.setdefault(line.name, []).append(line)
    meant = [_one([by_uid[name]] if name in by_uid else by_name.get(name, []), name, feature) for name in names]
    return list({line.uid: line for line in meant}.values())


def _read(connection: Connection, role: Role, feature: Feature) -> list[ServerLine]:
    monitors = feature is Feature.MONITORS
    conditions = "(select count(*) from monitor_conditions q where q.monitor_id = s.id)" if monitors else "0"
    acted = (
        """(select count(*) from monitor_log g where g.monitor_id = s.id and g.effect = 'done'
            and g.logged_at > now() - interval '24 hours')"""
        if monitors
        else "0"
    )
    # Of a key of the operator's a customer learns nothing, neither its name nor what the provider says of it.
    told = "(%(role)s::text is null or k.customer_id is not distinct from s.customer_id)"
    with connection.cursor(row_factory=class_row(ServerLine)) as cursor:
        return cursor.execute(
            f"""
            select s.id as server_id, s.uid, s.name, m.provider, m.email, c.uid as owner,
                   case when {told} then k.name else '' end as key,
                   s.locked, s.status, s.dry_run, s.inactive_reason is not null as waiting, case when {told} then s.inactive_reason end as failure,
                   m.connection, m.last_polled_at, {conditions} as conditions, {acted} as acted
            from {feature.value} s
            join mailboxes m on m.id = s.mailbox_id
            join api_keys k on k.id = m.api_key_id
            left join customers c on c.id = s.customer_id
            where %(role)s::text is null or c.uid = %(role)s
            order by c.uid nulls first, s.name
            """.encode(),
            {"role": role.customer},
        ).fetchall()


def _one(meant: Sequence[ServerLine], name: str, feature: Feature) -> ServerLine:
    if not meant:
        raise NotThere(f"There is no {feature.one} {name}.")
    if len(meant) > 1:
        uids = ", ".join(line.uid for line in meant)
        raise NotThere(f"Several {feature.many} are called {name}: say which by uid ({uids}).")
    return meant[0]


class Switch(StrEnum):
    """What may be said of several at once. pause, resume: of monitors only."""

    ENABLE = "enable"
    DISABLE = "disable"
    PAUSE = "pause"
    RESUME = "resume"


# The status that follows, and those that it may follow on.
_SWITCHES: Final[dict[Switch, tuple[str, frozenset[str]]]] = {
    Switch.ENABLE: ("active", frozenset({"inactive", "paused"})),
    Switch.DISABLE: ("inactive", frozenset({"active", "paused"})),
    Switch.PAUSE: ("paused", frozenset({"active"})),
    Switch.RESUME: ("active", frozenset({"paused"})),
}


def switch(connection: Connection, role: Role, feature: Feature, names: Sequence[str], how: Switch) -> Bulk:
    """Switches them, all that the role sees if none is named. Raises NotThere.

    One that waits for a passed check goes on waiting: enabling does not stand in for the check. A disabled one is neither
    paused nor resumed. A monitor that was paused and is active again gets what it missed (monitor_pauses).
    """
    status, follows = _SWITCHES[how]
    changing, same, waiting, held = [], [], [], []
    for line in lines(connection, role, feature, names, locked=True):
        if not role.may_change(line.owner, locked=line.locked):
            held.append(line)
        elif line.waiting and how is not Switch.DISABLE:
            waiting.append(line)
        elif line.status not in follows and not line.waiting:
            same.append(line)
        else:
            changing.append(line)
    ids = [line.server_id for line in changing]
    connection.execute(
        f"""
        with changed as (
            update {feature.value} set status = %(status)s, inactive_reason = null where id = any(%(ids)s)
            returning mailbox_id)
        update mailboxes set next_poll_at = now() where %(status)s = 'active' and id in (select mailbox_id from changed)
        """.encode(),
        {"status": status, "ids": ids},
    )
    again = monitor_pauses.note(connection, ids) if feature is Feature.MONITORS else 0
    return Bulk(_names(changing), _names(same), _names(held), _names(waiting), again)


def delete(connection: Connection, role: Role, feature: Feature, names: Sequence[str]) -> Bulk:
    """Deletes them; the log of what monitors did stays, and so do mailboxes that ever held a mail. Raises NotThere."""
    found = lines(connection, role, feature, names, locked=True)
    going = [line for line in found if role.may_change(line.owner, locked=line.locked)]
    held = [line for line in found if not role.may_change(line.owner, locked=line.locked)]
    connection.execute(
        f"delete from {feature.value} where id = any(%s)".encode(), ([line.server_id for line in going],)
    )
    mailbox_links.forget_idle_mailboxes(connection)
    return Bulk(done=_names(going), locked=_names(held))


def _names(found: Sequence[ServerLine]) -> tuple[str, ...]:
    return tuple(line.name for line in found)
