"""No secret leaves: not in logs, queues, dead letters, tables, exports, error texts, reprs, traces. And the search would find one.

The planted secrets look like nothing in particular, so that the redaction of log lines, which knows what secrets usually look
like, can't hide a leak. Tokens look like tokens: the simulator gives them.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
import structlog
from prometheus_client import generate_latest
from pydantic import SecretStr
from typer.testing import CliRunner

from services.actions.__main__ import build as build_actions
from services.actions.settings import ActionsSettings
from services.classifier.__main__ import build as build_classifier
from services.classifier.settings import ClassifierSettings
from services.console.cli import app
from services.fetcher.__main__ import build as build_fetcher
from services.fetcher.settings import FetcherSettings
from services.scheduler.__main__ import build as build_scheduler
from services.scheduler.settings import SchedulerSettings
from services.sender.__main__ import build as build_sender
from services.sender.settings import SenderSettings
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.settings import SimulatorSettings
from services.token_refresher.__main__ import build as build_token_refresher
from services.token_refresher.settings import TokenRefresherSettings
from shared.contracts.commands import RefreshToken
from shared.contracts.envelope import wrap
from shared.domain.api_keys import ApiKey, Endpoints
from shared.domain.errors import ApiConnectError
from shared.domain.mailboxes import Provider
from shared.domain.tokens import AccessToken
from shared.messaging.broker import Outgoing
from shared.messaging.memory import MemoryBroker, MemoryPublisher
from shared.messaging.process import Service
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import work_queues
from shared.providers.answers import Call
from shared.providers.error_table import Row, raised
from shared.providers.gmail.errors import ROWS as GMAIL_ROWS
from shared.providers.graph.errors import ROWS as GRAPH_ROWS
from shared.providers.http import Transport
from shared.settings import SettingsMissing
from shared.storage import api_keys, tokens
from shared.storage.database import Database
from shared.storage.outbox import OutboxRow, add
from shared.storage.sealing import Sealer
from shared.telemetry import configure, log
from tests.builders import a_bounce_server, a_system_key
from tests.integration.shared.providers.scripted_server import ScriptedServer
from tests.secret_search import leaks, whole_database
from tests.simulated import ROBOT, TENANT, Simulated
from tests.waiting import until

CLIENT_SECRET = "planted.client.secret.kwx7"
WRONG_SECRET = "planted.wrong.secret.v3qp"
DATABASE_PASSWORD = "planted-database-password-m2"
BROKER_PASSWORD = "planted-broker-password-t8"
SEALING_KEY = base64.b64encode(bytes(range(100, 132))).decode()
SEALING_KEYS = f"k9:{SEALING_KEY}"
SEALER = Sealer.parse(SEALING_KEYS)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJwbGFudGVkIn0.c2lnbmF0dXJl-planted"
GOOGLE_TOKEN = "ya29.planted-token-of-google"
ENTRA_SECRET = "Pla8Q~" + "a7Ntd3" * 5 + "w.-_"


class RecordingBroker(MemoryBroker):
    """Keeps every byte that was published, also what is long since consumed."""

    def __init__(self) -> None:
        super().__init__(tiers={"10s": 0.05, "1m": 0.1, "10m": 0.2, "1h": 0.3})
        self.published: list[str] = []

    def publisher(self) -> MemoryPublisher:
        broker = self

        class Recording(MemoryPublisher):
            def publish_to(self, queue: str, messages: Sequence[Outgoing]) -> None:
                broker.published += [f"{queue} {m.headers} {m.payload.decode('utf-8', 'replace')}" for m in messages]
                super().publish_to(queue, messages)

        return Recording(self)


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that is logged, down to DEBUG, as the product writes it."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure("tests", level="DEBUG")
    structlog.configure(cache_logger_on_first_use=False)
    written = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    made = start(SimulatorSettings())
    yield made
    made.stop()


def with_password(url: str, password: str) -> str:
    """`url` with this password in place of its own."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or 'nobody'}:{password}@{host}"))


def settings(database: Database, running: RunningSimulator, **more: Any) -> dict[str, Any]:
    return {
        "database_url": SecretStr(database.url),
        "rabbitmq_url": SecretStr(f"amqp://planted:{BROKER_PASSWORD}@127.0.0.1:1/%2F"),
        "sealing_keys": SecretStr(SEALING_KEYS),
        "provider_ca_file": str(running.ca_file),
        **more,
    }


def sealed_key(database: Database, uid: str, provider: Provider, secret: str, identity: str, at: Endpoints) -> None:
    """A key whose secret is sealed with the planted sealing key."""
    a_system_key(database, uid=uid, provider=provider, secret=secret, identity=identity, endpoints=at)
    sealed = SEALER.seal(secret.encode(), api_keys.belongs_to(uid))
    with database.transaction() as connection:
        connection.execute("update api_keys set secret_sealed = %s where uid = %s", (sealed, uid))


def installation(database: Database, running: RunningSimulator) -> tuple[Simulated, dict[str, str]]:
    """Good keys and bad ones of both providers, each with mailboxes; and the secrets that are in them."""
    simulated = Simulated(running, database)
    url = running.https_url
    microsoft, google = Endpoints(url, url), Endpoints(f"{url}/token", url)
    simulated.control.register_app(TENANT, "client-good", CLIENT_SECRET)
    simulated.control.register_app(TENANT, "client-bad", CLIENT_SECRET)
    key_file = simulated.control.register_service_account(ROBOT, token_uri=google.authority)
    assert key_file is not None
    private_key = key_file["private_key"]
    sealed_key(database, "good-m", Provider.MICROSOFT, CLIENT_SECRET, "client-good", microsoft)
    sealed_key(database, "bad-m", Provider.MICROSOFT, WRONG_SECRET, "client-bad", microsoft)
    sealed_key(database, "good-g", Provider.GOOGLE, private_key, ROBOT, google)
    broken = private_key.replace(private_key.splitlines()[5], "")
    sealed_key(database, "bad-g", Provider.GOOGLE, broken, ROBOT, google)
    a_system_key(database, uid="unopened", endpoints=microsoft)  # sealed with a key that nobody has
    for key, provider in (("good-m", "microsoft"), ("bad-m", "microsoft"), ("unopened", "microsoft")):
        simulated.a_mailbox(Provider(provider), f"bounces@{key}.example.com", key=key)
    for key in ("good-g", "bad-g"):
        simulated.a_mailbox(Provider.GOOGLE, f"bounces@{key}.example.com", key=key)
    a_bounce_server(database, "nobody@good-m.example.com", key="good-m", provider=Provider.MICROSOFT)
    return simulated, {"client secret": CLIENT_SECRET, "wrong client secret": WRONG_SECRET, "private key": private_key}


def services(database: Database, broker: MemoryBroker, running: RunningSimulator) -> list[Service]:
    common = settings(database, running)
    return [
        build_scheduler(SchedulerSettings(**common, tick_seconds=0.3, sweep_seconds=0.5), database, broker),
        build_token_refresher(TokenRefresherSettings(**common), database, broker),
        build_fetcher(FetcherSettings(**common, mailboxes_at_once=8, linger_seconds=1), database, broker),
        build_classifier(ClassifierSettings(**common), database, broker),
        build_actions(ActionsSettings(**common), database, broker),
        build_sender(SenderSettings(**common), database, broker),
    ]


def count(database: Database, query: str) -> int:
    with database.transaction() as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


_SERVED = "select count(*) from fetched_mail where stage = 'served'"


def hurried(database: Database) -> bool:
    """What failed is tried again at once, and not in a minute."""
    with database.transaction() as connection:
        connection.execute("update mailboxes set next_poll_at = now() where connection = 'connected'")
        connection.execute("update fetched_mail set stage_at = now() - interval '1 day' where stage = 'listed'")
    return True


def issued_tokens(database: Database) -> dict[str, str]:
    """Every access token that lies sealed in the table, opened."""
    found: dict[str, str] = {}
    with database.transaction() as connection:
        for (token_id,) in connection.execute("select id from access_tokens where sealed is not null").fetchall():
            row = tokens.by_id(connection, SEALER, token_id)
            assert row is not None
            assert row.token is not None
            found[f"{row.subject.provider} access token {token_id}"] = row.token.value
    return found


def exports(monkeypatch: pytest.MonkeyPatch, database: Database) -> dict[str, str]:
    """What the console prints, for scripts and for people."""
    monkeypatch.setenv("APICONNECT_DATABASE_URL", with_password(database.url, DATABASE_PASSWORD))
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", f"amqp://planted:{BROKER_PASSWORD}@127.0.0.1:1/%2F")
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", SEALING_KEYS)
    asked = [
        ("status",), ("keys", "list"), ("keys", "verify"), ("bounces", "unmatched"), ("blacklist", "list"),
        ("dead-letters", "list"), ("dead-letters", "show", "1"), ("why", "reader1@example.net"),
        ("mailbox", "check", "bounces@bad-m.example.com"), ("mailbox", "check", "bounces@unopened.example.com"),
    ]  # fmt: skip
    return {
        f"apiconnect {' '.join(words)}": _said(CliRunner().invoke(app, list(words)))
        for each in asked
        for words in (each, (*each, "--json"))
    }


def _said(result: Any) -> str:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return str(result.output)


def test_the_whole_line_with_every_fault_leaks_nothing(
    database: Database, running: RunningSimulator, logs: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, secrets = installation(database, running)
    boxes = (
        (Provider.MICROSOFT, "bounces@good-m.example.com"),
        (Provider.GOOGLE, "bounces@good-g.example.com"),
    )
    for provider, address in boxes:
        for kind in ("hard", "soft", "complaint", "human", "broken_mime", "forged_report"):
            simulated.plant(kind, provider, address)
        for fault in ("cut", "not_json", "429", "503", "expired_token"):
            match = {"provider": provider.value, "mailbox": address, "operation": "raw"}
            simulated.control.force(fault, match=match, times=1, retry_after=1)
    broker = RecordingBroker()
    for queue in work_queues():
        broker.publisher().publish_to(queue, [Outgoing(uuid4(), "nonsense", b'{"type": 7}')])
    stop = threading.Event()
    threads = [threading.Thread(target=each.run, args=(stop,)) for each in services(database, broker, running)]
    for thread in threads:
        thread.start()
    try:
        assert until(lambda: hurried(database) and count(database, _SERVED) == 12, 60)
        assert until(
            lambda: count(database, "select count(*) from mailboxes where connection = 'not connected'") == 4,
            30,
        )
        assert until(lambda: count(database, "select count(*) from dead_letters") >= len(work_queues()), 30)
        with database.transaction() as connection:
            connection.execute("update access_tokens set expires_at = now(), retry_at = null")
            ids = [row[0] for row in connection.execute("select id from access_tokens")]
        before = logs.getvalue().count("token.refreshed")
        for token_id in ids:
            _send(broker, RefreshToken(token_id=token_id))
        assert until(lambda: logs.getvalue().count("token.refreshed") > before, 30)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    secrets |= issued_tokens(database)
    secrets |= {"sealing key": SEALING_KEY, "database": DATABASE_PASSWORD, "broker": BROKER_PASSWORD}
    places = {
        **exports(monkeypatch, database),
        "logs": logs.getvalue(),
        "queues": "\n".join(broker.published),
        "metrics": generate_latest().decode(),
        **whole_database(database.url),
    }
    assert {"microsoft", "google"} <= {name.partition(" ")[0] for name in secrets}
    assert "poll.ended" in places["logs"]
    assert "AADSTS7000215" in places["apiconnect status --json"]
    assert leaks(secrets, places) == []


def _send(broker: MemoryBroker, command: RefreshToken) -> None:
    message_id = uuid4()
    made = wrap(command, message_id=message_id, occurred_at=datetime.now(UTC), correlation_id=message_id)
    broker.publisher().publish([Outgoing(message_id, command.type, made.model_dump_json().encode())])


@pytest.mark.parametrize("row", [*GRAPH_ROWS, *GMAIL_ROWS], ids=lambda row: f"{row.code} {row.contains}".strip())
def test_no_row_of_the_error_tables_repeats_a_token_that_a_provider_echoes(row: Row, logs: io.StringIO) -> None:
    secrets = {"token": JWT, "Google's token": GOOGLE_TOKEN, "client secret": ENTRA_SECRET}
    error = raised(
        row, Call("microsoft", "list_unread", "a@example.com"), f"{row.example} {' '.join(secrets.values())}"
    )
    places = {"text": str(error), "repr": repr(error), "trace": _logged(error, logs), "fields": repr(vars(error))}
    assert leaks(secrets, places) == []


def _logged(error: Exception, logs: io.StringIO) -> str:
    """The error as a log line with its traceback."""
    try:
        raise error
    except ApiConnectError:
        log.exception("planted", error=str(error))
    return logs.getvalue() + "".join(traceback.format_exception(error))


@pytest.mark.parametrize("form", ["{}", "token={}&x=1", "Bearer {} was refused"])
def test_a_refusal_that_repeats_what_it_was_sent_comes_in_without_it(form: str) -> None:
    server, transport = ScriptedServer(), Transport()
    server.answers(401, {"error": {"code": "x", "message": form.format("planted-opaque-token")}})
    server.answers(400, {"error": "invalid_client", "error_description": form.format(CLIENT_SECRET)})
    call = Call("microsoft", "token", "a@example.com")
    first = transport.request(call, "GET", server.url, headers={"Authorization": "Bearer planted-opaque-token"})
    sent = {"content-type": "application/x-www-form-urlencoded"}
    second = transport.request(call, "POST", server.url, headers=sent, body=f"client_secret={CLIENT_SECRET}&a=b")
    transport.close()
    server.close()
    secrets = {"token": "planted-opaque-token", "client secret": CLIENT_SECRET}
    assert leaks(secrets, {"first": first.body.decode(), "second": second.body.decode(), "repr": repr(second)}) == []
    assert b"[secret]" in first.body
    assert b"[secret]" in second.body


def test_servers_that_refuse_us_are_told_of_without_the_password(
    logs: io.StringIO, rabbitmq_url: str, database_url: str
) -> None:
    secrets = {"database": DATABASE_PASSWORD, "broker": BROKER_PASSWORD}
    said = []
    for url in (
        with_password("postgresql://planted@127.0.0.1:1/none", DATABASE_PASSWORD),
        with_password(database_url.rpartition("/")[0] + "/there-is-no-such-database", DATABASE_PASSWORD),
        f"postgresql://planted:{DATABASE_PASSWORD}@[bad-host/none",
    ):
        try:
            with Database(url, patience_seconds=0.3) as database, database.transaction():
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown to somebody
            log.exception("database", error=str(error))
            said += [*traceback.format_exception(error), repr(error), repr(database)]
    for url in (
        with_password(rabbitmq_url, BROKER_PASSWORD),
        f"amqp://planted:{BROKER_PASSWORD}@127.0.0.1:1/x",
        f"amqp://planted:{BROKER_PASSWORD}@bad host/x",
    ):
        broker = RabbitBroker(url)
        try:
            broker.declare()
        except Exception as error:  # noqa: BLE001
            log.exception("broker", error=str(error))
            said += [*traceback.format_exception(error), repr(error), repr(broker)]
        finally:
            broker.close()
    assert len(said) > 6
    assert leaks(secrets, {"errors": "\n".join(said), "logs": logs.getvalue()}) == []


def test_neither_settings_nor_the_things_made_of_them_show_a_secret(
    database: Database, running: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "database": DATABASE_PASSWORD, "broker": BROKER_PASSWORD, "sealing key": SEALING_KEY,
        "client secret": CLIENT_SECRET, "wrong": WRONG_SECRET, "token": JWT,
    }  # fmt: skip
    url = with_password(database.url, DATABASE_PASSWORD)
    made = settings(database, running, database_url=SecretStr(url))
    read = [kind(**made) for kind in (SchedulerSettings, FetcherSettings, ClassifierSettings, ActionsSettings)]
    key = ApiKey(
        1, "k", None, Provider.MICROSOFT, "k", "c", Endpoints("https://a", "https://b"), "t", "c", CLIENT_SECRET
    )
    google = ApiKey(
        1, "k", None, Provider.GOOGLE, "k", "c", Endpoints("https://a", "https://b"), private_key=WRONG_SECRET
    )
    things = [*read, key, google, AccessToken(JWT, datetime.now(UTC)), SEALER, Database(url), RabbitBroker(made["rabbitmq_url"].get_secret_value())]  # fmt: skip
    shown = {f"{type(thing).__name__} {n}": f"{thing!r} {thing}" for n, thing in enumerate(things)}
    shown |= {f"{type(one).__name__} as JSON": one.model_dump_json() for one in read}
    for name, value in (("DATABASE_CONNECTIONS", BROKER_PASSWORD), ("SEALING_KEYS", SEALING_KEY)):
        monkeypatch.setenv(f"APICONNECT_{name}", value)
    with pytest.raises(SettingsMissing) as missing:
        FetcherSettings.read()
    shown["missing"] = str(missing.value)
    with pytest.raises(Exception) as wrong:  # noqa: PT011 - its text is what matters
        Sealer.parse(f"k1:{SEALING_KEY[:-5]}")
    shown["wrong sealing key"] = f"{wrong.value!r}"
    assert leaks(secrets | {"part of the sealing key": SEALING_KEY[:-5]}, shown) == []


def test_the_search_finds_a_secret_that_is_leaked_on_purpose(
    database: Database, logs: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = RecordingBroker()
    log.info("leak", mailbox="a@example.com", deep={"note": [CLIENT_SECRET]})
    broker.publisher().publish_to(work_queues()[0], [Outgoing(uuid4(), "x", json.dumps([CLIENT_SECRET]).encode())])
    mailbox = a_bounce_server(database)
    with database.transaction() as connection:
        add(connection, [OutboxRow(uuid4(), "mail.fetched", CLIENT_SECRET.encode())])
        failure = json.dumps({"code": "x", "cause": CLIENT_SECRET, "fix": "", "link": ""})
        connection.execute(
            "update mailboxes set connection = 'not connected', connection_failure = %s where id = %s",
            (failure, mailbox),
        )
    places = {
        "logs": logs.getvalue(),
        "queues": "\n".join(broker.published),
        **whole_database(database.url),
        **exports(monkeypatch, database),
        "base64": base64.b64encode(CLIENT_SECRET.encode()).decode(),
    }
    found = leaks({"planted": CLIENT_SECRET}, places)
    for place in ("logs", "queues", "table outbox", "table mailboxes", "apiconnect status --json", "base64"):
        assert f"planted in {place}" in found
    assert "planted in table api_keys" not in found
