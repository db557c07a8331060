"""The pace of one process: the limit is kept, nearly all of it is used, and callers are served in order."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from shared.domain.errors import BrokerOrDatabaseDown, Throttled
from shared.providers.gmail.limits import GmailQuota
from shared.providers.graph.limits import LIMITS as GRAPH
from shared.providers.pacing import PacedBudget, Reservation
from shared.providers.provider import BudgetLimits
from shared.providers.token_bucket import TokenBucket

GMAIL = GmailQuota().limits()


class Clock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


def paced(limits: BudgetLimits, clock: Clock, *, patience: float = 30.0, level: float = 0.0) -> PacedBudget:
    bucket = TokenBucket(limits, clock=clock, level=level)
    reserve = bucket.reserve_for("this process")
    return PacedBudget(reserve, limits, block=bucket.block, clock=clock, sleep=clock.sleep, patience_seconds=patience)


def spent_at(budget: PacedBudget, clock: Clock, units: float, seconds: float, work: float = 0.0) -> list[float]:
    """When each call of `units` began, over `seconds` of doing nothing else. `work`: how long each takes."""
    started, times = clock.now, []
    while clock.now - started < seconds:
        with budget.spend(units):
            times.append(clock.now)
            clock.now += work
    return times


@pytest.mark.parametrize(
    ("limits", "units", "work"),
    [
        (GRAPH, 1, 0.0),
        (GRAPH, 1, 0.05),  # one call after another, each of 50 ms: 20 a second would be possible
        (GRAPH, 20, 0.0),
        (GMAIL, 20, 0.0),
        (GMAIL, 20, 0.15),  # 20 units in 150 ms: 133 a second would be possible
        (GMAIL, 50, 0.0),
        (GMAIL, 100, 0.0),
    ],
)
def test_at_least_97_percent_of_a_sustained_limit_is_used(limits: BudgetLimits, units: float, work: float) -> None:
    clock = Clock()
    times = spent_at(paced(limits, clock), clock, units, 300.0, work)
    assert len(times) * units >= 0.97 * 300.0 * limits.units_per_second


@pytest.mark.parametrize(
    ("limits", "units", "window", "allowed"),
    [(GRAPH, 1, 600.0, 10_000), (GRAPH, 20, 600.0, 10_000), (GMAIL, 20, 60.0, 6_000), (GMAIL, 100, 60.0, 6_000)],
)
def test_no_window_holds_more_than_the_provider_allows(
    limits: BudgetLimits, units: float, window: float, allowed: float
) -> None:
    clock = Clock()
    budget = paced(limits, clock, level=limits.burst)
    clock.now += 3_600.0  # a quiet hour saved up nothing but the burst
    times = spent_at(budget, clock, units, 2 * window)
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    assert most * units <= allowed


def test_the_published_limits_are_nearly_all_of_what_is_planned() -> None:
    assert GRAPH.units_per_second >= 0.98 * 10_000 / 600
    assert GMAIL.units_per_second >= 0.96 * 6_000 / 60


def test_storage_is_asked_about_twice_a_second_not_for_every_call() -> None:
    clock, asked = Clock(), 0
    bucket = TokenBucket(GRAPH, clock=clock).reserve_for("a")

    def counting(units: float, slots: int) -> Reservation:
        nonlocal asked
        asked += 1
        return bucket(units, slots)

    budget = PacedBudget(counting, GRAPH, clock=clock, sleep=clock.sleep)
    calls = len(spent_at(budget, clock, 1, 60.0))
    assert calls > 900
    assert asked <= 60 * 2 * 2.2  # one that finds it empty, one that fills


def test_a_wait_longer_than_patience_is_a_throttle_that_names_the_wait() -> None:
    clock = Clock()
    budget = paced(GRAPH, clock, patience=5.0)
    budget.refused(60.0)
    with pytest.raises(Throttled) as caught, budget.spend(1):
        pass
    assert caught.value.retry_after == pytest.approx(60.0)
    assert clock.slept == []


def test_after_a_refusal_nobody_spends_until_its_time_has_passed() -> None:
    clock = Clock()
    budget = paced(GRAPH, clock, level=10.0)
    with budget.spend(1):
        budget.refused(7.0)
    with budget.spend(1):
        assert clock.now >= 1_007.0


@pytest.mark.parametrize(("named", "waited"), [(0.0, 1.0), (None, 10.0), (3.0, 3.0)])
def test_a_refusal_without_a_time_has_a_floor(named: float | None, waited: float) -> None:
    clock = Clock()
    blocked: list[float] = []
    budget = PacedBudget(lambda u, s: Reservation(u, s), GRAPH, block=blocked.append, clock=clock, sleep=clock.sleep)
    budget.refused(named)
    with budget.spend(1):
        assert clock.now == pytest.approx(1_000.0 + waited)
    assert blocked == [waited]


def test_another_process_that_was_refused_stops_this_one_too() -> None:
    clock = Clock()
    bucket = TokenBucket(GRAPH, clock=clock, level=50.0)
    one, other = (
        PacedBudget(bucket.reserve_for(name), GRAPH, block=bucket.block, clock=clock, sleep=clock.sleep)
        for name in ("one", "other")
    )
    one.refused(8.0)
    with other.spend(1):
        assert clock.now >= 1_008.0


def test_two_processes_share_the_slots() -> None:
    clock = Clock()
    bucket = TokenBucket(GRAPH, clock=clock, level=50.0)
    one, other = (
        PacedBudget(bucket.reserve_for(name), GRAPH, clock=clock, sleep=clock.sleep, patience_seconds=2.0)
        for name in ("one", "other")
    )
    with one.spend(4, slots=4):
        with pytest.raises(Throttled), other.spend(1):
            pass
        one.close()
    with other.spend(1):
        pass


def test_a_call_larger_than_the_burst_is_saved_up_for() -> None:
    clock = Clock()
    small = BudgetLimits(units_per_second=10.0, burst=5.0, slots=1)
    with paced(small, clock).spend(40):
        assert clock.now == pytest.approx(1_004.0, abs=0.3)


def test_what_storage_raises_reaches_the_caller_and_blocks_nobody() -> None:
    broken = True

    def reserve(units: float, slots: int) -> Reservation:
        if broken:
            raise BrokerOrDatabaseDown("no database")
        return Reservation(units, slots)

    budget = PacedBudget(reserve, GRAPH)
    with pytest.raises(BrokerOrDatabaseDown), budget.spend(1):
        pass
    broken = False
    with budget.spend(1):
        pass


def in_threads(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_no_more_calls_are_under_way_than_there_are_slots() -> None:
    budget = PacedBudget(lambda units, slots: Reservation(units, slots), GRAPH)
    lock, under_way, most = threading.Lock(), 0, 0
    meet = threading.Barrier(4)

    def work(number: int) -> None:
        nonlocal under_way, most
        with budget.spend(1):
            with lock:
                under_way += 1
                most = max(most, under_way)
            meet.wait(5)  # passes only if four are under way at once
            with lock:
                under_way -= 1

    for thread in in_threads(8, work):
        thread.join(10)
    assert most == 4


def test_a_batch_that_needs_every_slot_is_not_overtaken() -> None:
    budget = PacedBudget(lambda units, slots: Reservation(units, slots), GRAPH)
    order: list[str] = []
    first_is_in, may_end = threading.Event(), threading.Event()

    def single(name: str) -> None:
        with budget.spend(1):
            order.append(name)

    def holder() -> None:
        with budget.spend(1):
            first_is_in.set()
            may_end.wait(5)
            order.append("holder")

    def batch() -> None:
        with budget.spend(20, slots=4):
            order.append("batch")

    threads = [threading.Thread(target=holder, daemon=True)]
    threads[0].start()
    assert first_is_in.wait(5)
    threads.append(threading.Thread(target=batch, daemon=True))
    threads[1].start()
    until(lambda: budget.waiting == 1)
    threads += in_threads(3, lambda number: single(f"late {number}"))
    until(lambda: budget.waiting == 4)
    may_end.set()
    for thread in threads:
        thread.join(5)
    assert order[:2] == ["holder", "batch"]
    assert len(order) == 5


def until(true: Callable[[], bool]) -> None:
    """Waits until something holds, at most five seconds."""
    tick = threading.Event()
    for _ in range(5_000):
        if true():
            return
        tick.wait(0.001)
    raise AssertionError("it never came true")


def test_who_measures_is_told_of_waits_of_calls_given_up_and_of_refusals() -> None:
    clock, told = Clock(), []
    limits = BudgetLimits(units_per_second=1.0, burst=1.0, slots=1)
    bucket = TokenBucket(limits, clock=clock, level=0.0)
    budget = PacedBudget(
        bucket.reserve_for("this process"),
        limits,
        observe=lambda what, seconds: told.append((what, round(seconds, 3))),
        clock=clock,
        sleep=clock.sleep,
        patience_seconds=2.0,
    )
    with budget.spend(1.0):
        pass
    with pytest.raises(Throttled), budget.spend(9.0):
        pass
    budget.refused(7.0)
    assert told == [("waited", 1.0), ("budget", 2.0), ("provider", 7.0)]
