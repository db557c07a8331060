"""The allowance of a mailbox, shared by everybody who works on it."""

from __future__ import annotations

import time

from shared.storage import budgets
from shared.storage.budgets import Granted
from shared.storage.database import Database
from tests.integration.shared.storage.looking import do, value
from tests.waiting import at_once

SCOPE = "microsoft/client/bounces@news.example.com"
RATE, BURST, SLOTS = 200.0, 20.0, 4


def ask(
    database: Database,
    units: float = 1.0,
    slots: int = 0,
    *,
    holder: str = "one",
    rate: float = RATE,
    burst: float = BURST,
    kept: float = 0.0,
    first: bool = False,
) -> Granted:
    """One reservation."""
    with database.transaction() as connection:
        return budgets.reserve(
            connection,
            SCOPE,
            holder,
            rate=rate,
            burst=burst,
            slot_limit=SLOTS,
            units=units,
            slots=slots,
            kept=kept,
            first=first,
        )


def fill(database: Database) -> None:
    """A bucket that was left alone for an hour."""
    ask(database, 0)
    do(database, "update mailbox_budgets set refilled_at = now() - interval '1 hour'")
    ask(database, 0)


class TestUnits:
    def test_a_new_bucket_is_empty(self, database: Database) -> None:
        found = ask(database, 5)
        assert found.units == 0
        assert found.retry_in == 5 / RATE

    def test_a_full_bucket_holds_no_more_than_its_burst(self, database: Database) -> None:
        fill(database)
        assert [ask(database, 15, rate=0.001).units, round(ask(database, 15, rate=0.001).units, 2)] == [15, 5.0]

    def test_what_is_missing_says_when_to_ask_again(self, database: Database) -> None:
        fill(database)
        found = ask(database, BURST)
        assert (found.units, found.retry_in) == (BURST, 0)
        assert 59 < ask(database, 60, rate=1).retry_in <= 60

    def test_many_at_once_are_never_granted_more_than_burst_and_rate_allow(self, database: Database) -> None:
        fill(database)
        began = time.monotonic()

        def spend(number: int) -> list[tuple[float, float]]:
            spent = []
            while time.monotonic() - began < 1.0:
                spent.append((ask(database, 7, holder=str(number)).units, time.monotonic() - began))
            return spent

        grants = sorted((at, units) for one in at_once(6, spend) for units, at in one)
        assert sum(units for _, units in grants) > 0.7 * RATE
        for first in range(0, len(grants), max(1, len(grants) // 40)):
            total = 0.0
            for at, units in grants[first:]:
                total += units
                # A grant is seen here a little after it was made, at most by the time that a call takes.
                assert total <= BURST + RATE * (at - grants[first][0]) + 0.15 * RATE

    def test_mailboxes_have_a_budget_each(self, database: Database) -> None:
        fill(database)
        with database.transaction() as connection:
            other = budgets.reserve(
                connection, "other", "one", rate=RATE, burst=BURST, slot_limit=SLOTS, units=9, slots=0
            )
        assert other.units == 0
        assert ask(database, 9).units == 9


class TestSlots:
    def test_the_holders_together_never_have_more_than_the_limit(self, database: Database) -> None:
        found = at_once(6, lambda n: ask(database, 0, 2, holder=f"holder-{n}").slots)
        assert sum(found) == SLOTS
        assert value(database, "select sum(slots) from budget_slots") == SLOTS

    def test_slots_that_are_given_back_are_free_for_others(self, database: Database) -> None:
        assert ask(database, 0, 4, holder="one").slots == 4
        waiting = ask(database, 0, 1, holder="two")
        assert (waiting.slots, waiting.retry_in > 0) == (0, True)
        assert ask(database, 0, 0, holder="one").slots == 0
        assert ask(database, 0, 1, holder="two").slots == 1

    def test_a_holder_that_asks_again_keeps_what_it_has(self, database: Database) -> None:
        assert [ask(database, 0, n).slots for n in (3, 4, 9, 2)] == [3, 4, 4, 2]

    def test_the_slots_of_a_dead_holder_come_free_by_themselves(self, database: Database) -> None:
        ask(database, 0, 4, holder="dead")
        do(database, "update budget_slots set expires_at = now() - interval '1 second'")
        assert ask(database, 0, 4, holder="alive").slots == 4
        with database.transaction() as connection:
            assert budgets.forget_slots(connection) == 1


class TestSendsComeFirst:
    def test_a_part_is_kept_that_only_sends_may_take(self, database: Database) -> None:
        fill(database)
        rest = ask(database, BURST, rate=0.001, kept=5)
        assert round(rest.units, 1) == BURST - 5
        assert round(ask(database, 1, rate=0.001, kept=5).units, 3) == 0
        assert round(ask(database, 5, rate=0.001).units, 1) == 5

    def test_what_is_kept_fills_up_before_the_rest_gets_anything(self, database: Database) -> None:
        fill(database)
        ask(database, BURST, rate=0.001)
        waiting = ask(database, 2, rate=1, kept=5)
        assert waiting.units == 0
        assert 6.5 < waiting.retry_in <= 7  # 5 that are kept and 2 that are asked for

    def test_a_send_that_finds_no_slot_gets_the_next_that_is_asked_for_again(self, database: Database) -> None:
        assert ask(database, 0, 4, holder="fetcher").slots == 4
        assert ask(database, 0, 1, holder="sender", first=True).slots == 0
        assert ask(database, 0, 4, holder="fetcher").slots == 3
        assert ask(database, 0, 1, holder="sender", first=True).slots == 1
        assert ask(database, 0, 0, holder="sender").slots == 0
        assert ask(database, 0, 4, holder="fetcher").slots == 4

    def test_a_wish_never_makes_it_more_than_the_limit_at_once(self, database: Database) -> None:
        assert ask(database, 0, 3, holder="fetcher").slots == 3
        assert ask(database, 0, 4, holder="sender", first=True).slots == 1
        assert ask(database, 0, 1, holder="another fetcher").slots == 0
        assert value(database, f"select sum(slots) from budget_slots where scope = '{SCOPE}'") == SLOTS

    def test_the_wish_of_a_sender_that_died_is_forgotten(self, database: Database) -> None:
        ask(database, 0, 4, holder="fetcher")
        ask(database, 0, 1, holder="sender", first=True)
        do(database, "update budget_slots set expires_at = now() - interval '1 second' where holder = 'sender'")
        assert ask(database, 0, 4, holder="fetcher").slots == 4


class TestARefusal:
    def test_nobody_spends_while_the_provider_refuses(self, database: Database) -> None:
        fill(database)
        with database.transaction() as connection:
            budgets.block(connection, SCOPE, 30)
        found = ask(database, 1, 2, holder="another")
        assert found.units == 0
        assert 29 < found.retry_in <= 30

    def test_a_shorter_refusal_does_not_end_a_longer_one(self, database: Database) -> None:
        fill(database)
        with database.transaction() as connection:
            budgets.block(connection, SCOPE, 30)
            budgets.block(connection, SCOPE, 1)
        assert ask(database).retry_in > 28

    def test_what_lay_ready_is_gone_after_a_refusal(self, database: Database) -> None:
        ask(database, 0)
        do(database, "update mailbox_budgets set available = 20, refilled_at = now() - interval '1 hour'")
        with database.transaction() as connection:
            budgets.block(connection, SCOPE, 0)
        assert ask(database, 20, rate=1).units < 1
