"""Opening a mailbox: with the widest token that its key is given, found out once for each domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.api_keys import ApiKey
from shared.domain.errors import (
    CredentialsRejected,
    Diagnosis,
    SendingLimitReached,
    SendNotYet,
    SendOutcomeUnknown,
    Throttled,
)
from shared.domain.mailboxes import Capability, Folder, Provider
from shared.domain.sending import SendLimits
from shared.domain.tokens import AccessToken
from shared.mailbox_access import MailboxAccess, OpenMailbox
from shared.providers.memory import MemoryProvider
from shared.providers.provider import BudgetLimits, ProviderRecord
from shared.storage import api_keys
from shared.storage.database import Database
from tests.builders import SEALER, a_system_key
from tests.integration.shared.storage.looking import do, rows

BOX = "bounces@news.example.com"
MAIL = b"From: <bounces@news.example.com>\r\nTo: <a@example.net>\r\nMessage-ID: <1@news.example.com>\r\n\r\nHi\r\n"
LADDER = {
    Capability.READ: ("readonly", "modify", "full"),
    Capability.MODIFY: ("modify", "full"),
    Capability.DELETE: ("full",),
}
MAY = {
    "readonly": frozenset({Capability.READ}),
    "modify": frozenset({Capability.READ, Capability.MODIFY, Capability.SEND}),
    "send": frozenset({Capability.SEND}),
    "full": frozenset({Capability.READ, Capability.MODIFY, Capability.DELETE}),
}
DENIED = Diagnosis("unauthorized_client", "The scope is not delegated.", "Delegate it.")


@dataclass
class Google:
    """A provider that gives tokens for some scope sets only, and counts what it was asked for."""

    given: Sequence[str]
    memory: MemoryProvider = field(default_factory=lambda: MemoryProvider(Provider.GOOGLE))
    asked: Counter[str] = field(default_factory=Counter)

    def record(self, **more: object) -> ProviderRecord:
        """Its capability record."""
        return replace(
            self.memory.record(),
            scopes=LADDER,
            sending_scopes=("modify", "readonly send", "send"),
            acquire_token=self._token,
            granted=lambda token, scopes: frozenset().union(*(MAY[one] for one in scopes.split())),
            **more,  # type: ignore[arg-type]
        )

    def _token(self, key: ApiKey, address: str, scopes: str) -> AccessToken:
        self.asked[scopes] += 1
        if set(scopes.split()) - set(self.given):
            raise CredentialsRejected(f"{scopes} for {address}", DENIED, mailbox=address, call="token")
        return AccessToken(f"token for {scopes}", datetime.now(UTC) + timedelta(hours=1))


def granted(database: Database, google: Google, wanted: Capability, address: str = BOX) -> frozenset[Capability]:
    """What the opened mailbox's token may do."""
    access = MailboxAccess(database, SEALER, {Provider.GOOGLE: google.record()}, "tests")
    with access.open(1, address, wanted) as opened:
        return opened.granted


@pytest.fixture(autouse=True)
def _a_key(database: Database) -> None:
    a_system_key(database, provider=Provider.GOOGLE)


@pytest.mark.parametrize(
    ("given", "wanted", "got"),
    [
        (["readonly", "modify", "full"], Capability.DELETE, "full"),
        (["readonly", "modify", "full"], Capability.MODIFY, "modify"),
        (["readonly", "modify", "full"], Capability.READ, "readonly"),
        (["readonly", "modify"], Capability.DELETE, "modify"),
        (["readonly"], Capability.DELETE, "readonly"),
        (["full"], Capability.READ, "full"),  # only the widest scope was delegated
    ],
)
def test_a_mailbox_is_opened_with_the_narrowest_token_that_does_what_is_wanted_and_is_given(
    database: Database, given: list[str], wanted: Capability, got: str
) -> None:
    assert granted(database, Google(given), wanted) == MAY[got]


def test_what_was_denied_is_remembered_for_the_whole_domain_and_a_day(database: Database) -> None:
    google = Google(["readonly"])
    granted(database, google, Capability.DELETE)
    assert rows(database, "select domain, capability, granted from key_capabilities order by capability") == [
        ("news.example.com", "delete", False),
        ("news.example.com", "modify", False),
        ("news.example.com", "read", True),
    ]
    asked = google.asked.copy()
    granted(database, google, Capability.DELETE, "other@news.example.com")
    assert google.asked - asked == Counter({"readonly": 1})
    do(database, "update key_capabilities set checked_at = now() - interval '25 hours'")
    do(database, "update access_tokens set retry_at = now()")
    assert granted(database, Google(["readonly", "modify", "full"]), Capability.DELETE) == MAY["full"]


def test_a_key_that_is_given_nothing_is_refused_with_cause_and_fix(database: Database) -> None:
    with pytest.raises(CredentialsRejected) as refused:
        granted(database, Google([]), Capability.DELETE)
    assert refused.value.diagnosis == DENIED


def test_a_mailbox_keeps_its_budget_and_gives_its_slots_back(database: Database) -> None:
    google = Google(["readonly"])
    google.memory.plant(BOX, b"mail")
    record = google.record(limits=BudgetLimits(units_per_second=0.5, burst=1.0, slots=2))
    access = MailboxAccess(database, SEALER, {Provider.GOOGLE: record}, "tests")
    with access.open(1, BOX, Capability.READ, patience=0.1) as opened:
        with pytest.raises(Throttled):  # the bucket begins empty, and the first unit takes two seconds
            opened.mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=10)
        do(database, "update mailbox_budgets set available = 1")
        assert len(opened.mailbox.list_unread(Folder.INBOX, since=None, page=None, page_size=10).mails) == 1
    assert rows(database, "select * from budget_slots") == []


class TestSending:
    """Opened to send: with a token that also looks, where the key has one, and under the provider's send rate."""

    @pytest.mark.parametrize(
        ("given", "got"),
        [
            (["readonly", "send", "modify"], {"modify"}),
            (["readonly", "send"], {"readonly", "send"}),
            (["send"], {"send"}),
            (["modify"], {"modify"}),
        ],
    )
    def test_the_token_is_the_most_useful_one_that_is_given(
        self, database: Database, given: list[str], got: set[str]
    ) -> None:
        assert granted(database, Google(given), Capability.SEND) == frozenset().union(*(MAY[one] for one in got))

    def test_what_was_refused_is_not_asked_for_again_within_the_hour(self, database: Database) -> None:
        google = Google(["send"])
        for _ in range(2):
            granted(database, google, Capability.SEND)
        assert google.asked == Counter({"modify": 1, "readonly send": 1, "send": 1})

    def test_a_key_that_may_not_send_is_refused_and_it_is_remembered(self, database: Database) -> None:
        with pytest.raises(CredentialsRejected):
            granted(database, Google(["readonly"]), Capability.SEND)
        assert rows(database, "select capability, granted from key_capabilities") == [("send", False)]

    def test_a_mail_takes_a_place_and_the_next_is_told_when_one_is_free(self, database: Database) -> None:
        with sending(database, SendLimits(per_minute=1)) as opened:
            with opened.sending():
                opened.mailbox.send(MAIL)
            with pytest.raises(SendNotYet) as not_yet, opened.sending():
                opened.mailbox.send(MAIL)
        assert timedelta(seconds=50) < not_yet.value.until - datetime.now(UTC) <= timedelta(seconds=60)

    def test_a_key_may_have_other_limits_than_its_provider(self, database: Database) -> None:
        with database.transaction() as connection:
            api_keys.set_send_limits(connection, 1, {"per_minute": 2})
        with sending(database, SendLimits(per_minute=1, messages_per_day=9)) as opened:
            for _ in range(2):
                with opened.sending():
                    opened.mailbox.send(MAIL)
            with pytest.raises(SendNotYet), opened.sending():
                pass
            assert opened.record.send_limits_of(opened.key) == SendLimits(per_minute=2, messages_per_day=9)

    @pytest.mark.parametrize("limits", [{"per_minute": 0}, {"per_hour": 5}])
    def test_a_limit_that_is_none_is_refused(self, database: Database, limits: dict[str, int]) -> None:
        with database.transaction() as connection, pytest.raises(ValueError, match="per_minute"):
            api_keys.set_send_limits(connection, 1, limits)

    @pytest.mark.parametrize("error", [Throttled("no"), SendOutcomeUnknown("cut"), RuntimeError("a fault of ours")])
    def test_a_send_that_fails_keeps_its_place_for_the_window(self, database: Database, error: Exception) -> None:
        with sending(database, SendLimits(per_minute=1)) as opened:
            with pytest.raises(type(error)), opened.sending():
                raise error
            with pytest.raises(SendNotYet), opened.sending():
                pass

    def test_after_a_refusal_to_send_nobody_tries_before_the_time_that_was_named(self, database: Database) -> None:
        with sending(database, SendLimits()) as opened:
            with pytest.raises(SendingLimitReached), opened.sending():
                raise SendingLimitReached("that was the day's last", retry_after=7200)
            with pytest.raises(SendNotYet) as not_yet, opened.sending():
                pass
            assert not_yet.value.retry_after == pytest.approx(7200, abs=5)
            assert opened.mailbox.find_sent("a@b.example", "r", datetime(2026, 1, 1, tzinfo=UTC)) is None


@contextmanager
def sending(database: Database, limits: SendLimits) -> Iterator[OpenMailbox]:
    """The mailbox, opened to send, at a provider with these limits."""
    google = Google(["modify"])
    google.memory.open(BOX)
    record = google.record(send_limits=limits)
    access = MailboxAccess(database, SEALER, {Provider.GOOGLE: record}, "tests")
    with access.open(1, BOX, Capability.SEND, patience=1.0) as opened:
        yield opened
