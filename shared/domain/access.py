"""Who may see and change which bounce servers and monitors (A095-A097, A147-A157, A170-A177). The operator: everything.

A customer sees and touches what is its own; what the operator locked is read-only for it. Another's is answered as unknown.
How many a customer may have is in limits.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import ApiConnectError
from shared.domain.monitors import ACTIONS, MonitorAction


class Feature(StrEnum):
    """What a customer may have some of. The values are the tables' names."""

    BOUNCE_SERVERS = "bounce_servers"
    MONITORS = "monitors"

    @property
    def one(self) -> str:
        """One of them, in words."""
        return "bounce server" if self is Feature.BOUNCE_SERVERS else "monitor"

    @property
    def many(self) -> str:
        """Several of them, in words."""
        return f"{self.one}s"


@dataclass(frozen=True, slots=True)
class Role:
    """Who asks. customer: uid; None: the operator."""

    customer: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether everything is open."""
        return self.customer is None

    def sees(self, owner: str | None) -> bool:
        """Whether something of that owner (None: the operator's own) is there for this role."""
        return self.customer is None or self.customer == owner

    def may_change(self, owner: str | None, *, locked: bool) -> bool:
        """Whether it may edit, enable, disable, delete or overwrite it: a lock holds against customers (A096, A097)."""
        return self.is_operator or (self.sees(owner) and not locked)

    def may_choose_key(self, key_owner: str | None, server_owner: str | None) -> bool:
        """Whether it may give a server of that owner this key (A172). The operator: the owner's and its own (system) keys."""
        if self.is_operator:
            return key_owner is None or key_owner == server_owner
        return key_owner == self.customer

    def actions(self, owner: str | None, kept: frozenset[MonitorAction] = frozenset()) -> tuple[MonitorAction, ...]:
        """What a form offers for a monitor of that owner, in its order. kept: what the monitor has already (A155).

        Move, copy and stop campaign group are for the customer itself; the operator keeps them where they are.
        """
        own = not self.is_operator and self.sees(owner)
        return tuple(
            action
            for action, record in ACTIONS.items()
            if not record.customers_only or own or (action in kept and owner is not None)
        )


OPERATOR = Role()


class NotThere(ApiConnectError):
    """What is named is not there for the one who asks; whether it is another's is not said."""


class LimitReached(ApiConnectError):
    """A customer may not make one more."""
