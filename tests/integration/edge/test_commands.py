"""`apiconnect integration …` as an operator runs it, and what the broker has afterwards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

import pika  # type: ignore[import-untyped]
import pytest
from pika.exceptions import AMQPConnectionError  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from services.console.core.integration_examples import python_example
from services.scheduler.handler import Jobs
from services.scheduler.settings import SchedulerSettings
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import queue_arguments
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from tests.integration.edge.conftest import Call, administrator_of
from tests.integration.services.console.running import AskJson, Console, rows
from tests.secret_search import leaks, whole_database
from tests.servers.rabbitmq import PrivateRabbitMQ, RabbitMQ, management
from tests.waiting import until


def comes_in(url: str) -> bool:
    try:
        pika.BlockingConnection(pika.URLParameters(url)).close()
    except AMQPConnectionError:
        return False
    return True


def queue_names(call: Call, url: str) -> set[str]:
    return {queue["name"] for queue in call("GET", f"/queues/{quote(unquote(urlsplit(url).path[1:]), safe='')}")}


QUEUES = {"sender.send_mail.shop", "sender.send_mail.shop.dead", "results.shop"}


def test_a_new_one_has_a_user_queues_of_its_own_and_a_url_that_works(
    managed: Console, ask: AskJson, call: Call, rabbitmq_url: str
) -> None:
    made = ask("integration", "create", "shop", "--customer", "acme")
    assert comes_in(made["url"])
    assert urlsplit(made["url"]).username == made["user"] == "integration.shop"
    assert (made["exchange"], made["routing_key"]) == ("apiconnect.send", "mail.send.shop")
    assert {made["send_queue"], made["results_queue"]} < QUEUES <= queue_names(call, rabbitmq_url)


def test_the_queues_are_those_that_the_services_would_declare(
    urls: dict[str, str], call: Call, rabbitmq_url: str
) -> None:
    found = call("GET", f"/queues/{quote(unquote(urlsplit(rabbitmq_url).path[1:]), safe='')}")
    arguments = {queue["name"]: queue["arguments"] for queue in found}
    wanted = queue_arguments({}, urls)
    assert {name: arguments[name] for name in QUEUES} == {name: wanted[name] for name in QUEUES}


@pytest.mark.usefixtures("urls")
def test_the_password_is_stored_and_shown_nowhere(managed: Console, ask: AskJson, database: Database) -> None:
    password = unquote(urlsplit(ask("integration", "create", "third", "--operator")["url"]).password or "")
    places = whole_database(database.url) | {
        command: managed("integration", *command.split()).output for command in ("list", "show third", "list --json")
    }
    assert len(password) >= 32
    assert leaks({"password": password}, places) == []


@pytest.mark.parametrize("name", ["Shop", "a.b", "-a", "a" * 41, "", "dead", "operator", "a b", "ä"])
def test_a_name_that_would_not_do_is_refused(managed: Console, database: Database, name: str) -> None:
    result = managed("integration", "create", "--operator", "--", name)
    assert result.exit_code == 1
    assert "can't be an integration's name" in result.stderr
    assert rows(database, "select 1 from integrations") == []


def test_one_of_an_unknown_customer_and_one_that_is_there_already_are_refused(
    managed: Console, database: Database
) -> None:
    assert "no customer 'nobody'" in managed("integration", "create", "shop", "--customer", "nobody").stderr
    assert managed("integration", "create", "shop", "--customer", "acme").exit_code == 0
    assert "already" in managed("integration", "create", "shop", "--customer", "globex").stderr
    assert rows(database, "select name from integrations") == [("shop",)]


def test_whom_it_sends_for_must_be_said(managed: Console) -> None:
    assert managed("integration", "create", "shop").exit_code == 2
    assert managed("integration", "create", "shop", "--customer", "acme", "--operator").exit_code == 2


def test_another_password_ends_the_old_one_and_its_connections(ask: AskJson, urls: dict[str, str]) -> None:
    open_one = pika.BlockingConnection(pika.URLParameters(urls["shop"]))
    fresh = ask("integration", "rotate", "shop")["url"]
    assert comes_in(fresh)
    assert not comes_in(urls["shop"])

    def cut() -> bool:
        try:
            open_one.process_data_events(0.1)
        except pika.exceptions.AMQPError:
            return True
        return bool(open_one.is_closed)

    assert until(cut)


def test_one_that_is_disabled_is_out_and_in_again_with_the_same_url(
    managed: Console, ask: AskJson, urls: dict[str, str], call: Call, rabbitmq_url: str
) -> None:
    assert managed("integration", "disable", "shop").exit_code == 0
    assert not comes_in(urls["shop"])
    assert comes_in(urls["crm"])
    assert queue_names(call, rabbitmq_url) >= QUEUES
    assert {one["name"]: one["state"] for one in ask("integration", "list")["integrations"]} == {
        "crm": "enabled", "shop": "disabled",
    }  # fmt: skip
    assert managed("integration", "enable", "shop").exit_code == 0
    assert comes_in(urls["shop"])


def test_one_that_is_removed_takes_its_queues_with_it_and_nothing_else(
    managed: Console, database: Database, urls: dict[str, str], call: Call, rabbitmq_url: str
) -> None:
    assert managed("integration", "remove", "shop", "--force").exit_code == 0
    assert not comes_in(urls["shop"])
    assert comes_in(urls["crm"])
    assert queue_names(call, rabbitmq_url) & QUEUES == set()
    assert "results.crm" in queue_names(call, rabbitmq_url)
    assert rows(database, "select name from integrations") == [("crm",)]


def test_one_with_requests_that_nobody_answered_is_not_removed(
    managed: Console, urls: dict[str, str], rabbitmq_url: str
) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as ours:
        ours.channel().basic_publish("apiconnect.send", "mail.send.shop", b"{}")
    assert until(lambda: _waiting(managed))  # the broker counts for its pages every five seconds
    result = managed("integration", "remove", "shop")
    assert result.exit_code == 1
    assert "1 requests of shop were not answered yet" in result.stderr
    assert comes_in(urls["shop"])


def _waiting(console: Console) -> bool:
    shown = json.loads(console("integration", "show", "shop", "--json").stdout)
    return bool(shown["queues"]["sender.send_mail.shop"])


def test_a_name_can_be_made_one_that_nobody_guesses(managed: Console, ask: AskJson, database: Database) -> None:
    made = ask("integration", "create", "shop", "--customer", "acme", "--unguessable")
    assert re.fullmatch(r"shop-[0-9a-f]{8}", made["name"])
    assert made["results_queue"] == f"results.{made['name']}"
    assert comes_in(made["url"])
    assert rows(database, "select name from integrations") == [(made["name"],)]


@pytest.mark.parametrize("command", ["show", "rotate", "disable", "enable", "remove"])
def test_one_that_is_not_there_is_named(managed: Console, command: str) -> None:
    result = managed("integration", command, "nobody")
    assert result.exit_code == 1
    assert "There is no integration 'nobody'." in result.stderr


def test_a_broker_that_lost_everything_lets_them_in_again_with_their_old_urls(
    console: Console, rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", rabbitmq.url)
    monkeypatch.setenv("APICONNECT_RABBITMQ_MANAGEMENT_URL", administrator_of(rabbitmq))
    made = {
        name: json.loads(console("integration", "create", name, "--operator", "--json").stdout)["url"] for name in "ab"
    }
    console("integration", "disable", "b")
    rabbitmq.reset()
    assert not comes_in(made["a"])
    assert "missing at the broker" in console("integration", "list").stdout
    result = console("integration", "restore")
    assert "1 integration put back: a" in result.stdout
    assert comes_in(made["a"])
    assert not comes_in(made["b"])
    with closing(pika.BlockingConnection(pika.URLParameters(made["a"]))) as connection:
        connection.channel().basic_get("results.a")


def test_a_scheduler_with_an_administrator_puts_back_what_is_missing_and_leaves_the_rest(
    managed: Console, urls: dict[str, str], call: Call, rabbitmq_url: str, database: Database
) -> None:
    managed("integration", "disable", "crm")
    call("DELETE", "/users/integration.shop")
    settings = SchedulerSettings.read()
    with closing(RabbitBroker(rabbitmq_url)) as broker:
        jobs = Jobs(UnitFactory(database, broker.publisher()), broker, settings, uuid4)
        with capture_logs() as logs:
            jobs.put_back_integrations()
            jobs.put_back_integrations()
    assert [line["integrations"] for line in logs] == [["shop"]]
    assert comes_in(urls["shop"])
    assert not comes_in(urls["crm"])


def test_without_the_management_api_the_command_to_run_is_printed_and_does_it(
    console: Console, rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", rabbitmq.url)
    made = json.loads(console("integration", "create", "shop", "--operator", "--json").stdout)
    command, document = made["by_hand"].split("\n", 1)
    assert command == "rabbitmqctl import_definitions <<'END'"
    document = document.removesuffix("END\n")
    if isinstance(rabbitmq, PrivateRabbitMQ):
        rabbitmq.control("import_definitions", given=document)
    else:  # in a container, where the same document goes in by another door
        management(rabbitmq, "POST", "/definitions", json.loads(document))
    assert comes_in(made["url"])
    assert "rabbitmqctl delete_user integration.shop" in console("integration", "disable", "shop").stdout


def test_the_printed_url_names_the_address_that_outsiders_use(
    managed: Console, ask: AskJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APICONNECT_RABBITMQ_PUBLIC_ADDRESS", "amqps://mq.example.com:5671")
    url = urlsplit(ask("integration", "create", "shop", "--customer", "acme")["url"])
    assert (url.scheme, url.hostname, url.port) == ("amqps", "mq.example.com", 5671)


def test_the_printed_python_program_sends_and_reads(managed: Console, ask: AskJson, rabbitmq_url: str) -> None:
    shown = managed("integration", "create", "shop", "--customer", "acme").stdout
    assert python_example("shop", "acme") in shown
    url = ask("integration", "rotate", "shop")["url"]
    environment = {"PATH": os.environ["PATH"], "APICONNECT_URL": url}
    with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as ours:
        answer = {"idempotency_key": "first-mail-1", "state": "sent"}
        ours.channel().basic_publish("apiconnect.results", "delivery.shop.sent", json.dumps(answer).encode())
        done = subprocess.run(
            [sys.executable, "-c", python_example("shop", "acme")],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.stdout.split(), done.stderr) == (["first-mail-1", "sent"], "")
        method, properties, body = ours.channel().basic_get("sender.send_mail.shop", auto_ack=True)
    assert method.routing_key == "mail.send.shop"
    assert properties.user_id == "integration.shop"
    assert json.loads(body)["to"] == [{"email": "you@example.com"}]
