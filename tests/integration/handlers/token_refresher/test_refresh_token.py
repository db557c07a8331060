"""Access tokens are renewed before they end, by one process at a time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.token_refresher.handler import RefreshTokenHandler
from shared.contracts.commands import RefreshToken
from shared.domain.errors import CredentialsRejected, Diagnosis, MailboxMissing, ProviderUnavailable, Throttled
from shared.domain.mailboxes import MailboxId
from shared.mailbox_access import Tokens
from shared.messaging.received import Received
from shared.storage import api_keys
from tests.builders import SEALER, a_mailbox
from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import do, rows, value
from tests.waiting import at_once

BOX = "bounces@news.example.com"
DIAGNOSIS = Diagnosis("AADSTS7000222", "The secret has expired.", "Make a new one.")


def refresh(works: Works, holder: str = "refresher", token_id: int = 1) -> None:
    """The service handles `token.refresh`."""
    fresh = Tokens(works.database, SEALER, works.microsoft.records(), holder)
    handler = RefreshTokenHandler(works.database, SEALER, fresh)
    handler.handle(Received(RefreshToken(token_id=token_id), uuid4(), uuid4(), 1))


@pytest.fixture
def mailbox_id(works: Works) -> MailboxId:
    """A mailbox whose token ends in five minutes."""
    works.microsoft.open(BOX)
    mailbox_id = a_mailbox(works.database)
    works.poll(mailbox_id)
    do(works.database, "update access_tokens set expires_at = now() + interval '5 minutes'")
    works.microsoft.calls.clear()
    return mailbox_id


def left(works: Works) -> float:
    """Minutes until the token ends."""
    return float(value(works.database, "select extract(epoch from expires_at - now()) / 60 from access_tokens"))


def test_a_token_that_ends_soon_is_renewed(works: Works, mailbox_id: MailboxId) -> None:
    refresh(works)
    assert left(works) > 55
    assert works.microsoft.calls["token"] == 1


def test_a_token_that_is_fresh_is_left_alone(works: Works, mailbox_id: MailboxId) -> None:
    refresh(works)
    refresh(works)
    assert works.microsoft.calls["token"] == 1


def test_many_who_refresh_one_token_at_once_ask_the_provider_once(works: Works, mailbox_id: MailboxId) -> None:
    at_once(8, lambda n: refresh(works, f"refresher-{n}"))
    assert works.microsoft.calls["token"] == 1


def test_many_polls_that_need_a_token_at_once_ask_the_provider_once(works: Works, mailbox_id: MailboxId) -> None:
    do(works.database, "update access_tokens set sealed = null, expires_at = null")
    with works.database.transaction() as connection:
        key = api_keys.load(connection, SEALER, 1)

    def ask(number: int) -> str:
        tokens = Tokens(works.database, SEALER, works.microsoft.records(), f"process-{number}")
        return tokens.fresh(key, BOX, ".default").value

    assert len(set(at_once(8, ask))) == 1
    assert works.microsoft.calls["token"] == 1


def test_many_whose_fresh_token_the_provider_refused_renew_it_once(works: Works, mailbox_id: MailboxId) -> None:
    do(works.database, "update access_tokens set expires_at = now() + interval '50 minutes'")
    with works.database.transaction() as connection:
        key = api_keys.load(connection, SEALER, 1)

    def ask(number: int) -> str:
        tokens = Tokens(works.database, SEALER, works.microsoft.records(), f"process-{number}")
        return tokens.fresh(key, BOX, ".default", renew=True).value

    found = at_once(6, ask)
    assert works.microsoft.calls["token"] < 6
    assert found.count(found[0]) >= 1


@pytest.mark.parametrize("error", [Throttled("slow down"), ProviderUnavailable("no answer")])
def test_what_may_pass_is_raised_and_accuses_nobody(
    works: Works, mailbox_id: MailboxId, error: Throttled | ProviderUnavailable
) -> None:
    works.microsoft.force("token", error)
    with pytest.raises(type(error)):
        refresh(works)
    assert rows(works.database, "select failure, retry_at from api_keys") == [(None, None)]
    assert value(works.database, "select failure from access_tokens") is None
    refresh(works)
    assert left(works) > 55


def test_a_refused_key_says_why_and_is_not_asked_again_within_the_hour(works: Works, mailbox_id: MailboxId) -> None:
    works.microsoft.force("token", CredentialsRejected("refused", DIAGNOSIS))
    refresh(works)
    refresh(works)
    assert works.microsoft.calls["token"] == 1
    assert rows(works.database, "select failure ->> 'fix', retry_at > now() from api_keys") == [
        ("Make a new one.", True)
    ]


def test_a_missing_mailbox_is_not_the_keys_fault(works: Works, mailbox_id: MailboxId) -> None:
    works.microsoft.force("token", MailboxMissing("no such user", DIAGNOSIS))
    refresh(works)
    refresh(works)
    assert value(works.database, "select failure from api_keys") is None
    assert value(works.database, "select failure ->> 'code' from access_tokens") == DIAGNOSIS.code


def test_a_token_of_a_key_that_was_changed_is_not_renewed_with_the_new_key(works: Works, mailbox_id: MailboxId) -> None:
    do(works.database, "update api_keys set credential = 'another'")
    refresh(works)
    assert works.microsoft.calls["token"] == 0


def test_a_token_that_was_dropped_meanwhile_is_no_trouble(works: Works, mailbox_id: MailboxId) -> None:
    refresh(works, token_id=4711)
    assert works.microsoft.calls["token"] == 0


def test_the_scheduler_asks_for_it_once(works: Works, mailbox_id: MailboxId) -> None:
    for _ in range(2):
        works.jobs().refresh_due_tokens()
    assert [one.body for one in works.published(RefreshToken)] == [{"token_id": 1}]
