"""A key's new secret takes over while several processes are at work with the old one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import CredentialsRejected, Diagnosis, MailboxMissing, PermissionMissing, Throttled
from shared.mailbox_access import Tokens
from shared.storage import api_keys, new_secrets
from tests.builders import SEALER, a_mailbox
from tests.integration.handlers.works import Works
from tests.integration.shared.storage.looking import do, rows, value
from tests.waiting import at_once

BOX = "bounces@news.example.com"
WRONG = Diagnosis("AADSTS7000215", "The secret is wrong.", "Make a new one.")


@pytest.fixture
def tokens(works: Works) -> Tokens:
    """A key with a token in use, and a new secret that waits."""
    works.microsoft.open(BOX)
    works.poll(a_mailbox(works.database))
    with works.database.transaction() as connection:
        new_secrets.add(
            connection, 1, sealed=SEALER.seal(b"the-new-secret", api_keys.belongs_to("key")), credential="new"
        )
    return Tokens(works.database, SEALER, works.microsoft.records(), "tests")


def acquire(works: Works, tokens: Tokens) -> str:
    with works.database.transaction() as connection:
        key = api_keys.load(connection, SEALER, 1)
    return tokens.acquire(key, BOX, ".default").value


def secret(works: Works) -> str:
    with works.database.transaction() as connection:
        return api_keys.load(connection, SEALER, 1).client_secret


def test_of_many_who_try_it_at_once_each_gets_a_token_and_it_takes_over_once(works: Works, tokens: Tokens) -> None:
    at_once(6, lambda _: acquire(works, tokens))

    assert secret(works) == "the-new-secret"
    assert rows(works.database, "select credential, previous_credential is not null from api_keys") == [("new", True)]
    assert rows(works.database, "select credential from access_tokens") == [("new",)]


def test_a_process_that_still_holds_the_key_as_it_was_goes_on(works: Works, tokens: Tokens) -> None:
    with works.database.transaction() as connection:
        before = replace(api_keys.load(connection, SEALER, 1), next_secret="")
    acquire(works, tokens)

    assert tokens.fresh(before, BOX, ".default", renew=True).value.startswith("memory-token")
    assert secret(works) == "the-new-secret"


def test_both_secrets_refused_is_the_refusal_of_the_one_in_use(works: Works, tokens: Tokens) -> None:
    old = Diagnosis("AADSTS7000222", "The secret has expired.", "Make a new one.")
    works.microsoft.force("token", CredentialsRejected("new", WRONG))
    works.microsoft.force("token", CredentialsRejected("old", old))

    with pytest.raises(CredentialsRejected) as raised:
        acquire(works, tokens)

    assert raised.value.diagnosis == old
    assert value(works.database, "select next_failure->>'code' from api_keys") == "AADSTS7000215"


@pytest.mark.parametrize(
    "error",
    [
        Throttled("busy"),
        MailboxMissing("no such user", replace(WRONG, code="invalid_grant")),
        PermissionMissing("no consent", replace(WRONG, code="AADSTS500011")),
        CredentialsRejected("no such scope", replace(WRONG, code="unauthorized_client")),
    ],
)
def test_what_is_not_the_secrets_fault_decides_nothing_about_it(works: Works, tokens: Tokens, error: Exception) -> None:
    works.microsoft.force("token", error)  # type: ignore[arg-type]

    with pytest.raises(type(error)):
        acquire(works, tokens)

    assert rows(works.database, "select next_credential, next_failure from api_keys") == [("new", None)]


def test_a_refused_one_is_left_alone_for_a_while(works: Works, tokens: Tokens) -> None:
    works.microsoft.force("token", CredentialsRejected("new", WRONG))
    acquire(works, tokens)
    works.microsoft.calls.clear()

    acquire(works, tokens)

    assert (works.microsoft.calls["token"], secret(works)) == (1, "the-secret")
    do(works.database, "update api_keys set next_retry_at = now()")
    acquire(works, tokens)
    assert secret(works) == "the-new-secret"
