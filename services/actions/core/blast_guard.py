"""The blast guard: when hard bounces that have something in common come far more often than usual, blacklisting for it is held.

A server that is set up wrong can answer `user unknown` for everybody. A held bounce is logged and waits for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.actions.core.diagnostic_patterns import Key

MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """most: hard bounces with one key `within` that length of time which are applied, 0: no guard. times: how many times
    the weekly rate they must reach as well."""

    most: int = 50
    within: timedelta = timedelta(minutes=10)
    times: float = 5.0


@dataclass(frozen=True, slots=True)
class HardBounce:
    """One that is about to blacklist. arrived_at: when its report came into the mailbox."""

    bounce_id: int
    keys: tuple[Key, ...]
    arrived_at: datetime

    @property
    def minute(self) -> datetime:
        """The minute that it counts in."""
        return self.arrived_at.replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say of a key in a minute. before: hard bounces within the policy's time, this batch left out.

    hold_id: an open hold. passes: released lately, so it is not held again.
    """

    before: int = 0
    hold_id: int | None = None
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Trip:
    """A key that reached the policy's figures. hits: counted since counted_from; usual: in the same time, by the week before."""

    key: Key
    hits: int
    usual: float
    counted_from: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """held: bounce id -> the key that holds it. trips: holds to open."""

    held: Mapping[int, Key] = field(default_factory=dict)
    trips: tuple[Trip, ...] = ()


Pair = tuple[Key, datetime]
"""A key and a minute."""


Tally = Mapping[Key, Counter[datetime]]
"""How many bounces fall on each minute, by key."""


def tally(bounces: Iterable[HardBounce]) -> Tally:
    """The bounces of one batch, counted."""
    counted: dict[Key, Counter[datetime]] = {}
    for bounce in bounces:
        for key in bounce.keys:
            counted.setdefault(key, Counter())[bounce.minute] += 1
    return counted


def suspects(counted: Tally, known: Mapping[Pair, Known], policy: GuardPolicy) -> list[Pair]:
    """The keys whose weekly rate has to be asked for, and since when: full, not held yet, and not let pass."""
    full: dict[Key, datetime] = {}
    for (key, minute), about in known.items():
        hits = about.before + _within(counted[key], minute, policy.within)
        if about.hold_id is None and not about.passes and hits >= policy.most:
            full[key] = max(minute, full.get(key, minute))
    return list(full.items())


def guard(
    bounces: Sequence[HardBounce], known: Mapping[Pair, Known], usual: Mapping[Key, float], policy: GuardPolicy
) -> Verdict:
    """Which bounces of a batch are held, in the order of their arrival. usual: of the suspects, what comes in the policy's time.

    The bounce that makes a key full is the last that is applied. One that several keys hold is held by its first. Processes
    that count at the same time don't see each other's batch: together they apply up to a batch each too many, but the first.
    """
    closed = {key for (key, _), about in known.items() if about.hold_id is not None}
    if not usual and not closed:
        return Verdict()
    held: dict[int, Key] = {}
    trips: dict[Key, Trip] = {}
    counted: dict[Key, Counter[datetime]] = {}

    def look(key: Key, bounce: HardBounce) -> None:
        hits = known[key, bounce.minute].before + _within(counted[key], bounce.minute, policy.within)
        if key in usual and key not in trips and hits >= max(policy.most, policy.times * usual[key]):
            trips[key] = Trip(key, hits, usual[key], bounce.minute - policy.within + MINUTE)
            closed.add(key)

    for bounce in sorted(bounces, key=lambda one: (one.arrived_at, one.bounce_id)):
        for key in bounce.keys:
            counted.setdefault(key, Counter())
            look(key, bounce)  # full already: another process made it so
        holding = [key for key in bounce.keys if key in closed]
        if holding:
            held[bounce.bounce_id] = holding[0]
        for key in bounce.keys:
            counted[key][bounce.minute] += 1
            look(key, bounce)
    return Verdict(held, tuple(sorted(trips.values(), key=lambda trip: trip.key.number)))


def _within(counted: Counter[datetime], minute: datetime, within: timedelta) -> int:
    """Those in the time that ends with this minute."""
    return sum(hits for at, hits in counted.items() if minute - within < at <= minute)
