"""One poll: what it takes out of a mailbox, what it tidies away, and what it never does."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.contracts.commands import PollMailbox
from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.errors import (
    CredentialsRejected,
    Diagnosis,
    MailboxMissing,
    MailGone,
    PayloadRejected,
    Permanent,
    PermissionMissing,
    ProviderUnavailable,
    Temporary,
    Throttled,
)
from shared.domain.mailboxes import Capability, Disposal, Folder, MailboxId, Provider
from shared.messaging.received import Received
from shared.storage.mailboxes import take_lease
from tests.builders import SEALER, a_bounce_server, a_fetched_mail, a_mailbox, a_served_mail
from tests.integration.handlers.works import Works, now
from tests.integration.shared.storage.looking import column, do, rows, value

BOX = "bounces@news.example.com"
DIAGNOSIS = Diagnosis("AADSTS7000215", "The secret is wrong.", "Paste the secret's value, not its id.")


def stages(works: Works) -> list[str]:
    """Of all mails, in the order of the ledger."""
    return column(works.database, "select stage from fetched_mail order by id")


def ended(works: Works) -> tuple[str, timedelta]:
    """How the last poll ended, and how long it is until the next."""
    row = rows(works.database, "select last_poll ->> 'result', next_poll_at - now() from mailboxes")[0]
    return row[0], row[1]


@pytest.fixture
def mailbox_id(works: Works) -> MailboxId:
    """An empty mailbox of the operator."""
    works.microsoft.open(BOX)
    return a_mailbox(works.database)


class TestTakingMailOut:
    def test_unread_mail_of_inbox_and_junk_is_stored_sealed_and_announced(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.microsoft.plant(BOX, b"first")
        works.microsoft.plant(BOX, b"second", folder=Folder.JUNK)
        works.microsoft.plant(BOX, b"read already", unread=False)
        works.poll(mailbox_id)
        assert stages(works) == ["fetched", "fetched"]
        raws = rows(works.database, "select mail_id, sealed from raw_mail order by mail_id")
        assert [SEALER.open_mail(bytes(sealed), mail_id) for mail_id, sealed in raws] == [b"first", b"second"]
        told = {one.message_id for one in works.published(MailFetched)}
        assert told == {mail_message_id("mail.fetched", mail_id, 0) for mail_id, _ in raws}

    def test_junk_is_left_to_itself_where_nobody_reads_it(self, works: Works) -> None:
        mailbox_id = a_bounce_server(works.database, read_junk=False)
        works.microsoft.plant(BOX, b"junk", folder=Folder.JUNK)
        works.poll(mailbox_id)
        assert stages(works) == []

    def test_a_mail_is_fetched_once_however_often_the_mailbox_is_polled(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.microsoft.plant(BOX, b"still unread")
        for _ in range(3):
            works.poll(mailbox_id)
        assert works.microsoft.calls["fetch_raw"] == 1
        assert value(works.database, "select count(*) from raw_mail") == 1

    def test_more_than_one_round_and_one_page_is_taken_in_one_poll(self, works: Works, mailbox_id: MailboxId) -> None:
        for n in range(23):
            works.microsoft.plant(BOX, b"mail %d" % n)
        works.poll(mailbox_id, mails_per_round=5)
        assert stages(works) == ["fetched"] * 23
        assert value(works.database, "select last_poll ->> 'fetched' from mailboxes") == "23"

    def test_a_poll_that_reaches_its_bound_is_due_again_at_once(self, works: Works, mailbox_id: MailboxId) -> None:
        for n in range(5):
            works.microsoft.plant(BOX, b"mail %d" % n)
        works.poll(mailbox_id, mails_per_round=2, mails_per_poll=2)
        assert stages(works).count("fetched") == 2
        assert ended(works)[1] <= timedelta(0)
        works.poll(mailbox_id)
        assert stages(works) == ["fetched"] * 5

    def test_mail_from_before_the_servers_time_is_not_even_listed(self, works: Works) -> None:
        mailbox_id = a_bounce_server(works.database, only_mail_from=now() - timedelta(hours=1))
        works.microsoft.plant(BOX, b"old", received_at=now() - timedelta(hours=2))
        works.microsoft.plant(BOX, b"new", received_at=now())
        works.poll(mailbox_id)
        assert stages(works) == ["fetched"]

    def test_a_mail_over_the_cap_is_stored_cut_and_marked(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.plant(BOX, b"x" * 100_000)
        works.poll(mailbox_id, mail_max_bytes=64 * 1024)
        assert rows(works.database, "select truncated, size from fetched_mail") == [(True, 100_000)]

    def test_a_mail_that_somebody_took_out_is_gone_and_the_rest_goes_on(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.microsoft.plant(BOX, b"one")
        works.microsoft.plant(BOX, b"two")
        works.microsoft.force("fetch_raw", MailGone("not there any more"))
        works.poll(mailbox_id)
        assert sorted(stages(works)) == ["fetched", "gone"]
        works.poll(mailbox_id)
        assert works.microsoft.calls["fetch_raw"] == 2

    def test_a_mail_that_can_not_be_read_waits_and_the_rest_goes_on(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.plant(BOX, b"one")
        works.microsoft.plant(BOX, b"two")
        works.microsoft.force("fetch_raw", PayloadRejected("the answer is no mail", DIAGNOSIS))
        works.poll(mailbox_id)
        assert sorted(stages(works)) == ["fetched", "listed"]
        assert ended(works)[0] == "done"
        assert value(works.database, "select disposal_note from fetched_mail where stage = 'listed'")

    def test_the_next_poll_is_due_after_the_shortest_wish_of_the_servers(self, works: Works) -> None:
        works.microsoft.open(BOX)
        a_bounce_server(works.database, name="slow", poll_seconds=600)
        mailbox_id = a_bounce_server(works.database, name="quick", poll_seconds=60)
        works.poll(mailbox_id)
        result, wait = ended(works)
        assert result == "done"
        assert timedelta(seconds=50) < wait <= timedelta(seconds=60)

    @pytest.mark.parametrize("settings", [{"waiting_mails_max": 2}, {"waiting_bytes_max": 10}])
    def test_fetching_pauses_while_too_much_waits_for_the_classifier(
        self, works: Works, mailbox_id: MailboxId, settings: dict[str, int]
    ) -> None:
        elsewhere = a_mailbox(works.database, "else@news.example.com")
        for n in range(2):
            a_fetched_mail(works.database, elsewhere, b"12345", f"waiting-{n}")
        works.microsoft.plant(BOX, b"new")
        works.poll(mailbox_id, **settings)
        assert value(works.database, "select stage from fetched_mail where mailbox_id = %s", mailbox_id) == "listed"
        waits = value(works.database, "select next_poll_at - now() from mailboxes where id = %s", mailbox_id)
        assert waits < timedelta(seconds=6)
        do(works.database, "update fetched_mail set stage = 'served' where mailbox_id = %s", elsewhere)
        works.poll(mailbox_id, **settings)
        assert value(works.database, "select stage from fetched_mail where mailbox_id = %s", mailbox_id) == "fetched"


class TestTidying:
    def a_mail_that_is_done_with(self, works: Works, mailbox_id: MailboxId, disposal: Disposal) -> str:
        mail = works.microsoft.plant(BOX, b"a bounce")
        a_served_mail(works.database, mailbox_id, mail, disposal=disposal, move_to="Bounces")
        return mail

    @pytest.mark.parametrize("disposal", [Disposal.TRASH, Disposal.DELETE, Disposal.MOVE, Disposal.MARK_READ])
    def test_a_mail_that_is_done_with_is_tidied_away_as_chosen_and_once(
        self, works: Works, mailbox_id: MailboxId, disposal: Disposal
    ) -> None:
        mail = self.a_mail_that_is_done_with(works, mailbox_id, disposal)
        works.poll(mailbox_id)
        works.poll(mailbox_id)
        assert [(one.mail_id, one.disposal) for one in works.microsoft.removals] == [(mail, disposal)]
        assert value(works.database, "select disposed_at is not null and not disposal_due from fetched_mail")

    def test_a_mail_leaves_the_mailbox_only_after_it_was_served(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.plant(BOX, b"a bounce")
        for stage in ("listed", "fetched", "classified"):
            works.poll(mailbox_id)
            do(works.database, "update fetched_mail set stage = %s, disposal = 'trash'", stage)
            assert works.microsoft.removals == []

    def test_a_mail_that_is_left_alone_stays_as_it_is(self, works: Works, mailbox_id: MailboxId) -> None:
        self.a_mail_that_is_done_with(works, mailbox_id, Disposal.LEAVE)
        works.poll(mailbox_id)
        assert works.microsoft.removals == []
        assert works.microsoft.mails(BOX)[0].unread

    def test_a_mail_that_somebody_else_took_away_counts_as_tidied(self, works: Works, mailbox_id: MailboxId) -> None:
        mail = self.a_mail_that_is_done_with(works, mailbox_id, Disposal.TRASH)
        works.microsoft.take_out(BOX, mail)
        works.poll(mailbox_id)
        assert value(works.database, "select disposed_at is not null from fetched_mail")

    def test_a_read_only_key_works_by_its_ledger_and_says_which_permission_is_missing(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.microsoft.open(BOX, granted=frozenset({Capability.READ}))
        self.a_mail_that_is_done_with(works, mailbox_id, Disposal.TRASH)
        works.microsoft.plant(BOX, b"another")
        for _ in range(2):
            works.poll(mailbox_id)
        assert works.microsoft.calls["fetch_raw"] == 1
        assert works.microsoft.calls["dispose"] == 1
        assert "notGranted" in value(works.database, "select disposal_note from fetched_mail order by id limit 1")
        assert ended(works)[0] == "done"
        assert value(works.database, "select connection from mailboxes") == "connected"

    def test_a_token_without_the_right_to_change_mail_is_not_even_tried(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.granted = frozenset({Capability.READ})
        self.a_mail_that_is_done_with(works, mailbox_id, Disposal.TRASH)
        works.poll(mailbox_id)
        assert works.microsoft.calls["dispose"] == 0
        assert value(works.database, "select disposal_note from fetched_mail") == (
            "read-only: Mail.ReadWrite is not granted"
        )

    def test_where_deleting_for_good_is_not_granted_the_mail_is_trashed_and_the_ledger_says_so(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.granted = frozenset({Capability.READ, Capability.MODIFY})
        self.a_mail_that_is_done_with(works, mailbox_id, Disposal.DELETE)
        works.poll(mailbox_id)
        assert [one.disposal for one in works.microsoft.removals] == [Disposal.TRASH]
        assert "is not granted" in value(works.database, "select disposal_note from fetched_mail")

    def test_a_disposal_that_is_throttled_is_done_at_a_later_poll(self, works: Works, mailbox_id: MailboxId) -> None:
        mail = self.a_mail_that_is_done_with(works, mailbox_id, Disposal.TRASH)
        works.microsoft.force("dispose", Throttled("slow down", retry_after=7))
        works.poll(mailbox_id)
        assert ended(works)[0] == "throttled"
        works.poll(mailbox_id)
        assert [one.mail_id for one in works.microsoft.removals] == [mail]

    def test_one_mail_that_the_provider_can_not_remove_keeps_no_new_mail_waiting(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        mail = self.a_mail_that_is_done_with(works, mailbox_id, Disposal.TRASH)
        works.microsoft.plant(BOX, b"new")
        works.microsoft.force("dispose", ProviderUnavailable("503 for this mail"), times=2)
        works.poll(mailbox_id)
        assert ended(works)[0] == "done"
        assert sorted(stages(works)) == ["fetched", "served"]
        works.poll(mailbox_id)
        assert [one.mail_id for one in works.microsoft.removals] == [mail]

    def test_a_provider_that_can_remove_nothing_ends_the_poll(self, works: Works, mailbox_id: MailboxId) -> None:
        for _ in range(4):
            self.a_mail_that_is_done_with(works, mailbox_id, Disposal.TRASH)
        works.microsoft.force("dispose", ProviderUnavailable("503"))
        works.poll(mailbox_id)
        assert ended(works)[0] == "unavailable"

    def test_both_owners_of_a_mailbox_are_served_before_it_is_tidied(self, works: Works) -> None:
        mail = works.microsoft.plant(BOX, b"a bounce")
        one = a_bounce_server(works.database, key="one")
        two = a_bounce_server(works.database, key="two", key_owner="acme")
        a_served_mail(works.database, one, mail)
        works.poll(one)
        assert works.microsoft.removals == []
        a_served_mail(works.database, two, mail)
        works.poll(one)
        works.poll(two)
        assert [(one.mail_id, one.gone) for one in works.microsoft.removals] == [(mail, False), (mail, False)]
        assert value(works.database, "select bool_and(disposed_at is not null) from fetched_mail")


class TestFailuresThatMayPass:
    @pytest.mark.parametrize("operation", ["token", "list_unread", "fetch_raw"])
    @pytest.mark.parametrize(
        ("error", "result", "seconds"),
        [
            (Throttled("too many requests", retry_after=90), "throttled", 90),
            (Throttled("too many requests"), "throttled", 30),
            (ProviderUnavailable("503 from the provider"), "unavailable", 60),
        ],
    )
    def test_the_next_poll_waits_and_nothing_is_marked_as_broken(
        self, works: Works, mailbox_id: MailboxId, operation: str, error: Temporary, result: str, seconds: int
    ) -> None:
        for n in range(6):
            works.microsoft.plant(BOX, b"mail %d" % n)
        works.microsoft.force(operation, error, times=6)
        works.poll(mailbox_id)
        how, wait = ended(works)
        assert how == result
        assert timedelta(seconds=seconds - 10) < wait <= timedelta(seconds=seconds)
        assert value(works.database, "select connection <> 'not connected' from mailboxes")
        assert rows(works.database, "select failure, retry_at from api_keys") == [(None, None)]
        assert value(works.database, "select lease_holder from mailboxes") is None

    def test_what_was_fetched_before_a_throttle_is_kept(self, works: Works, mailbox_id: MailboxId) -> None:
        for n in range(4):
            works.microsoft.plant(BOX, b"mail %d" % n)
        works.poll(mailbox_id, mails_per_round=2, mails_per_poll=2)
        works.microsoft.force("fetch_raw", Throttled("slow down"))
        works.poll(mailbox_id)
        assert stages(works).count("fetched") >= 2
        works.poll(mailbox_id)
        assert stages(works) == ["fetched"] * 4

    def test_one_mail_that_the_provider_can_not_give_does_not_stop_the_others(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        for n in range(4):
            works.microsoft.plant(BOX, b"mail %d" % n)
        works.microsoft.force("fetch_raw", ProviderUnavailable("500 for this mail"), times=2)
        works.poll(mailbox_id)
        assert sorted(stages(works)) == ["fetched", "fetched", "listed", "listed"]
        assert ended(works)[0] == "done"


class TestFailuresThatAPersonMustEnd:
    @pytest.mark.parametrize(
        ("error", "key_is_broken"),
        [
            (CredentialsRejected("token refused", DIAGNOSIS), True),
            (PermissionMissing("list refused", DIAGNOSIS), False),
            (MailboxMissing("no such mailbox", DIAGNOSIS), False),
        ],
    )
    @pytest.mark.parametrize("operation", ["token", "list_unread"])
    def test_mailbox_and_key_say_cause_and_fix_and_are_tried_again_in_an_hour(
        self, works: Works, mailbox_id: MailboxId, error: Permanent, key_is_broken: bool, operation: str
    ) -> None:
        works.microsoft.force(operation, error)
        works.poll(mailbox_id)
        how, wait = ended(works)
        assert how == "failed"
        assert timedelta(minutes=59) < wait <= timedelta(hours=1)
        state, failure = rows(works.database, "select connection, connection_failure from mailboxes")[0]
        assert (state, failure["code"], failure["fix"]) == ("not connected", DIAGNOSIS.code, DIAGNOSIS.fix)
        (key,) = rows(works.database, "select failure ->> 'cause', retry_at > now() from api_keys")
        assert key == ((DIAGNOSIS.cause, True) if key_is_broken else (None, None))

    def test_a_refused_token_is_not_asked_for_again_within_the_hour(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.force("token", MailboxMissing("no such user", DIAGNOSIS))
        works.poll(mailbox_id)
        works.poll(mailbox_id)  # a person asked for it
        assert works.microsoft.calls["token"] == 1

    def test_a_missing_mailbox_never_stops_the_keys_other_mailboxes(self, works: Works, mailbox_id: MailboxId) -> None:
        other = a_mailbox(works.database, "other@news.example.com")
        works.microsoft.plant("other@news.example.com", b"mail")
        works.microsoft.force("token", MailboxMissing("no such user", DIAGNOSIS), address=BOX)
        works.poll(mailbox_id)
        works.poll(mailbox_id)
        works.poll(other)
        assert stages(works) == ["fetched"]

    def test_a_key_whose_seal_does_not_open_says_what_to_do(self, works: Works, mailbox_id: MailboxId) -> None:
        do(works.database, "update api_keys set secret_sealed = %s", b"\x03oldx")
        works.poll(mailbox_id)
        assert ended(works)[0] == "failed"
        assert "APICONNECT_SEALING_KEYS" in value(works.database, "select connection_failure ->> 'fix' from mailboxes")

    def test_it_works_again_by_itself_when_the_cause_is_gone(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.force("list_unread", CredentialsRejected("refused", DIAGNOSIS))
        works.poll(mailbox_id)
        do(works.database, "update api_keys set retry_at = now()")
        works.poll(mailbox_id)
        assert rows(works.database, "select connection, connection_failure from mailboxes") == [("connected", None)]
        assert rows(works.database, "select failure, failed_at from api_keys") == [(None, None)]


class TestOneAtATime:
    def test_a_mailbox_that_another_process_polls_is_left_to_it(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.plant(BOX, b"mail")
        with works.database.transaction() as connection:
            take_lease(connection, mailbox_id, "another", timedelta(minutes=1))
        works.poll(mailbox_id)
        assert works.microsoft.calls["list_unread"] == 0

    def test_a_poll_that_lost_its_lease_writes_nothing_more(self, works: Works, mailbox_id: MailboxId) -> None:
        works.microsoft.plant(BOX, b"mail")
        taken = "update mailboxes set lease_epoch = lease_epoch + 1, lease_holder = 'another' where id = %s"
        with works.fetcher() as handler:
            access, opened = handler._access, handler._access.open

            def and_then_lost(*given: object, **named: object) -> object:
                do(works.database, taken, mailbox_id)
                return opened(*given, **named)  # type: ignore[arg-type]

            access.open = and_then_lost  # type: ignore[assignment,method-assign]
            handler.handle(_poll_of(mailbox_id))
        assert stages(works) == []
        assert value(works.database, "select lease_holder from mailboxes") == "another"

    def test_a_mailbox_that_is_not_due_is_not_polled(self, works: Works, mailbox_id: MailboxId) -> None:
        do(works.database, "update mailboxes set next_poll_at = now() + interval '1 minute'")
        with works.fetcher() as handler:
            handler.handle(_poll_of(mailbox_id))
        assert works.microsoft.calls["list_unread"] == 0

    def test_a_poll_that_came_too_early_does_not_keep_the_next_one_waiting(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        soon = "update mailboxes set next_poll_at = now() + interval '1 minute', poll_requested_until = now() + interval '2 minutes'"
        do(works.database, soon)
        with works.fetcher() as handler:
            handler.handle(_poll_of(mailbox_id))
        assert value(works.database, "select poll_requested_until from mailboxes") is None

    def test_a_second_message_leaves_the_mark_of_a_poll_that_is_under_way(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        asked = "update mailboxes set leased_until = now() + interval '1 minute', poll_requested_until = now() + interval '2 minutes'"
        do(works.database, asked)
        with works.fetcher() as handler:
            handler.handle(_poll_of(mailbox_id))
        assert value(works.database, "select poll_requested_until > now() from mailboxes") is True

    def test_both_providers_mailboxes_are_polled_by_one_fetcher(self, works: Works, mailbox_id: MailboxId) -> None:
        google = a_bounce_server(works.database, key="g", provider=Provider.GOOGLE)
        works.google.plant(BOX, b"at google")
        works.microsoft.plant(BOX, b"at microsoft")
        works.poll(mailbox_id)
        works.poll(google)
        assert stages(works) == ["fetched", "fetched"]


class TestTokens:
    def test_the_same_token_serves_poll_after_poll(self, works: Works, mailbox_id: MailboxId) -> None:
        for _ in range(3):
            works.poll(mailbox_id)
        assert works.microsoft.calls["token"] == 1

    def test_a_token_with_less_than_ten_minutes_is_renewed_by_the_poll_itself(
        self, works: Works, mailbox_id: MailboxId
    ) -> None:
        works.poll(mailbox_id)
        do(works.database, "update access_tokens set expires_at = now() + interval '9 minutes'")
        works.poll(mailbox_id)
        assert works.microsoft.calls["token"] == 2

    def test_owners_with_the_same_credential_share_a_token_and_others_do_not(self, works: Works) -> None:
        works.microsoft.open(BOX)
        same = [a_bounce_server(works.database, key=k, key_owner=o) for k, o in (("one", None), ("two", "acme"))]
        do(works.database, "update api_keys set credential = 'the same'")
        for mailbox_id in same:
            works.poll(mailbox_id)
        assert works.microsoft.calls["token"] == 1
        works.poll(a_bounce_server(works.database, key="three", key_owner="globex"))
        assert works.microsoft.calls["token"] == 2


def _poll_of(mailbox_id: MailboxId) -> Received[PollMailbox]:
    return Received(PollMailbox(mailbox_id=mailbox_id), uuid4(), uuid4(), 1)
