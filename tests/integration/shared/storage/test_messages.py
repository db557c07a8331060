"""Inbox and outbox, dead letters, and heartbeats."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from shared.storage import dead_letters, heartbeats, inbox, outbox
from shared.storage.database import Database
from shared.storage.dead_letters import Parked
from shared.storage.outbox import OutboxRow
from tests.integration.shared.storage.looking import do, value
from tests.waiting import at_once

DAY = timedelta(days=1)


class TestInbox:
    def claim(self, database: Database, ids: list[UUID], consumer: str = "actions") -> set[UUID]:
        with database.transaction() as connection:
            return inbox.claim(connection, consumer, ids)

    def test_a_message_is_new_once_for_each_consumer(self, database: Database) -> None:
        one, two = uuid4(), uuid4()
        assert self.claim(database, [one, one]) == {one}
        assert self.claim(database, [one, two]) == {two}
        assert self.claim(database, [one], "classifier") == {one}

    def test_several_workers_with_the_same_batch_in_another_order_have_each_message_once(
        self, database: Database
    ) -> None:
        ids = [uuid4() for _ in range(40)]
        found = at_once(4, lambda n: self.claim(database, ids[:: 1 if n % 2 else -1]))
        assert sorted(one for claimed in found for one in claimed) == sorted(ids)

    def test_a_claim_that_is_rolled_back_is_none(self, database: Database) -> None:
        one = uuid4()
        try:
            with database.transaction() as connection:
                inbox.claim(connection, "actions", [one])
                raise ValueError
        except ValueError:
            assert self.claim(database, [one]) == {one}

    def test_old_messages_are_forgotten_a_few_at_a_time(self, database: Database) -> None:
        self.claim(database, [uuid4() for _ in range(5)])
        do(database, "update inbox set received_at = now() - interval '2 days'")
        self.claim(database, [uuid4()])
        with database.transaction() as connection:
            assert inbox.forget(connection, DAY, limit=3) == 3
            assert inbox.forget(connection, DAY) == 2
        assert value(database, "select count(*) from inbox") == 1


class TestOutbox:
    def add(self, database: Database, count: int = 1) -> list[int]:
        rows = [OutboxRow(uuid4(), "mail.fetched", f"message {n}".encode()) for n in range(count)]
        with database.transaction() as connection:
            return outbox.add(connection, rows)

    def test_rows_keep_their_order_and_content(self, database: Database) -> None:
        ids = self.add(database, 3)
        do(database, "update outbox set added_at = now() - interval '1 minute'")
        with database.transaction() as connection:
            found = outbox.left_over(connection, timedelta(seconds=10), 10)
        assert [row_id for row_id, _ in found] == ids
        assert [row.payload for _, row in found] == [b"message 0", b"message 1", b"message 2"]

    def test_only_rows_that_were_left_behind_are_taken_up(self, database: Database) -> None:
        self.add(database)
        with database.transaction() as connection:
            assert outbox.left_over(connection, timedelta(seconds=10), 10) == []

    def test_two_relays_at_once_do_not_take_the_same_rows(self, database: Database) -> None:
        ids = self.add(database, 4)
        do(database, "update outbox set added_at = now() - interval '1 minute'")
        with database.transaction() as one, database.transaction() as two:
            first = [row_id for row_id, _ in outbox.left_over(one, timedelta(0), 2)]
            second = [row_id for row_id, _ in outbox.left_over(two, timedelta(0), 2)]
        assert first + second == ids

    def test_a_confirmed_row_is_gone_and_the_rest_grows_old(self, database: Database) -> None:
        first, _ = self.add(database, 2)
        with database.transaction() as connection:
            outbox.remove(connection, [first])
        do(database, "update outbox set added_at = now() - interval '1 minute'")
        with database.transaction() as connection:
            assert 59 < outbox.age_seconds(connection) < 70
        do(database, "delete from outbox")
        with database.transaction() as connection:
            assert outbox.age_seconds(connection) == 0


class TestDeadLetters:
    def park(self, database: Database, key: str = "k") -> None:
        letter = Parked(
            "actions.mail_classified", key, uuid4(), "mail.classified", "body.mail_id: missing", 1, b"{}", {}
        )
        with database.transaction() as connection:
            dead_letters.park(connection, [letter])

    def test_a_letter_that_is_parked_twice_is_there_once(self, database: Database) -> None:
        self.park(database)
        self.park(database)
        self.park(database, "other")
        with database.transaction() as connection:
            assert dead_letters.count_waiting(connection) == {"actions.mail_classified": 2}
            assert dead_letters.waiting(connection, "actions.mail_classified")[0].reason == "body.mail_id: missing"
            assert dead_letters.waiting(connection, "fetcher.poll_mailbox") == []

    def test_a_replayed_letter_waits_no_more_and_may_be_parked_again(self, database: Database) -> None:
        self.park(database)
        with database.transaction() as connection:
            dead_letters.mark_replayed(connection, 1)
            assert dead_letters.waiting(connection) == []
        self.park(database)
        with database.transaction() as connection:
            assert len(dead_letters.waiting(connection)) == 1
            replayed = dead_letters.one(connection, 1)
        assert replayed is not None
        assert replayed.replayed_at is not None


class TestHeartbeats:
    def test_a_service_is_seen_until_it_leaves_or_is_forgotten(self, database: Database) -> None:
        with database.transaction() as connection:
            for instance in ("one", "two", "one"):
                heartbeats.beat(connection, "scheduler", instance)
            assert [beat.instance for beat in heartbeats.all_beats(connection)] == ["one", "two"]
            heartbeats.leave(connection, "scheduler", "one")
        do(database, "update heartbeats set beat_at = now() - interval '2 days'")
        with database.transaction() as connection:
            (left,) = heartbeats.all_beats(connection)
            assert left.age > DAY
            assert heartbeats.forget(connection, DAY) == 1
