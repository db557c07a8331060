"""Holds back what the blast guard says is not to be applied: counts, decides, writes, within the unit of the batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from services.actions.core.blast_guard import (
    WEEK,
    GuardPolicy,
    HardBounce,
    Known,
    Pair,
    Tally,
    Trip,
    Verdict,
    guard,
    suspects,
    tally,
)
from services.actions.core.diagnostic_patterns import Key, diagnostic_key, domain_key
from shared.domain.bounces import RecipientFinding
from shared.storage import holds
from shared.storage.database import Connection
from shared.telemetry import HOLDS_TRIPPED, log

# What a week holds changes slowly: a rate is asked for again after this time, and for so many keys it is remembered.
_RATE_SECONDS = 300.0
_RATES = 10_000


class BlastGuard:
    """Of one process. Remembers weekly rates for five minutes; all else is in PostgreSQL."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates: dict[Key, tuple[float, float]] = {}

    def held(self, connection: Connection, bounces: Sequence[HardBounce], policy: GuardPolicy) -> Mapping[int, int]:
        """Counts hard bounces that are new in the log; returns those to be held: bounce id -> hold."""
        if not bounces or policy.most <= 0:
            return {}
        counted = tally(bounces)
        known = _known(connection, counted, policy)
        full = suspects(counted, known, policy)
        usual = self._usual(connection, full, policy) if full else {}
        verdict = guard(bounces, known, usual, policy)
        return _by_hold(verdict, known, {trip.key: _open(connection, trip) for trip in verdict.trips})

    def _usual(self, connection: Connection, full: Sequence[Pair], policy: GuardPolicy) -> dict[Key, float]:
        now = self._clock()
        if len(self._rates) > _RATES:
            self._rates.clear()
        wanted = [(key, minute) for key, minute in full if self._rates.get(key, (0.0, now))[1] <= now]
        if wanted:
            found = holds.week_before(connection, [(key.number, at - policy.within) for key, at in wanted])
            share = policy.within / WEEK
            for key, _ in wanted:
                self._rates[key] = (found.get(key.number, 0) * share, now + _RATE_SECONDS)
        return {key: self._rates[key][0] for key, _ in full}


def hard_bounce(bounce_id: int, finding: RecipientFinding, recipient: str, arrived_at: datetime) -> HardBounce:
    """A hard bounce with its keys. A time that is still to come counts as now."""
    keys = (diagnostic_key(finding), domain_key(recipient))
    now = datetime.fromtimestamp(time.time(), UTC)
    return HardBounce(bounce_id, tuple(key for key in keys if key is not None), min(arrived_at, now))


def _known(connection: Connection, counted: Tally, policy: GuardPolicy) -> dict[Pair, Known]:
    asked = [(key, minute, hits) for key, minutes in counted.items() for minute, hits in minutes.items()]
    states = holds.count(
        connection, [holds.Hits(key.number, minute, hits) for key, minute, hits in asked], policy.within
    )
    return {
        (key, minute): Known(state.before, state.hold_id, state.passes)
        for (key, minute, _), state in zip(asked, states, strict=True)
    }


def _open(connection: Connection, trip: Trip) -> int:
    new = holds.NewHold(
        trip.key.number, trip.key.kind.value, trip.key.name, trip.counted_from, trip.hits, round(trip.usual, 3)
    )
    hold_id, opened = holds.trip(connection, new)
    if opened:
        HOLDS_TRIPPED.labels(trip.key.kind.value).inc()
        log.warning(
            "bounces.held", hold=hold_id, kind=trip.key.kind.value, name=trip.key.name, hits=trip.hits,
            since=trip.counted_from.isoformat(), usual=round(trip.usual, 3),
        )  # fmt: skip
    return hold_id


def _by_hold(verdict: Verdict, known: Mapping[Pair, Known], opened: Mapping[Key, int]) -> dict[int, int]:
    there = {key: about.hold_id for (key, _), about in known.items() if about.hold_id is not None}
    return {bounce_id: there.get(key) or opened[key] for bounce_id, key in verdict.held.items()}
