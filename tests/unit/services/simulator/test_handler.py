"""The world between the routes: what sending leaves behind, and when it shows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from services.simulator.core.answering import AnswerRule
from services.simulator.core.header_fields import field
from services.simulator.core.mailboxes import MailboxOptions
from services.simulator.handler import World
from services.simulator.settings import SimulatorSettings

SENDER = "news@contoso.example"
RAW = (
    b"To: <a@gone.example>\r\nSubject: S\r\nMessage-ID: <1@contoso.example>\r\nX-ApiConnect-Reference: r1\r\n\r\nHi\r\n"
)


@dataclass
class Clock:
    """A clock that stands still until it is told otherwise."""

    seconds: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    return World(SimulatorSettings(), now=clock)


def _subjects(world: World, provider: str) -> list[str]:
    found = world.mailbox(provider, SENDER)
    assert found is not None
    return [mail.subject for mail in found.everything.oldest_first()]


@pytest.mark.parametrize("provider", ["microsoft", "google"])
def test_a_sent_copy_shows_after_its_delay(world: World, clock: Clock, provider: str) -> None:
    box = world.register_mailbox(provider, SENDER, MailboxOptions(sent_items_delay=30))
    world.send(box, RAW)
    assert _subjects(world, provider) == []
    clock.seconds += 29.9
    assert _subjects(world, provider) == []
    clock.seconds += 0.1
    assert _subjects(world, provider) == ["S"]


def test_an_answer_arrives_after_its_delay_and_returns_what_was_sent(world: World, clock: Clock) -> None:
    box = world.register_mailbox("microsoft", SENDER, MailboxOptions())
    world.answers.append(AnswerRule(kind="full_mailbox", domain="gone.example", delay=60))
    world.send(box, RAW, save=False)
    assert _subjects(world, "microsoft") == []
    clock.seconds += 60
    assert _subjects(world, "microsoft") == ["Undeliverable: S"]
    report = next(box.everything.oldest_first())
    assert b"X-ApiConnect-Reference: r1" in report.raw
    assert b"Status: 5.2.2" in report.raw


def test_dropped_headers_are_missing_from_the_answer_too(world: World) -> None:
    box = world.register_mailbox("google", SENDER, MailboxOptions(custom_headers="drop"))
    world.answers.append(AnswerRule(recipient="A@gone.example"))
    world.send(box, RAW, save=False)
    report = next(box.everything.oldest_first())
    assert field(report.raw, "X-Failed-Recipients") == "a@gone.example"
    assert b"X-ApiConnect-Reference" not in report.raw


def test_a_recipients_own_rule_is_only_for_that_recipient(world: World) -> None:
    box = world.register_mailbox("google", SENDER, MailboxOptions())
    world.answers.append(AnswerRule(recipient="other@gone.example"))
    world.send(box, RAW, save=False)
    assert _subjects(world, "google") == []


def test_a_seed_makes_ids_repeat() -> None:
    first, second = (World(SimulatorSettings(seed=5)).guid() for _ in range(2))
    assert first == second


def test_a_reset_empties_the_world(world: World) -> None:
    world.send(world.register_mailbox("google", SENDER, MailboxOptions()), RAW)
    world.reset()
    assert (world.mailboxes, world.sent, world.removals) == ({}, [], [])
