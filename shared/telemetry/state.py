"""Gauges of the whole installation, read from PostgreSQL when /metrics is asked for. One service shows them: the scheduler.

Several schedulers show the same numbers: queries take max(), never sum().
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.telemetry.logs import log

PREFIX = "apiconnect_"
# Prometheus gives a scrape ten seconds; a database that is frozen must not take the process's other numbers along.
_PATIENCE_SECONDS = 4.0
_EVERY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Family:
    """One gauge: its help text and the names of its labels."""

    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of the gauge `name`; labels in the family's order."""

    name: str
    labels: tuple[str, ...]
    value: float


Read = Callable[[], Sequence[Reading]]


class State(Collector):
    """Asks `read` at most every ten seconds, however often it is scraped."""

    def __init__(
        self, families: Mapping[str, Family], read: Read, clock: Callable[[], float], patience_seconds: float
    ) -> None:
        self._families = families
        self._read = read
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._reading: Future[Sequence[Reading]] | None = None
        self._read_at = float("-inf")

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: else registering would read."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges; while the database does not answer none but `state_up` 0, since an old number is a wrong one."""
        readings = self._latest()
        up = GaugeMetricFamily(f"{PREFIX}state_up", "Whether PostgreSQL told its state", labels=())
        up.add_metric((), 0.0 if readings is None else 1.0)
        yield up
        by_name: dict[str, list[Reading]] = {}
        for reading in readings or ():
            by_name.setdefault(reading.name, []).append(reading)
        for name, family in self._families.items():
            gauge = GaugeMetricFamily(PREFIX + name, family.help, labels=family.labels)
            for reading in by_name.get(name, ()):
                gauge.add_metric(reading.labels, reading.value)
            yield gauge

    def _latest(self) -> Sequence[Reading] | None:
        due = self._clock() - self._read_at >= _EVERY_SECONDS
        if self._reading is None or (due and self._reading.done()):
            self._reading, self._read_at = self._executor.submit(self._read), self._clock()
        try:
            return self._reading.result(self._patience_seconds)
        except TookTooLong:
            return None
        except Exception as error:  # noqa: BLE001 - /metrics must answer, whatever the database does
            log.warning("state.not_read", error=f"{type(error).__name__}: {error}")
            return None

    def close(self) -> None:
        """Ends the reading thread."""
        self._executor.shutdown(wait=False, cancel_futures=True)


_shown: list[State] = []


def show_state(
    families: Mapping[str, Family],
    read: Read,
    *,
    registry: CollectorRegistry = REGISTRY,
    clock: Callable[[], float] = time.monotonic,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Callable[[], None]:
    """Shows what `read` tells on /metrics, until the returned function is called. A second call takes the first's place."""
    for old in _shown[:]:
        _hide(old, registry)
    state = State(families, read, clock, patience_seconds)
    registry.register(state)
    _shown.append(state)
    return lambda: _hide(state, registry)


def _hide(state: State, registry: CollectorRegistry) -> None:
    if state in _shown:
        _shown.remove(state)
        registry.unregister(state)
        state.close()
