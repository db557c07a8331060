"""`keys rotate` and `keys verify`: a sealing key can be replaced while nothing is lost and nothing counts as changed."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from shared.storage import api_keys, sealed_values
from shared.storage.database import Database
from shared.storage.sealed_values import KINDS
from shared.storage.sealing import Sealer
from tests.builders import SEALER, SEALING_KEYS, a_fetched_mail, a_mailbox
from tests.integration.services.console.running import AskJson, Console

NEW = "k2:" + base64.b64encode(b"n" * 32).decode()


@pytest.fixture
def sealed(console: Console, database: Database, installation: Path) -> Path:
    """A key, a token, a raw mail, and the installation's fingerprint key, all under k1."""
    console("apply", "--no-check", installation)
    a_fetched_mail(database, a_mailbox(database, key="other"))
    with database.transaction() as connection:
        connection.execute(
            "insert into access_tokens (provider, credential, subject, scopes, api_key_id, sealed, expires_at)"
            " values ('microsoft', 'c', 't', 's', 1, %s, now() + interval '1 hour')",
            (SEALER.seal(b"token", "access_token:1"),),
        )
    return installation


def under(key_id: str, count: int) -> dict[str, int]:
    return {key_id: count}


def use_ring(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", keys)


@pytest.mark.usefixtures("sealed")
def test_after_a_rotation_only_raw_mail_is_under_the_old_key_and_it_is_said_how_that_ends(
    ask: AskJson, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ring(monkeypatch, f"{NEW},{SEALING_KEYS}")

    done = ask("keys", "rotate")

    assert done["sealed"] == {
        "API key secrets": under("k2", 2),
        "waiting new secrets": {},
        "access tokens": under("k2", 1),
        "secrets of the installation": under("k2", 1),
        "bodies of sends": {},
        "stored attachments": {},
        "dead letters from outside": {},
        "texts of sent mail": {},
        "raw mail": under("k1", 1),
    }
    assert (done["ok"], done["may_be_dropped"]) == (True, [])
    assert "Key k1 is still needed for raw mail: it ends with their time" in console("keys", "verify").stdout


@pytest.mark.usefixtures("sealed")
def test_once_raw_mail_is_sealed_again_the_old_key_may_go_and_everything_opens_without_it(
    ask: AskJson, console: Console, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ring(monkeypatch, f"{NEW},{SEALING_KEYS}")
    console("keys", "rotate", "--raw-mail")
    before = ask("keys", "verify")
    use_ring(monkeypatch, NEW)

    after = ask("keys", "verify")

    assert before["may_be_dropped"] == ["k1"]
    assert (after["ok"], after["handled"]["raw mail"], after["missing"]) == (True, 1, [])
    with database.transaction() as connection:
        assert api_keys.load(connection, Sealer.parse(NEW), 1).client_secret == "first-secret"


def test_credentials_count_as_the_same_after_the_key_that_sealed_them_is_gone(
    console: Console, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ring(monkeypatch, f"{NEW},{SEALING_KEYS}")
    console("keys", "rotate", "--raw-mail")
    use_ring(monkeypatch, NEW)

    assert "Nothing to do" in console("apply", "--no-check", sealed).stdout


@pytest.mark.usefixtures("sealed")
def test_a_second_rotation_has_nothing_to_do(ask: AskJson, monkeypatch: pytest.MonkeyPatch) -> None:
    use_ring(monkeypatch, f"{NEW},{SEALING_KEYS}")
    first = ask("keys", "rotate", "--raw-mail")["handled"]
    second = ask("keys", "rotate", "--raw-mail")["handled"]

    assert (sum(first.values()), sum(second.values())) == (5, 0)


def test_a_rotation_that_was_stopped_goes_on_where_it_was(database: Database) -> None:
    mailbox_id = a_mailbox(database)
    for number in range(7):
        a_fetched_mail(database, mailbox_id, provider_mail_id=f"m{number}")
    both = Sealer.parse(f"{NEW},{SEALING_KEYS}")
    raw = KINDS[-1]

    next(sealed_values.in_batches(database, both, raw, write=True, size=3))
    with database.transaction() as connection:
        between = sealed_values.counts(connection)["raw mail"]
    left = [batch.done for batch in sealed_values.in_batches(database, both, raw, write=True, size=3)]

    assert between == {"k1": 4, "k2": 3}
    assert left == [3, 1]


@pytest.mark.usefixtures("sealed")
def test_a_key_that_is_still_needed_and_was_dropped_is_named_with_what_does_not_open(
    console: Console, ask: AskJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ring(monkeypatch, NEW)

    result, found = console("keys", "verify"), ask("keys", "verify")

    assert result.exit_code == 1
    assert "Needed, and not in APICONNECT_SEALING_KEYS: k1." in result.stdout
    assert "api_key:acme:entra: sealed under key 'k1'" in result.stdout
    assert (found["missing"], len(found["broken"])) == (["k1"], 5)


def test_after_a_sealing_key_is_lost_the_same_file_brings_the_secrets_back(
    console: Console, database: Database, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_ring(monkeypatch, NEW)

    result = console("apply", "--no-check", sealed)

    assert "new credentials" in result.stdout
    with database.transaction() as connection:
        assert api_keys.load(connection, Sealer.parse(NEW), 1).client_secret == "first-secret"


@pytest.mark.usefixtures("sealed")
def test_neither_command_shows_a_secret(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    use_ring(monkeypatch, f"{NEW},{SEALING_KEYS}")

    shown = "".join(console("keys", *command).output for command in (("rotate",), ("verify", "--json"), ("verify",)))

    assert not any(
        secret in shown for secret in ("first-secret", NEW.partition(":")[2], SEALING_KEYS.partition(":")[2])
    )


def test_a_database_of_the_last_release_keeps_its_fingerprints(database: Database) -> None:
    """Keys that were stored before fingerprints had a key of their own are still known by theirs."""
    a_mailbox(database)
    with database.transaction() as connection:
        first = sealed_values.fingerprints(connection, SEALER)("a", "b")
        again = sealed_values.fingerprints(connection, SEALER)("a", "b")

    assert first == again == "b7bd120a3bdc2889f53615c04d5d3866f6d8aa00"
