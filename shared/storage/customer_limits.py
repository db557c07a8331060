"""How many bounce servers and monitors a customer may have, held in the database so that two creations at once don't pass it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.access import Feature, LimitReached, NotThere, Role
from shared.domain.installation import UNLIMITED
from shared.domain.limits import allowed_to_create, effective_limit, feature_shown
from shared.storage.database import Connection

_COLUMNS = {Feature.BOUNCE_SERVERS: "max_bounce_servers", Feature.MONITORS: "max_monitors"}


@dataclass(frozen=True, slots=True)
class Allowance:
    """limit: -1 unlimited, 0 none, n at most n; the group's before the system's. existing: how many the customer has."""

    limit: int
    existing: int

    @property
    def shown(self) -> bool:
        """Whether the customer sees the feature at all (A055, A062)."""
        return feature_shown(self.limit)

    @property
    def places(self) -> int | None:
        """How many more may be made, never below zero; None: any number."""
        return None if self.limit == UNLIMITED else max(0, self.limit - self.existing)

    def allows(self, more: int = 1) -> bool:
        """Whether so many more may be made."""
        return more <= 0 or allowed_to_create(self.limit, self.existing + more - 1)


def allowance(connection: Connection, customer: str, feature: Feature, *, locked: bool = False) -> Allowance:
    """What a customer may have and has. Raises NotThere for a customer that is not there.

    locked: holds the customer's row until the transaction ends, so that of two creations the second counts the first (A060).
    """
    found = connection.execute(
        "select id from customers where uid = %s" + (" for update" if locked else ""), (customer,)
    ).fetchone()
    if found is None:
        raise NotThere(f"There is no customer {customer}.")
    # A statement of its own: it sees what was committed while the lock was waited for.
    row = connection.execute(
        f"""
        select g.{_COLUMNS[feature]},
               (select (value #>> '{{}}')::integer from settings where key = '{_COLUMNS[feature]}'),
               (select count(*) from {feature.value} where customer_id = c.id)
        from customers c left join customer_groups g on g.id = c.group_id where c.id = %s
        """.encode(),
        (found[0],),
    ).fetchone()
    group, system, existing = row if row else (None, 0, 0)
    return Allowance(effective_limit(group, system or 0), existing)


def enter(connection: Connection, role: Role, feature: Feature, *, locked: bool = False) -> Allowance | None:
    """The door to a feature: what a customer may have; None for the operator, whom no limit holds.

    Raises NotThere where the feature is switched off for the customer: it is answered as if it did not exist.
    """
    if role.customer is None:
        return None
    found = allowance(connection, role.customer, feature, locked=locked)
    if not found.shown:
        raise NotThere("There is nothing of that name here.")
    return found


def take_places(connection: Connection, role: Role, feature: Feature, count: int = 1) -> None:
    """To be called before a customer's creation, in its transaction. Raises LimitReached; the operator passes (A060)."""
    found = enter(connection, role, feature, locked=True)
    if found is not None and not found.allows(count):
        raise LimitReached(f"{found.existing} of {found.limit} {feature.many} are in use: no more can be made.")
