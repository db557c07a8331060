"""Gauges that are read when /metrics is asked for: not too often, never stale, and never in the way of the other metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shared.telemetry import Family, Reading, show_state
from shared.telemetry.state import Read

FAMILIES = {"stage_mails": Family("Mails in a stage", ("stage",))}


class Shown:
    """A registry with a state whose clock is turned by hand."""

    def __init__(self, read: Read) -> None:
        self.now = 100.0
        self.registry = CollectorRegistry()
        self.end = show_state(FAMILIES, read, registry=self.registry, clock=lambda: self.now, patience_seconds=0.2)

    def scrape(self) -> str:
        return generate_latest(self.registry).decode()


class Counting:
    """Tells how often it was asked."""

    def __init__(self) -> None:
        self.times = 0
        self.fails = False

    def __call__(self) -> list[Reading]:
        self.times += 1
        if self.fails:
            raise OSError("down")
        return [Reading("stage_mails", ("listed",), float(self.times))]


@pytest.fixture
def read() -> Counting:
    return Counting()


@pytest.fixture
def shown(read: Counting) -> Iterator[Shown]:
    made = Shown(read)
    yield made
    made.end()


def test_a_gauge_has_its_labels_and_its_help(shown: Shown) -> None:
    text = shown.scrape()
    assert 'apiconnect_stage_mails{stage="listed"} 1.0' in text
    assert "# HELP apiconnect_stage_mails Mails in a stage" in text
    assert "apiconnect_state_up 1.0" in text


@pytest.mark.parametrize(("seconds", "times"), [(0.0, 1), (9.9, 1), (10.0, 2)])
def test_the_database_is_asked_at_most_every_ten_seconds(
    shown: Shown, read: Counting, seconds: float, times: int
) -> None:
    shown.scrape()
    shown.now += seconds
    shown.scrape()
    assert read.times == times


def test_while_the_database_is_down_there_is_no_old_number(shown: Shown, read: Counting) -> None:
    shown.scrape()
    read.fails = True
    shown.now += 10
    text = shown.scrape()
    assert "apiconnect_state_up 0.0" in text
    assert "apiconnect_stage_mails{" not in text


def test_a_frozen_database_holds_nobody_up_and_is_asked_once() -> None:
    thawed, asked = threading.Event(), []

    def frozen() -> list[Reading]:
        asked.append(1)
        thawed.wait(20)
        return []

    shown = Shown(frozen)
    for _ in range(3):
        assert "apiconnect_state_up 0.0" in shown.scrape()
        shown.now += 10
    thawed.set()
    shown.end()
    assert len(asked) == 1


def test_a_second_service_in_one_process_takes_the_place_of_the_first(read: Counting) -> None:
    registry = CollectorRegistry()
    show_state(FAMILIES, read, registry=registry)
    end = show_state(FAMILIES, read, registry=registry)
    assert generate_latest(registry).decode().count("apiconnect_state_up 1.0") == 1
    end()
    assert generate_latest(registry) == b""
