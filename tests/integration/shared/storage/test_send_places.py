"""How many mails may leave a mailbox in a minute, whoever sends them."""

from __future__ import annotations

import time

import pytest

from shared.storage import budgets, send_places
from shared.storage.database import Database
from shared.storage.send_places import LONGEST_SEND_SECONDS, WINDOW_SECONDS, Place
from tests.integration.shared.storage.looking import do, value
from tests.waiting import at_once

SCOPE = "microsoft/client/news@news.example.com"


def take(database: Database, per_minute: int | None = 3, *, scope: str = SCOPE) -> Place:
    """One place."""
    with database.transaction() as connection:
        return send_places.take(connection, scope, "tests", per_minute)


def done(database: Database, place: Place) -> None:
    """The mail of that place was sent."""
    with database.transaction() as connection:
        send_places.give_back(connection, SCOPE, place)


def age(database: Database, seconds: float) -> None:
    """Every place ends that much earlier."""
    do(database, f"update budget_slots set expires_at = expires_at - interval '{seconds} seconds'")


def test_there_are_as_many_places_as_the_limit_says_and_no_more(database: Database) -> None:
    assert [bool(take(database).holder) for _ in range(5)] == [True, True, True, False, False]


def test_a_place_is_free_one_window_after_its_mail_was_sent_and_not_before(database: Database) -> None:
    places = [take(database) for _ in range(3)]
    for place in places:
        done(database, place)
    age(database, WINDOW_SECONDS - 5)
    refused = take(database)
    assert not refused.holder
    assert 0 < refused.wait <= 5
    age(database, 5)
    assert take(database).holder


def test_a_mail_that_is_under_way_keeps_its_place_however_long_it_takes(database: Database) -> None:
    for _ in range(3):
        take(database)
    age(database, WINDOW_SECONDS + 1)
    refused = take(database)
    assert not refused.holder
    assert refused.wait <= WINDOW_SECONDS


def test_the_place_of_a_process_that_died_comes_free_by_itself(database: Database) -> None:
    for _ in range(3):
        take(database)
    age(database, WINDOW_SECONDS + LONGEST_SEND_SECONDS)
    assert take(database).holder


def test_the_next_free_moment_is_that_of_the_first_place_to_end(database: Database) -> None:
    for _ in range(3):
        done(database, take(database))
        age(database, 10)
    assert 29 < take(database).wait <= 30  # the first ended 30 of its 60 seconds ago


def test_a_lowered_limit_waits_for_as_many_as_are_too_many(database: Database) -> None:
    for _ in range(3):
        done(database, take(database))
        age(database, 10)
    assert 49 < take(database, 1).wait <= 50  # all three must end, and the last did 10 seconds ago


def test_many_at_once_never_get_one_too_many(database: Database) -> None:
    got = at_once(8, lambda number: [bool(take(database, 30).holder) for _ in range(10)])
    assert sum(map(sum, got)) == 30


def test_mailboxes_have_places_of_their_own(database: Database) -> None:
    for _ in range(3):
        take(database)
    assert take(database, scope="another").holder


def test_without_a_limit_there_is_always_a_place_and_nothing_is_written_for_it(database: Database) -> None:
    assert all(take(database, None).holder for _ in range(50))
    assert value(database, "select count(*) from budget_slots") == 0


@pytest.mark.parametrize("per_minute", [30, None])
def test_a_refusal_to_send_holds_up_sends_only(database: Database, per_minute: int | None) -> None:
    with database.transaction() as connection:
        send_places.block(connection, SCOPE, 600)
    refused = take(database, per_minute)
    assert not refused.holder
    assert 599 < refused.wait <= 600
    with database.transaction() as connection:
        found = budgets.reserve(connection, SCOPE, "one", rate=10, burst=10, slot_limit=4, units=0, slots=1)
    assert (found.slots, found.retry_in) == (1, 0)


def test_a_refusal_of_everything_holds_up_sends_too(database: Database) -> None:
    with database.transaction() as connection:
        budgets.block(connection, SCOPE, 30)
    assert 29 < take(database).wait <= 30


def test_no_window_ever_holds_more_than_the_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six senders for two and a half windows of half a second; the mails as the provider sees them."""
    window, limit = 0.5, 10
    monkeypatch.setattr(send_places, "WINDOW_SECONDS", window)
    began = time.monotonic()

    def send(number: int) -> list[float]:
        seen = []
        while time.monotonic() - began < 2.5 * window:
            place = take(database, limit)
            if place.holder:
                seen.append(time.monotonic())  # the provider sees it between the place and its end
                done(database, place)
        return seen

    seen = sorted(at for one in at_once(6, send) for at in one)
    assert len(seen) >= 2 * limit
    assert all(later - earlier >= window for earlier, later in zip(seen, seen[limit:], strict=False))
