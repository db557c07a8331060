"""Access tokens: sealed, shared by those with the same credential, refreshed by one at a time."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import Diagnosis
from shared.domain.mailboxes import Provider
from shared.domain.tokens import REFRESH_MARGIN, AccessToken, TokenSubject
from shared.storage import tokens
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.storage.tokens import TokenRow
from tests.builders import SEALER, a_mailbox, a_system_key
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.waiting import at_once

MINUTE = timedelta(minutes=1)
SUBJECT = TokenSubject(Provider.GOOGLE, "credential-1", "bounces@news.example.com", "scope")
HOLDER = "refresher-1"


def token(value: str = "hush", minutes: int = 60) -> AccessToken:
    """A token that ends in so many minutes."""
    return AccessToken(value, datetime.now(UTC) + minutes * MINUTE)


def use(database: Database, subject: TokenSubject = SUBJECT, sealer: Sealer = SEALER) -> TokenRow:
    """The row of a subject."""
    with database.transaction() as connection:
        known = connection.execute("select min(id) from api_keys").fetchone()
    key = (known and known[0]) or a_system_key(database, provider=Provider.GOOGLE)
    with database.transaction() as connection:
        return tokens.use(connection, sealer, subject, key)


def lease(database: Database, token_id: int, holder: str = HOLDER) -> bool:
    """Whether that holder may refresh now."""
    with database.transaction() as connection:
        return tokens.take_lease(connection, token_id, holder, MINUTE)


def store(database: Database, token_id: int, what: AccessToken | None = None, holder: str = HOLDER) -> bool:
    """Whether the holder could store its token."""
    with database.transaction() as connection:
        return tokens.store(connection, SEALER, token_id, holder, what or token())


def a_stored_token(database: Database, what: AccessToken | None = None) -> int:
    """A row with a token."""
    row = use(database)
    lease(database, row.token_id)
    store(database, row.token_id, what)
    return row.token_id


def due(database: Database, limit: int = 100) -> list[int]:
    """What one tick asks to refresh."""
    with database.transaction() as connection:
        return tokens.claim_due(connection, REFRESH_MARGIN, timedelta(days=1), limit)


class TestTheRow:
    def test_a_subject_has_one_row_however_many_ask_at_once(self, database: Database) -> None:
        a_system_key(database, provider=Provider.GOOGLE)
        assert len({row.token_id for row in at_once(6, lambda _: use(database))}) == 1

    @pytest.mark.parametrize(
        "other",
        [
            TokenSubject(Provider.GOOGLE, "credential-2", SUBJECT.subject, SUBJECT.scopes),
            TokenSubject(Provider.GOOGLE, SUBJECT.credential, "other@news.example.com", SUBJECT.scopes),
            TokenSubject(Provider.GOOGLE, SUBJECT.credential, SUBJECT.subject, "scope more"),
            TokenSubject(Provider.MICROSOFT, SUBJECT.credential, SUBJECT.subject, SUBJECT.scopes),
        ],
    )
    def test_a_token_is_never_given_to_another_credential_subject_or_scope_set(
        self, database: Database, other: TokenSubject
    ) -> None:
        a_stored_token(database)
        assert use(database, other).token is None

    def test_a_stored_token_comes_back_and_is_not_readable_in_the_table(self, database: Database) -> None:
        a_stored_token(database, token("hush-hush"))
        found = use(database).token
        assert found is not None
        assert found.value == "hush-hush"
        assert b"hush" not in bytes(value(database, "select sealed from access_tokens"))

    def test_a_sealed_token_that_is_moved_to_another_row_is_no_token(self, database: Database) -> None:
        a_stored_token(database)
        other = TokenSubject(Provider.GOOGLE, "credential-2", SUBJECT.subject, SUBJECT.scopes)
        use(database, other)
        do(database, "update access_tokens set sealed = (select sealed from access_tokens where sealed is not null),"
           " expires_at = now() + interval '1 hour'")  # fmt: skip
        assert use(database, other).token is None

    def test_a_token_sealed_under_a_key_that_was_dropped_is_no_token_and_can_be_fetched_anew(
        self, database: Database
    ) -> None:
        a_stored_token(database)
        row = use(database, sealer=Sealer.parse("new:" + base64.b64encode(b"n" * 32).decode()))
        assert (row.token, row.expires_at) == (None, None)

    def test_rows_go_with_their_key(self, database: Database) -> None:
        a_stored_token(database)
        do(database, "delete from api_keys")
        assert value(database, "select count(*) from access_tokens") == 0


class TestTheLease:
    def test_of_many_one_may_refresh(self, database: Database) -> None:
        token_id = use(database).token_id
        assert sorted(at_once(8, lambda n: lease(database, token_id, f"refresher-{n}"))) == [*[False] * 7, True]

    def test_an_expired_lease_is_taken_over_and_the_first_one_can_not_store(self, database: Database) -> None:
        token_id = use(database).token_id
        lease(database, token_id, "slow")
        do(database, "update access_tokens set leased_until = now() - interval '1 second'")
        assert lease(database, token_id, "quick")
        assert not store(database, token_id, token("from slow"), "slow")
        assert store(database, token_id, token("from quick"), "quick")
        found = use(database).token
        assert found is not None
        assert found.value == "from quick"

    def test_a_failure_gives_the_lease_back_and_says_what_a_person_must_do(self, database: Database) -> None:
        token_id = use(database).token_id
        lease(database, token_id)
        with database.transaction() as connection:
            tokens.fail(connection, token_id, HOLDER, Diagnosis("invalid_grant", "cause", "fix"), MINUTE)
        row = use(database)
        assert row.failure == Diagnosis("invalid_grant", "cause", "fix")
        assert row.retry_at is not None
        assert lease(database, token_id, "another")

    def test_a_failure_that_may_pass_accuses_nobody(self, database: Database) -> None:
        token_id = use(database).token_id
        lease(database, token_id)
        with database.transaction() as connection:
            tokens.fail(connection, token_id, HOLDER, None, MINUTE)
        assert use(database).failure is None

    def test_a_success_clears_a_failure(self, database: Database) -> None:
        token_id = use(database).token_id
        for act in ("fail", "store"):
            lease(database, token_id)
            if act == "store":
                store(database, token_id)
                continue
            with database.transaction() as connection:
                tokens.fail(connection, token_id, HOLDER, Diagnosis("c", "c", "f"), MINUTE)
        assert rows(database, "select failures, failure, retry_at, lease_holder from access_tokens") == [
            (0, None, None, None)
        ]


class TestWhatIsDue:
    @pytest.mark.parametrize(("minutes", "asked"), [(9, True), (11, False), (-5, True)])
    def test_tokens_that_end_within_ten_minutes_are_asked_for_once(
        self, database: Database, minutes: int, asked: bool
    ) -> None:
        token_id = a_stored_token(database, token(minutes=minutes))
        assert (due(database), due(database)) == ([token_id] if asked else [], [])

    @pytest.mark.parametrize("statement", [
        "update access_tokens set used_at = now() - interval '2 days'",
        "update access_tokens set retry_at = now() + interval '1 minute'",
        "update access_tokens set refresh_requested_until = now() + interval '1 minute'",
    ])  # fmt: skip
    def test_tokens_that_nobody_uses_or_that_wait_are_left_out(self, database: Database, statement: str) -> None:
        a_stored_token(database, token(minutes=5))
        do(database, statement)
        assert due(database) == []

    def test_a_lost_message_is_asked_for_again(self, database: Database) -> None:
        token_id = a_stored_token(database, token(minutes=5))
        due(database)
        do(database, "update access_tokens set refresh_requested_until = now() - interval '1 second'")
        assert due(database) == [token_id]

    def test_several_schedulers_at_once_ask_for_each_token_once(self, database: Database) -> None:
        for n in range(20):
            row = use(database, TokenSubject(Provider.GOOGLE, "c", f"box{n}@news.example.com", "s"))
            lease(database, row.token_id)
            store(database, row.token_id, token(minutes=5))
        found = [one for many in at_once(4, lambda _: due(database, 5)) for one in many]
        assert len(found) == len(set(found))
        assert len(found) + len(due(database)) == 20


def test_a_reset_drops_the_tokens_of_one_address_or_of_all(database: Database) -> None:
    a_mailbox(database, "box@news.example.com")
    for address in ("box@news.example.com", "else@example.org"):
        use(database, TokenSubject(Provider.GOOGLE, "c", address, "s"))
    do(database, "update access_tokens set api_key_id = %s where subject like 'else%%'",
       a_system_key(database, uid="else"))  # fmt: skip
    with database.transaction() as connection:
        assert tokens.reset(connection, "box@news.example.com") == 1
    assert column(database, "select subject from access_tokens") == ["else@example.org"]
    with database.transaction() as connection:
        assert tokens.reset(connection) == 1
