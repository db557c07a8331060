"""Opening a mailbox: with the widest token that its key is given, found out once for each domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.api_keys import ApiKey
from shared.domain.errors import CredentialsRejected, Diagnosis, Throttled
from shared.domain.mailboxes import Capability, Folder, Provider
from shared.domain.tokens import AccessToken
from shared.mailbox_access import MailboxAccess
from shared.providers.memory import MemoryProvider
from shared.providers.provider import BudgetLimits, ProviderRecord
from shared.storage.database import Database
from tests.builders import SEALER, a_system_key
from tests.integration.shared.storage.looking import do, rows

BOX = "bounces@news.example.com"
LADDER = {
    Capability.READ: ("readonly", "modify", "full"),
    Capability.MODIFY: ("modify", "full"),
    Capability.DELETE: ("full",),
}
MAY = {
    "readonly": frozenset({Capability.READ}),
    "modify": frozenset({Capability.READ, Capability.MODIFY}),
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
            acquire_token=self._token,
            granted=lambda token, scopes: MAY[scopes],
            **more,  # type: ignore[arg-type]
        )

    def _token(self, key: ApiKey, address: str, scopes: str) -> AccessToken:
        self.asked[scopes] += 1
        if scopes not in self.given:
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
