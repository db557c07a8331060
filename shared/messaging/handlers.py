"""What a service gives to a runner: the part that differs from service to service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from shared.messaging.received import Message, Received
from shared.messaging.unit import Unit

Facts = TypeVar("Facts")
Outcome = TypeVar("Outcome")


class BatchHandler(Protocol[Message, Facts, Outcome]):
    """Read, decide, write. May also have `failed(unit, received, error: Permanent) -> None`, which records a permanent
    failure in the unit that marks the message as done.

    The runner takes what to read from `message` (a class of the table), or from the Source that it is given."""

    @property
    def consumer(self) -> str:
        """Its name in the inbox."""
        ...

    def read(self, messages: Sequence[Received[Message]]) -> Facts:
        """What deciding needs, for the whole batch at once. No transaction is open."""
        ...

    def decide(self, message: Received[Message], facts: Facts) -> Outcome:
        """Pure."""
        ...

    def write(self, unit: Unit, outcomes: Sequence[tuple[Received[Message], Outcome]]) -> None:
        """Never called with an empty sequence, nor, but for a Source outside, with messages that were handled before."""
        ...


class OneHandler(Protocol[Message]):
    """Handles one message at a time, in any of many threads; must be repeatable, since there is no inbox.

    May also have `failed(unit, received, error: Permanent) -> None`.
    """

    @property
    def message(self) -> type[Message]:
        """What it reads."""
        ...

    def handle(self, received: Received[Message]) -> None:
        """Does it. The type of an exception says what happens next."""
        ...
