"""`keys rotate-secret`, `apply` with its check, `mailbox start`: against the simulator, with msal and google-auth as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.domain.mailboxes import Capability, Provider
from shared.mailbox_access import MailboxAccess
from shared.storage import api_keys
from shared.storage.database import Database
from tests.builders import SEALER
from tests.integration.services.console.running import AskJson, Console, changed, rows
from tests.simulated import ROBOT, SECRET, TENANT, Simulated

BOX = "bounces@news.example.com"
NEW = "the-new-secret-of-the-tests"
CLIENT = "66666666-7777-8888-9999-000000000000"

DELIVERY = """delivery_servers:
  - {name: News, customer: acme, provider: microsoft, email: news@acme.example, key: entra}
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for this file."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture
def world(simulator: RunningSimulator, database: Database, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """An empty world, whose CA the commands trust."""
    monkeypatch.setenv("APICONNECT_PROVIDER_CA_FILE", str(simulator.ca_file))
    return Simulated(simulator, database)


@pytest.fixture
def new_secret(tmp_path: Path) -> Path:
    """A file with the new secret."""
    file = tmp_path / "new.txt"
    file.write_text(NEW + "\n")
    return file


def stored_secret(database: Database) -> str:
    with database.transaction() as connection:
        return api_keys.load(connection, SEALER, 1).client_secret


def a_call_works(world: Simulated) -> bool:
    """A token is taken from the provider, none from the cache, and the inbox is listed."""
    from shared.providers.catalogue import catalogue
    from shared.providers.http import Transport

    known = catalogue(Transport(ca_file=str(world.running.ca_file)))
    with world.database.transaction() as connection:
        connection.execute("delete from access_tokens")
    with MailboxAccess(world.database, SEALER, known, "tests").open(1, BOX, Capability.READ) as opened:
        return opened.mailbox.list_unread(opened.record.folders[0], since=None, page=None, page_size=1) is not None


class TestTwoSecrets:
    def test_a_new_secret_that_works_is_in_use_at_once_and_its_tokens_are_kept(
        self, world: Simulated, console: Console, new_secret: Path
    ) -> None:
        world.a_mailbox()
        assert a_call_works(world)
        world.control.register_app(TENANT, "client-microsoft-system", NEW)

        result = console(
            "keys", "rotate-secret", "microsoft-system", "--file", new_secret, "--expires-on", "2028-01-31"
        )

        assert result.exit_code == 0
        assert "the new secret works and is in use; the old one is dropped." in result.stdout
        assert stored_secret(world.database) == NEW
        assert rows(world.database, "select next_secret_sealed, secret_expires_on from api_keys") == [
            (None, date(2028, 1, 31))
        ]
        assert rows(
            world.database, "select count(*) from access_tokens t join api_keys k on k.credential = t.credential"
        ) == [(1,)]

    def test_a_new_secret_that_is_refused_leaves_the_old_one_at_work_and_is_told(
        self, world: Simulated, console: Console, ask: AskJson, new_secret: Path
    ) -> None:
        world.a_mailbox()

        result = console("keys", "rotate-secret", "microsoft-system", "--file", new_secret)

        assert result.exit_code == 1
        assert "the new secret is refused" in result.stdout
        assert "AADSTS7000215" in result.stdout
        assert "The old one goes on." in result.stdout
        assert a_call_works(world)
        assert stored_secret(world.database) == SECRET
        [told] = [one for one in ask("status")["reasons"] if one["code"] == "new_secret_refused"]
        assert told["level"] == "fault"
        assert "new secret refused" in console("keys", "list").stdout
        assert not any(NEW in shown for shown in (result.stdout, str(told), console("keys", "list", "--json").stdout))

    def test_a_secret_that_is_known_to_the_provider_later_takes_over_by_itself(
        self, world: Simulated, console: Console, new_secret: Path
    ) -> None:
        world.a_mailbox()
        console("keys", "rotate-secret", "microsoft-system", "--file", new_secret)
        world.control.register_app(TENANT, "client-microsoft-system", NEW)
        with world.database.transaction() as connection:
            connection.execute("update api_keys set next_retry_at = now()")

        assert a_call_works(world)

        assert stored_secret(world.database) == NEW

    def test_a_provider_that_is_down_decides_nothing(
        self, world: Simulated, console: Console, new_secret: Path
    ) -> None:
        world.a_mailbox()
        world.control.force(503, times=50)

        result = console("keys", "rotate-secret", "microsoft-system", "--file", new_secret)
        world.control.clear_faults()

        assert (result.exit_code, "the new secret waits" in result.stdout) == (0, True)
        assert rows(world.database, "select next_failure, next_credential is not null from api_keys") == [(None, True)]

    def test_a_waiting_secret_can_be_dropped(self, world: Simulated, console: Console, new_secret: Path) -> None:
        world.a_mailbox()
        console("keys", "rotate-secret", "microsoft-system", "--file", new_secret, "--no-check")

        told = [console("keys", "rotate-secret", "microsoft-system", "--drop").stdout for _ in range(2)]

        assert "is forgotten" in told[0]
        assert "no new secret waits" in told[1]

    def test_a_google_key_is_rotated_with_the_file_that_google_gives(
        self, world: Simulated, console: Console, tmp_path: Path
    ) -> None:
        import json

        world.a_mailbox(Provider.GOOGLE)
        assert a_call_works(world)
        made = world.control.register_service_account(ROBOT, token_uri=f"{world.running.https_url}/token")
        (tmp_path / "key.json").write_text(json.dumps(made))

        result = console("keys", "rotate-secret", "google-system", "--file", tmp_path / "key.json")

        assert "the new secret works and is in use" in result.stdout
        assert a_call_works(world)

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("nobody", "--env", "HOME"), "There is no key nobody"),
            (("microsoft-system",), "Say where the new secret is"),
            (("microsoft-system", "--env", "NO_SUCH_VARIABLE"), "Variable NO_SUCH_VARIABLE is not set."),
            (("microsoft-system", "--file", "/nowhere"), "/nowhere can't be read"),
        ],
    )
    def test_a_wrong_call_is_refused(
        self, world: Simulated, console: Console, arguments: tuple[str, ...], complaint: str
    ) -> None:
        world.a_mailbox()
        result = console("keys", "rotate-secret", *arguments)
        assert (result.exit_code, complaint in result.stderr) == (2, True)


@pytest.fixture
def at_the_simulator(installation: Path, world: Simulated) -> Path:
    """The installation's file, its key at the simulator."""
    url = world.running.https_url
    return changed(
        installation,
        "    client_secret: {file: secret.txt}\n",
        f"    client_secret: {{file: secret.txt}}\n    endpoints: {{authority: '{url}', api: '{url}'}}\n",
    )


class TestTheFileAndTheRotation:
    def test_a_file_with_the_waiting_secret_changes_nothing_and_one_with_the_replaced_is_refused(
        self, world: Simulated, console: Console, at_the_simulator: Path, new_secret: Path
    ) -> None:
        secret = at_the_simulator.parent / "secret.txt"
        console("apply", "--no-check", at_the_simulator)
        console("keys", "rotate-secret", "entra", "--file", new_secret, "--no-check")
        secret.write_text(NEW)
        waiting = console("apply", "--no-check", at_the_simulator)
        world.control.register_app(TENANT, CLIENT, NEW)
        world.control.register_mailbox("microsoft", "bounces@acme.example")
        console("mailbox", "check", "bounces@acme.example")
        secret.write_text("first-secret")

        refused = console("apply", "--no-check", at_the_simulator)

        assert "Nothing to do" in waiting.stdout
        assert refused.exit_code == 2
        assert "keys[0].client_secret: holds the secret that was replaced by keys rotate-secret" in refused.stderr
        assert stored_secret(world.database) == NEW


class TestTheCheckOnSave:
    def test_a_mailbox_that_answers_is_said_to_be_connected(
        self, world: Simulated, console: Console, at_the_simulator: Path
    ) -> None:
        world.control.register_app(TENANT, CLIENT, "first-secret")
        world.control.register_mailbox("microsoft", "bounces@acme.example")

        result = console("apply", at_the_simulator)

        assert result.exit_code == 0
        assert "✓ 1/1 bounces@acme.example (microsoft) is connected." in result.stdout
        assert rows(world.database, "select status, inactive_reason from bounce_servers") == [("active", None)]

    def test_a_new_server_whose_mailbox_is_refused_is_inactive_says_why_and_is_activated_by_a_check_that_passes(
        self, world: Simulated, console: Console, ask: AskJson, at_the_simulator: Path
    ) -> None:
        applied = console("apply", at_the_simulator)
        again = console("apply", at_the_simulator)
        told = [one for one in ask("status")["reasons"] if one["code"] == "waits_for_check"]
        status = rows(world.database, "select status, inactive_reason->>'code' from bounce_servers")
        world.control.register_app(TENANT, CLIENT, "first-secret")
        world.control.register_mailbox("microsoft", "bounces@acme.example")
        checked = console("mailbox", "check", "bounces@acme.example")

        assert applied.exit_code == 1
        assert "Inactive because of this: Bounces" in applied.stdout
        assert (again.exit_code, "Nothing to do" in again.stdout) == (0, True)
        assert status == [("inactive", "AADSTS90002")]
        assert told[0]["text"].startswith("Bounces (bounces@acme.example) is inactive until a check passes:")
        assert "Active from now on: Bounces." in checked.stdout
        assert rows(world.database, "select status, inactive_reason from bounce_servers") == [("active", None)]

    def test_a_fault_that_may_pass_leaves_a_new_server_active(
        self, world: Simulated, console: Console, at_the_simulator: Path
    ) -> None:
        world.control.force(503, times=50)

        result = console("apply", at_the_simulator)
        world.control.clear_faults()

        assert result.exit_code == 0
        assert "Not decided" in result.stdout
        assert rows(world.database, "select status from bounce_servers") == [("active",)]

    def test_a_delivery_server_whose_key_may_not_send_is_inactive_until_a_check_passes_and_reading_is_not_asked_for(
        self, world: Simulated, console: Console, at_the_simulator: Path
    ) -> None:
        document, _, _ = at_the_simulator.read_text().partition("\nbounce_servers:")
        at_the_simulator.write_text(document + "\n" + DELIVERY)
        world.control.register_app(TENANT, CLIENT, "first-secret", roles=["Mail.ReadWrite"])
        world.control.register_mailbox("microsoft", "news@acme.example")
        applied = console("apply", at_the_simulator)
        before = rows(world.database, "select status, connection, connection_failure->>'code' from delivery_servers")
        world.control.register_app(TENANT, CLIENT, "first-secret", roles=["Mail.Send"])
        checked = console("mailbox", "check", "news@acme.example")

        assert (applied.exit_code, "Inactive because of this: News" in applied.stdout) == (1, True)
        assert before == [("inactive", "not connected", "ErrorAccessDenied")]
        assert (checked.exit_code, "Active from now on: News." in checked.stdout) == (0, True)
        assert rows(world.database, "select status, connection from delivery_servers") == [("active", "connected")]

    def test_a_server_that_worked_stays_active_when_its_changed_key_is_refused(
        self, world: Simulated, ask: AskJson, console: Console, at_the_simulator: Path
    ) -> None:
        world.control.register_app(TENANT, CLIENT, "first-secret")
        world.control.register_mailbox("microsoft", "bounces@acme.example")
        console("apply", at_the_simulator)
        (at_the_simulator.parent / "secret.txt").write_text("wrong")

        [check] = ask("apply", at_the_simulator)["checks"]

        assert check["checked"]["connection"] == "not connected"
        assert check["checked"]["steps"][0]["diagnosis"]["code"] == "AADSTS7000215"
        assert rows(world.database, "select status from bounce_servers") == [("active",)]

    def test_a_mailbox_can_be_started_carefully(
        self, world: Simulated, console: Console, at_the_simulator: Path
    ) -> None:
        changed(at_the_simulator, "only_mail_from: now", "status: inactive")
        console("apply", at_the_simulator)
        refused = console("mailbox", "start", "bounces@acme.example", "--dry-run", "--only-new")
        before = rows(world.database, "select status, dry_run, only_mail_from from bounce_servers")
        world.control.register_app(TENANT, CLIENT, "first-secret")
        world.control.register_mailbox("microsoft", "bounces@acme.example")

        started = console("mailbox", "start", "bounces@acme.example", "--dry-run", "--only-new")

        assert (refused.exit_code, before) == (1, [("inactive", False, None)])
        assert "started in dry run, only mail from now on (Bounces); it is due now." in started.stdout
        assert rows(
            world.database,
            "select status, dry_run, only_mail_from > now() - interval '1 minute' from bounce_servers",
        ) == [("active", True, True)]


def test_the_end_of_a_secret_is_told_thirty_fourteen_and_seven_days_before(
    world: Simulated, console: Console, ask: AskJson
) -> None:
    world.a_mailbox()
    found = []
    for days in (30, 29, 13, 6, 0, -1):
        with world.database.transaction() as connection:
            connection.execute("update api_keys set secret_expires_on = %s", (date.today() + timedelta(days=days),))
        told = [one for one in ask("status")["reasons"] if one["code"].startswith("secret_")]
        found.append((days, [(one["level"], one["fix"].split(":")[0]) for one in told]))

    assert found == [
        (30, []),
        (29, [("warning", "Make a new one in time")]),
        (13, [("warning", "Make a new one soon")]),
        (6, [("warning", "Make a new one now")]),
        (0, [("warning", "Make a new one now")]),
        (-1, [("fault", "Make a new one")]),
    ]
    assert "(expired)" in console("keys", "list").stdout
