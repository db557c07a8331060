"""Backup, wipe, restore: the services go on, nothing is done twice, and it is known what can't come back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.console.cli import app
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from shared.contracts.envelope import wrap
from shared.contracts.events import MailClassified, MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.mailboxes import Disposal, MailboxId, MailId
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker
from shared.storage.database import Database
from shared.storage.migrator import migrate
from tests.builders import NOW, SEALING_KEYS, a_dsn, a_fetched_mail
from tests.integration.shared.storage.looking import do, value
from tests.pipeline.line import main_line, quiet
from tests.servers.tools import client_programs
from tests.simulated import SECRET, Planted, Simulated
from tests.waiting import until

BOX = "bounces@news.example.com"
Command = Callable[..., Result]


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for this file."""
    running = start(SimulatorSettings())
    yield running
    running.stop()


@pytest.fixture
def world(simulator: RunningSimulator, empty_database_url: str) -> Iterator[Simulated]:
    """An empty world over a database that may be dropped."""
    with Database(empty_database_url, max_connections=16, name="tests") as database:
        migrate(database)
        yield Simulated(simulator, database)


@pytest.fixture
def command(world: Simulated, monkeypatch: pytest.MonkeyPatch) -> Command:
    """command("backup", folder) as an operator runs it, with client programs that fit the server."""
    monkeypatch.setenv("PATH", f"{client_programs(world.database.url)}:{os.environ['PATH']}")
    monkeypatch.setenv("APICONNECT_DATABASE_URL", world.database.url)
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", SEALING_KEYS)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def work(world: Simulated, broker: MemoryBroker | None = None) -> None:
    """Every mailbox is polled once more, and everything is done that is to do."""
    do(world.database, "update mailboxes set next_poll_at = now(), last_polled_at = null")
    with main_line(world.database, broker or MemoryBroker(), world.running.ca_file):
        assert until(lambda: quiet(world.database), 60)


def fate(world: Simulated, mail: Planted) -> tuple[int, str]:
    """(rows in the bounce log, status of the subscriber)."""
    count = value(world.database, "select count(*) from bounce_log where recipient = %s", mail.reader)
    return count, value(world.database, "select status from subscribers where email = %s", mail.reader)


def a_report_on_its_way(world: Simulated, mailbox_id: MailboxId) -> tuple[Planted, MailId]:
    """A mail in stage `fetched` whose message was lost."""
    before = {one["lasting_id"] for one in world.control.mails("microsoft", BOX)}
    mail = world.plant("hard")
    [there] = {one["lasting_id"] for one in world.control.mails("microsoft", BOX)} - before
    raw = a_dsn(mail.reader, message_id=mail.message_id)
    mail_id = a_fetched_mail(world.database, mailbox_id, raw, there)
    do(world.database, "update fetched_mail set stage_at = now() - interval '1 hour' where id = %s", mail_id)
    return mail, mail_id


def stale(broker: MemoryBroker, *bodies: MailFetched | MailClassified) -> None:
    """Messages of the time after the backup, still in the broker."""
    for body in bodies:
        message_id = mail_message_id(body.type, body.mail_id, 0)
        envelope = wrap(body, message_id=message_id, occurred_at=NOW, correlation_id=message_id)
        broker.publisher().publish([Outgoing(message_id, body.type, envelope.model_dump_json().encode())])


def test_after_a_restore_the_services_go_on_and_nothing_is_done_twice(
    world: Simulated, command: Command, tmp_path: Path
) -> None:
    mailbox_id = world.a_mailbox()
    world.a_mailbox(address="kept@news.example.com", key="microsoft-system", disposal=Disposal.LEAVE)
    pardoned = world.plant("hard")
    world.plant("human")
    work(world)
    command("blacklist", "remove", pardoned.reader, "--customer", "acme")
    halfway, number = a_report_on_its_way(world, mailbox_id)
    removed_later, kept = world.plant("hard"), world.plant("hard", mailbox="kept@news.example.com")
    command("backup", tmp_path / "copy")
    work(world)
    later = [fate(world, mail) for mail in (removed_later, kept)]

    restored = command("restore", tmp_path / "copy", "--replace")
    broker = MemoryBroker()
    newer = MailId(number + 1)
    stale(broker, MailFetched(mail_id=number), MailClassified(mail_id=number), MailFetched(mail_id=newer))
    work(world, broker)

    assert later == [(1, "blacklisted"), (1, "blacklisted")]
    assert restored.exit_code == 0
    assert fate(world, kept) == (1, "blacklisted")  # still unread, so fetched again, once
    assert fate(world, removed_later) == (0, "confirmed")  # trashed after the backup: this is what a restore can't know
    assert value(world.database, "select count(*) from blacklist where address = %s", pardoned.reader) == 0
    assert fate(world, pardoned)[0] == 1
    assert fate(world, halfway) == (1, "blacklisted")  # the messages of the time after the backup did not stop it
    assert value(world.database, "select min(id) from fetched_mail where id > %s", number) > number + 1_000_000


def test_a_backup_says_what_it_needs_and_holds_no_key(world: Simulated, command: Command, tmp_path: Path) -> None:
    world.a_mailbox()

    told = command("backup", tmp_path / "copy")

    files = {file.name: file.read_bytes() for file in (tmp_path / "copy").iterdir()}
    manifest = json.loads(files["manifest.json"])
    assert "Needs sealing keys k1." in told.stdout
    assert manifest["sealing_keys"] == {"k1": 1}
    assert manifest["migrations"][0] == "0001_main_line.sql"
    assert manifest["rows"]["bounce_servers"] == 1
    assert not any(
        secret.encode() in content for secret in (SECRET, SEALING_KEYS.split(":")[1]) for content in files.values()
    )
    assert {oct(file.stat().st_mode & 0o777) for file in (tmp_path / "copy").glob("*.dump")} == {"0o600"}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda copy, _: (copy / "manifest.json").unlink(), "holds no whole backup"),
        (lambda copy, _: (copy / "database.dump").write_bytes(b"x"), "its checksum differs"),
        (lambda copy, _: _change(copy, "migrations", ["9999_later.sql"]), "is of a newer release"),
        (lambda copy, _: _change(copy, "sealing_keys", {"lost": 3}), "sealing keys that APICONNECT_SEALING_KEYS lacks: lost"),
        (lambda _, world: do(world.database, "create table mine (n integer)"), "tables of somebody else (mine)"),
        (lambda _, world: None, "the database is not empty"),
    ],
)  # fmt: skip
def test_a_restore_that_would_do_harm_is_refused_before_anything_is_touched(
    world: Simulated, command: Command, tmp_path: Path, spoil: Callable[[Path, Simulated], object], complaint: str
) -> None:
    world.a_mailbox()
    command("backup", tmp_path / "copy")
    spoil(tmp_path / "copy", world)

    result = command("restore", tmp_path / "copy")

    assert (result.exit_code, complaint in result.stderr) == (1, True)
    assert value(world.database, "select count(*) from bounce_servers") == 1


def test_a_dump_that_was_loaded_by_hand_is_made_ready(world: Simulated, command: Command, tmp_path: Path) -> None:
    mailbox_id = world.a_mailbox()
    _, number = a_report_on_its_way(world, mailbox_id)
    command("backup", tmp_path / "copy")
    do(world.database, "drop schema public cascade")
    do(world.database, "create schema public")
    before = command("restore", "--loaded")
    tool = ["pg_restore", "--no-owner", f"--dbname={world.database.url}", str(tmp_path / "copy" / "database.dump")]
    subprocess.run(tool, check=True, capture_output=True)

    done = command("restore", "--loaded")

    assert (before.exit_code, "nothing is loaded" in before.stderr) == (1, True)
    assert "The loaded database is ready" in done.stdout
    assert value(world.database, "select generation from fetched_mail where id = %s", number) > 0


def test_a_restore_waits_for_services_to_be_stopped(world: Simulated, command: Command, tmp_path: Path) -> None:
    command("backup", tmp_path / "copy")
    with Database(world.database.url, name="apiconnect fetcher") as at_work:
        assert at_work.alive()
        result = command("restore", tmp_path / "copy", "--replace")

    assert "services are at work on this database: stop fetcher first" in result.stderr


def test_without_the_tools_it_says_so(world: Simulated, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))

    result = command("backup", tmp_path / "copy")

    assert (result.exit_code, "pg_dump is not installed here" in result.stderr) == (1, True)


def _change(copy: Path, field: str, content: object) -> None:
    file = copy / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), field: content}))
