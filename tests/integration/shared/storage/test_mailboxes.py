"""Mailboxes: whose they are, when they are due, and who polls."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared.domain.errors import Diagnosis, LeaseLost
from shared.domain.mailboxes import Connection as MailboxConnection
from shared.domain.mailboxes import Disposal, Folder, MailboxId
from shared.storage import api_keys, mailboxes
from shared.storage.database import Database
from shared.storage.mailboxes import PollEnd
from tests.builders import a_bounce_server, a_mailbox, a_system_key
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.waiting import at_once

MINUTE = timedelta(minutes=1)
MARK = timedelta(minutes=2)


def claimed(database: Database, limit: int = 100) -> list[MailboxId]:
    """What one tick of a scheduler takes."""
    with database.transaction() as connection:
        return mailboxes.claim_due(connection, limit, MARK)


def taken(database: Database, mailbox_id: MailboxId, holder: str = "one") -> int | None:
    """The epoch of a lease of a minute."""
    with database.transaction() as connection:
        return mailboxes.take_lease(connection, mailbox_id, holder, MINUTE)


def finished(database: Database, mailbox_id: MailboxId, epoch: int, **end: object) -> bool:
    """A poll that ends and is due in an hour."""
    with database.transaction() as connection:
        how = PollEnd(**{"next_poll_in": timedelta(hours=1), "result": {}, **end})  # type: ignore[arg-type]
        return mailboxes.finish_poll(connection, mailbox_id, epoch, how)


def expire(database: Database, mailbox_id: MailboxId) -> None:
    """The lease's time is over."""
    do(database, "update mailboxes set leased_until = now() - interval '1 second' where id = %s", mailbox_id)


class TestTheLink:
    @pytest.mark.parametrize("owner", [None, "acme"])
    def test_an_owner_has_one_link_to_a_mailbox_also_where_the_owner_is_the_operator(
        self, database: Database, owner: str | None
    ) -> None:
        a_bounce_server(database, key="one", key_owner=owner)
        a_system_key(database, uid="two", customer=owner)
        again = (
            "insert into mailboxes (customer_id, email, provider, api_key_id)"
            " select customer_id, 'bounces@news.example.com', provider, id from api_keys where uid = 'two'"
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            do(database, again)

    def test_two_owners_may_each_have_a_link(self, database: Database) -> None:
        assert a_bounce_server(database, key="one") != a_bounce_server(database, key="two", key_owner="acme")

    def test_two_servers_of_one_owner_share_the_link(self, database: Database) -> None:
        first = a_bounce_server(database, name="first")
        assert a_bounce_server(database, " Bounces@NEWS.example.com".strip().lower(), name="second") == first

    @pytest.mark.parametrize("email", ["Bounces@news.example.com", " bounces@news.example.com"])
    def test_an_address_that_is_not_normalized_is_refused(self, database: Database, email: str) -> None:
        with pytest.raises(psycopg.errors.CheckViolation):
            a_bounce_server(database, email)

    def test_a_link_never_uses_another_owners_key(self, database: Database) -> None:
        mailbox_id = a_bounce_server(database, key="one", key_owner="acme")
        other = a_system_key(database, uid="two", customer="globex")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            do(database, "update mailboxes set api_key_id = %s where id = %s", other, mailbox_id)


class TestWhatIsDue:
    def test_a_new_mailbox_is_due_at_once_and_asked_for_once(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        assert claimed(database) == [mailbox_id]
        assert claimed(database) == []

    def test_a_lost_message_is_asked_for_again_when_its_mark_is_over(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        claimed(database)
        do(database, "update mailboxes set poll_requested_until = now() - interval '1 second'")
        assert claimed(database) == [mailbox_id]

    def test_several_schedulers_at_once_share_the_work_and_nobody_asks_twice(self, database: Database) -> None:
        wanted = {a_mailbox(database, f"bounces{n}@news.example.com") for n in range(40)}
        found = at_once(8, lambda _: claimed(database, limit=10))
        everybodys = [mailbox_id for one in found for mailbox_id in one]
        assert len(everybodys) == len(set(everybodys))
        assert set(everybodys) | set(claimed(database)) == wanted

    def test_a_mailbox_that_another_scheduler_has_in_hand_is_skipped_not_waited_for(self, database: Database) -> None:
        first, second = a_mailbox(database, "a@news.example.com"), a_mailbox(database, "b@news.example.com")
        with database.transaction() as connection:
            assert mailboxes.claim_due(connection, 1, MARK) == [first]
            assert claimed(database) == [second]

    def test_the_longest_overdue_comes_first(self, database: Database) -> None:
        first, second = a_mailbox(database, "a@news.example.com"), a_mailbox(database, "b@news.example.com")
        do(database, "update mailboxes set next_poll_at = now() - interval '1 hour' where id = %s", second)
        assert claimed(database, limit=1) == [second]
        assert claimed(database, limit=1) == [first]

    @pytest.mark.parametrize(
        "statement",
        [
            "update mailboxes set paused = true",
            "update bounce_servers set status = 'inactive'",
            "update settings set value = 'false' where key = 'extension_enabled'",
            "update settings set value = 'false' where key = 'microsoft_enabled'",
            "update api_keys set failed_at = now(), retry_at = now() + interval '1 hour'",
            "update mailboxes set next_poll_at = now() + interval '1 minute'",
            "update mailboxes set leased_until = now() + interval '1 minute'",
            "delete from bounce_servers",
        ],
    )
    def test_a_mailbox_that_is_not_wanted_now_is_neither_asked_for_nor_polled(
        self, database: Database, statement: str
    ) -> None:
        mailbox_id = a_mailbox(database)
        do(database, statement)
        assert claimed(database) == []
        assert taken(database, mailbox_id) is None

    def test_a_locked_server_is_polled_all_the_same(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        do(database, "update bounce_servers set locked = true")
        assert claimed(database) == [mailbox_id]

    def test_a_broken_key_is_tried_again_when_its_hour_is_over(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        do(database, "update api_keys set failed_at = now(), retry_at = now() - interval '1 second'")
        assert claimed(database) == [mailbox_id]

    def test_waiting_disposals_make_a_mailbox_due_early_but_once_a_minute(self, database: Database) -> None:
        fresh, tidied = a_mailbox(database, "a@news.example.com"), a_mailbox(database, "b@news.example.com")
        do(database, "update mailboxes set next_poll_at = now() + interval '10 minutes'")
        do(database, "update mailboxes set last_tidied_at = now() - interval '20 seconds' where id = %s", tidied)
        with database.transaction() as connection:
            mailboxes.due_early(connection, [tidied, fresh, fresh])
        waits = column(database, "select extract(epoch from next_poll_at - now())::float from mailboxes order by id")
        assert waits[0] <= 0
        assert 30 < waits[1] <= 40

    def test_due_early_never_makes_a_mailbox_due_later(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        do(database, "update mailboxes set last_tidied_at = now()")
        with database.transaction() as connection:
            mailboxes.due_early(connection, [mailbox_id])
        assert claimed(database) == [mailbox_id]


class TestTheLease:
    def test_of_many_who_want_to_poll_one_gets_the_lease(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        epochs = at_once(8, lambda n: taken(database, mailbox_id, f"fetcher-{n}"))
        assert sorted(epochs, key=str) == [1, *[None] * 7]

    def test_a_lease_that_is_renewed_holds(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        epoch = taken(database, mailbox_id)
        assert epoch is not None
        expire(database, mailbox_id)
        with database.transaction() as connection:
            assert mailboxes.renew_lease(connection, mailbox_id, epoch, MINUTE)
        assert taken(database, mailbox_id, "two") is None

    def test_an_expired_lease_is_taken_by_another_and_the_first_ones_writes_are_refused(
        self, database: Database
    ) -> None:
        mailbox_id = a_mailbox(database)
        first = taken(database, mailbox_id, "one")
        expire(database, mailbox_id)
        second = taken(database, mailbox_id, "two")
        assert first is not None
        assert second == first + 1
        with database.transaction() as connection:
            assert not mailboxes.renew_lease(connection, mailbox_id, first, MINUTE)
        with pytest.raises(LeaseLost), database.transaction() as connection:
            mailboxes.hold_lease(connection, mailbox_id, first)
        assert not finished(database, mailbox_id, first)
        with database.transaction() as connection:
            mailboxes.hold_lease(connection, mailbox_id, second)
        assert finished(database, mailbox_id, second)

    def test_nobody_takes_the_lease_between_the_fence_and_the_end_of_the_write(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        first = taken(database, mailbox_id, "one")
        assert first is not None
        expire(database, mailbox_id)
        with ExitStack() as stack:
            mailboxes.hold_lease(stack.enter_context(database.transaction()), mailbox_id, first)
            other = stack.enter_context(psycopg.connect(database.url, options="-c lock_timeout=200"))
            with pytest.raises(psycopg.errors.LockNotAvailable):
                mailboxes.take_lease(other, mailbox_id, "two", MINUTE)

    def test_a_finished_poll_gives_the_lease_back_and_says_when_the_next_is_due(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        claimed(database)
        epoch = taken(database, mailbox_id)
        assert epoch is not None
        assert finished(database, mailbox_id, epoch, result={"fetched": 3}, throttled_for=MINUTE, tidied=True)
        holder, waits, result, throttled, asked = rows(
            database,
            "select lease_holder, next_poll_at - now(), last_poll, throttled_until - now(), poll_requested_until"
            " from mailboxes",
        )[0]
        assert (holder, result, asked) == (None, {"fetched": 3}, None)
        assert timedelta(minutes=59) < waits <= timedelta(hours=1)
        assert timedelta(0) < throttled <= MINUTE
        assert not finished(database, mailbox_id, epoch)

    def test_a_poll_with_more_to_do_is_due_at_once(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        epoch = taken(database, mailbox_id)
        assert epoch is not None
        finished(database, mailbox_id, epoch, next_poll_in=None)
        assert claimed(database) == [mailbox_id]

    def test_a_crashed_poll_is_due_again_when_its_lease_is_over(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        claimed(database)
        taken(database, mailbox_id)
        do(database, "update mailboxes set leased_until = now() - interval '1 s', poll_requested_until = now()")
        assert claimed(database) == [mailbox_id]


class TestWhatIsKnown:
    def test_a_mailbox_comes_with_its_active_watchers_and_the_shortest_wish(self, database: Database) -> None:
        since = datetime(2026, 11, 1, tzinfo=UTC)
        a_bounce_server(database, name="a", poll_seconds=900, disposal=Disposal.MOVE, move_to="Done", dry_run=True)
        a_bounce_server(database, name="b", customer="acme", poll_seconds=60, only_mail_from=since, read_junk=False)
        mailbox_id = a_bounce_server(database, name="c", status="inactive", poll_seconds=60, blacklist_scope="global")
        with database.transaction() as connection:
            record = mailboxes.load(connection, mailbox_id)
        assert record is not None
        first, second = record.watchers
        assert (first.disposal, first.dry_run) == (Disposal.MOVE, True)
        assert (second.only_mail_from, second.read_junk) == (since, False)
        assert record.poll_every == timedelta(seconds=60)

    def test_there_is_no_mailbox_of_another_id(self, database: Database) -> None:
        with database.transaction() as connection:
            assert mailboxes.load(connection, MailboxId(99)) is None

    def test_each_folder_keeps_the_time_up_to_which_it_was_listed(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        one, two = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
        with database.transaction() as connection:
            mailboxes.note_listed(connection, mailbox_id, {Folder.INBOX: one, Folder.JUNK: one}, swept=True)
            mailboxes.note_listed(connection, mailbox_id, {Folder.INBOX: two}, swept=False)
            record = mailboxes.load(connection, mailbox_id)
        assert record is not None
        assert record.listed_to == {Folder.INBOX: two, Folder.JUNK: one}
        assert record.swept_at is not None

    def test_a_broken_mailbox_says_why_and_forgets_it_when_it_answers(self, database: Database) -> None:
        mailbox_id = a_mailbox(database)
        with database.transaction() as connection:
            mailboxes.not_connected(connection, mailbox_id, Diagnosis("ErrorAccessDenied", "cause", "fix"))
        state, failure = rows(database, "select connection, connection_failure from mailboxes")[0]
        assert (state, failure["fix"]) == (MailboxConnection.NOT_CONNECTED, "fix")
        with database.transaction() as connection:
            mailboxes.connected(connection, mailbox_id)
        assert rows(database, "select connection, connection_failure from mailboxes") == [("connected", None)]

    def test_a_refused_key_keeps_the_time_of_its_first_failure_until_it_works(self, database: Database) -> None:
        key = a_system_key(database)
        for _ in range(2):
            with database.transaction() as connection:
                api_keys.refused(connection, key, Diagnosis("AADSTS7000215", "cause", "fix"), timedelta(hours=1))
            do(database, "update api_keys set failed_at = '2026-01-01' where failed_at > '2026-06-01' and id = %s", key)
        assert value(database, "select failed_at < '2026-02-01' from api_keys")
        with database.transaction() as connection:
            api_keys.accepted(connection, key)
        assert rows(database, "select failure, failed_at, retry_at from api_keys") == [(None, None, None)]
