"""`send`, `sends`, `attachments` and `why`, as an operator runs them, against real servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.__main__ import app
from services.scheduler.handler import Jobs
from services.scheduler.settings import SchedulerSettings
from shared.messaging.memory import MemoryBroker
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.unit import UnitFactory
from shared.storage import attachments
from shared.storage.database import Database
from tests.builders import SEALER, SEALING_KEYS, a_customer
from tests.integration.handlers.sender.edge import RabbitEdge, all_running
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.sending import SHOP, a_delivery_server, a_request, an_integration
from tests.servers.rabbitmq import RabbitMQ

Console = Callable[..., Result]
ANNA = ("--to", "anna@example.com", "--subject", "Hello", "--text", "Hi Anna")


@pytest.fixture
def edge(database: Database, own_rabbitmq_url: str, rabbitmq_server: RabbitMQ) -> Iterator[RabbitEdge]:
    """acme with a delivery server, the integration shop, and a sender that accepts."""

    an_integration(database, SHOP)
    a_delivery_server(database)
    edge = RabbitEdge(database, RabbitBroker(own_rabbitmq_url, name="tests"), rabbitmq_server, own_rabbitmq_url)
    with closing(edge), all_running(edge.runners()):
        yield edge


@pytest.fixture
def console(edge: RabbitEdge, monkeypatch: pytest.MonkeyPatch) -> Console:
    """console("sends", "list") -> exit_code, stdout, stderr."""
    monkeypatch.setenv("APICONNECT_DATABASE_URL", edge.database.url)
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", edge.url)
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", SEALING_KEYS)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def sent(console: Console, *more: object) -> UUID:
    """A mail that was asked for and accepted."""
    result = console("send", "--customer", "acme", *ANNA, "--wait", *more)
    assert result.exit_code == 0, result.output
    return UUID(result.stdout.split("accepted: ")[1].split(",")[0])


def test_a_mail_is_asked_for_from_the_shell(console: Console, edge: RabbitEdge) -> None:
    uid = sent(console, "--key", "from-the-shell", "--server", "server")
    assert rows(edge.database, "select uid, integration, idempotency_key, state from sends") == [
        (uid, "", "from-the-shell", "accepted")
    ]


def test_a_refusal_is_told_with_its_fix_and_exit_code_1(console: Console) -> None:
    result = console("send", "--customer", "nobody", *ANNA, "--wait")
    assert result.exit_code == 1
    assert result.stderr == "rejected: unknown_customer (customer): There is no customer with this uid.\n"


def test_a_request_that_fits_no_schema_is_refused_at_once(console: Console) -> None:
    result = console("send", "--customer", "acme", "--to", "x", "--text", "Hi")
    assert (result.exit_code, result.stderr) == (2, "to.0.email: must have at least 3 characters.\n")


def test_sends_are_listed_by_customer_and_state(console: Console, edge: RabbitEdge) -> None:
    uid = sent(console)
    shown = json.loads(console("sends", "list", "--customer", "acme", "--state", "accepted", "--json").stdout)["sends"]
    assert [(one["uid"], one["customer"], one["state"]) for one in shown] == [(str(uid), "acme", "accepted")]
    for nothing in (("--customer", "other"), ("--state", "sent"), ("--since", "2100-01-01")):
        assert console("sends", "list", *nothing).stdout.strip() == "none"


@pytest.mark.parametrize("by", ["uid", "idempotency_key", "message_id"])
def test_a_send_is_shown_step_by_step(console: Console, edge: RabbitEdge, by: str) -> None:
    sent(console)
    name = value(edge.database, f"select {by} from sends")
    result = console("sends", "show", f"<{name}>" if by == "message_id" else name)
    assert "asked by the operator, to anna@example.com" in result.stdout
    assert result.stdout.rstrip().endswith("accepted")


def test_refused_requests_are_listed_by_who_asked(console: Console, edge: RabbitEdge) -> None:
    edge.ask(a_request("bad", "no address"))
    edge.ask(a_request("foreign", customer="other"))
    edge.answers(2)
    found = json.loads(console("sends", "refused", "--integration", SHOP, "--json").stdout)["refused"]
    assert {(one["idempotency_key"], one["customer"], one["reason"], one["field"]) for one in found} == {
        ("bad", "acme", "invalid", "to.0.email"), ("foreign", None, "not_yours", "customer"),
    }  # fmt: skip
    assert "to.0.email" in console("sends", "refused", "--customer", "acme").stdout
    for nothing in (("--customer", "other"), ("--integration", "crm"), ("--since", "2100-01-01")):
        assert console("sends", "refused", *nothing).stdout.strip() == "none"


def test_what_is_not_there_is_said(console: Console) -> None:
    assert console("sends", "show", "nothing").exit_code == 1


def test_a_mail_that_waits_is_taken_back_and_its_asker_told(console: Console, edge: RabbitEdge) -> None:
    edge.ask(a_request("order-1"), correlation_id="my-1")
    (accepted,) = edge.answers(1)
    assert console("sends", "cancel", accepted.send_id).exit_code == 0
    (told,) = edge.answers(1)
    assert (told.state, told.reason, told.idempotency_key) == ("cancelled", "by_request", "order-1")
    assert column(edge.database, "select state from send_steps order by id") == ["accepted", "cancelled"]


@pytest.mark.parametrize("state", ["claimed", "sending", "unknown", "sent", "failed"])
def test_a_mail_that_is_under_way_is_not_taken_back(console: Console, edge: RabbitEdge, state: str) -> None:
    uid = sent(console)
    do(edge.database, "update sends set state = %s", state)
    assert console("sends", "cancel", uid).exit_code == 1
    assert value(edge.database, "select state from sends") == state


def test_a_stored_attachment_is_named_by_a_request(console: Console, edge: RabbitEdge, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(b"\0" * 3_000_001)
    sent(console, "--attach", tmp_path / "large.bin")
    uid = value(edge.database, "select a.uid from send_attachments join stored_attachments a on a.id = attachment_id")
    with edge.database.transaction() as connection:
        assert attachments.content(connection, SEALER, uid) == b"\0" * 3_000_001


def test_an_attachment_is_nobody_elses(console: Console, edge: RabbitEdge, tmp_path: Path) -> None:
    a_customer(edge.database, "other")
    (tmp_path / "a.txt").write_text("theirs")
    uid = console("attachments", "put", tmp_path / "a.txt", "--customer", "other").stdout.strip()
    edge.ask(a_request(attachments=[{"filename": "a.txt", "stored": uid}]))
    (answer,) = edge.answers(1)
    assert (answer.reason, answer.field) == ("not_yours", "attachments.0.stored")


@pytest.mark.parametrize(
    ("state", "days", "kept"),
    [("", 6, True), ("", 8, False), ("accepted", 30, True), ("sent", 6, True), ("sent", 8, False)],
)
def test_an_attachment_that_nobody_needs_is_dropped_after_a_week(
    database: Database, state: str, days: int, kept: bool
) -> None:
    server = a_delivery_server(database)
    with database.transaction() as connection:
        attachments.put(connection, SEALER, uuid4(), "acme", "a.txt", b"text")
    do(database, "update stored_attachments set stored_at = now() - make_interval(days => 90)" if state else
       f"update stored_attachments set stored_at = now() - make_interval(days => {days})")  # fmt: skip
    if state:
        do(
            database,
            "insert into sends (uid, customer_id, idempotency_key, request_hash, correlation_id, server_id, recipients,"
            " message_id, reference, state, state_at) select gen_random_uuid(), customer_id, 'k', '', gen_random_uuid(), %s, 1,"
            " 'm', 'r', %s, now() - make_interval(days => %s) from stored_attachments",
            server, state, days,
        )  # fmt: skip
        do(database, "insert into send_attachments select s.id, a.id from sends s, stored_attachments a")
    retain(database)
    assert bool(column(database, "select 1 from stored_attachments")) is kept


def retain(database: Database) -> None:
    """The scheduler's job."""
    broker = MemoryBroker()
    settings = SchedulerSettings(database_url=database.url, rabbitmq_url="amqp://unused")  # type: ignore[arg-type]
    Jobs(UnitFactory(database, broker.publisher()), broker, settings, uuid4).retain()


def why(console: Console, *arguments: object) -> dict[str, Any]:
    """What `why` says."""
    found: dict[str, Any] = json.loads(console("why", *arguments, "--json").stdout)
    return found


@pytest.mark.parametrize("by", ["uid", "idempotency_key", "message_id", "address"])
def test_why_tells_of_a_send(console: Console, edge: RabbitEdge, by: str) -> None:
    sent(console)
    do(edge.database, "update sends set state = 'deferred', reason = 'quota', due_at = '2100-01-01T00:00Z'")
    name = "anna@example.com" if by == "address" else value(edge.database, f"select {by} from sends")
    told = why(console, name)
    assert "A mail of acme to anna@example.com is deferred (quota), until 2100-01-01 00:00 UTC." in told["answer"]
    assert "send_accepted" in [line["kind"] for line in told["story"]]


def test_why_tells_another_customer_nothing_of_it(console: Console, edge: RabbitEdge) -> None:
    sent(console)
    told = why(console, "anna@example.com", "--customer", "other")
    assert (told["story"], len(told["answer"])) == ([], 1)
    assert told["answer"][0].startswith("Nothing is known")


@pytest.mark.parametrize(
    ("state", "days", "body", "row"),
    [
        ("sent", 29, True, True), ("sent", 31, False, True), ("failed", 91, False, False), ("deferred", 91, True, True),
        ("unknown", 91, True, True),
    ],
)  # fmt: skip
def test_a_settled_send_loses_its_body_after_30_days_and_its_key_after_90(
    console: Console, edge: RabbitEdge, state: str, days: int, body: bool, row: bool
) -> None:
    sent(console)
    ago = f"now() - make_interval(days => {days})"
    do(edge.database, f"update sends set state = %s, state_at = {ago}, accepted_at = {ago}", state)
    do(edge.database, f"update send_bodies set stored_at = {ago}")
    retain(edge.database)
    assert bool(column(edge.database, "select 1 from send_bodies")) is body
    assert bool(column(edge.database, "select 1 from sends")) is row
