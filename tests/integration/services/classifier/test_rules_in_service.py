"""The classifier as its process composes it, on RabbitMQ and PostgreSQL: rules that an operator loads count soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from services.classifier.__main__ import build
from services.classifier.cli import app
from services.classifier.settings import ClassifierSettings
from shared.contracts.envelope import wrap
from shared.contracts.events import MailFetched
from shared.domain.mailboxes import MailId
from shared.messaging.broker import Outgoing
from shared.messaging.rabbitmq import RabbitBroker
from shared.storage.database import Database
from tests.builders import SEALING_KEYS, a_dsn, a_fetched_mail, a_mailbox
from tests.integration.shared.storage.looking import rows
from tests.waiting import until

SOFT = '[[rule]]\nid = "kept"\nclass = "soft"\ntext = ["user unknown"]\nexamples = ["550 user unknown"]\n'
PROMISED_SECONDS = 10.0


@pytest.fixture
def broker(own_rabbitmq_url: str) -> Iterator[RabbitBroker]:
    """A broker with the product's queues."""
    broker = RabbitBroker(own_rabbitmq_url, name="tests")
    broker.declare()
    yield broker
    broker.close()


@pytest.fixture
def _running(database: Database, broker: RabbitBroker, own_rabbitmq_url: str) -> Iterator[None]:
    """The service at work."""
    settings = ClassifierSettings.model_validate(
        {"database_url": database.url, "rabbitmq_url": own_rabbitmq_url, "sealing_keys": SEALING_KEYS}
    )
    stop = threading.Event()
    service = threading.Thread(target=build(settings, database, broker).run, args=(stop,))
    service.start()
    yield
    stop.set()
    service.join(30)
    assert not service.is_alive()


def send(database: Database, broker: RabbitBroker) -> MailId:
    """One more report of an unknown user, on its way to the classifier."""
    mail_id = a_fetched_mail(database, a_mailbox(database), a_dsn(), uuid4().hex)
    message_id = uuid4()
    body = MailFetched(mail_id=mail_id)
    envelope = wrap(body, message_id=message_id, occurred_at=datetime.now(UTC), correlation_id=message_id)
    broker.publisher().publish([Outgoing(message_id, body.type, envelope.model_dump_json().encode())])
    return mail_id


def rule_of(database: Database, broker: RabbitBroker) -> tuple[str, str]:
    """Rule and rule set by which one more report is classified."""
    mail_id = send(database, broker)
    query = "select rule, rule_set from fetched_mail where id = %s and rule is not null"
    assert until(lambda: bool(rows(database, query, mail_id)), 20)
    rule, rule_set = rows(database, query, mail_id)[0]
    return rule, rule_set


@pytest.mark.usefixtures("_running")
def test_rules_that_an_operator_loads_count_within_ten_seconds_and_until_they_are_unloaded(
    database: Database, broker: RabbitBroker, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(SOFT, "utf-8")
    environment = {"APICONNECT_DATABASE_URL": database.url}
    assert rule_of(database, broker)[0] == "dsn.user-unknown"
    loaded = CliRunner().invoke(app, ["rules", "load", str(file)], env=environment)
    assert (loaded.exit_code, "1 rules are in force" in loaded.stdout) == (0, True)
    begun = time.monotonic()
    assert until(lambda: rule_of(database, broker)[0] == "own.kept", PROMISED_SECONDS)
    assert time.monotonic() - begun < PROMISED_SECONDS
    assert "+own-" in rule_of(database, broker)[1]
    assert CliRunner().invoke(app, ["rules", "unload"], env=environment).exit_code == 0
    assert until(lambda: rule_of(database, broker)[0] == "dsn.user-unknown", PROMISED_SECONDS)


def test_rules_that_can_not_be_used_are_not_loaded(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(SOFT.replace("soft", "bouncy"), "utf-8")
    run = CliRunner().invoke(app, ["rules", "load", str(file)], env={"APICONNECT_DATABASE_URL": database.url})
    assert run.exit_code == 1
    assert f"{file}:1: class is 'bouncy'" in run.stderr
    assert rows(database, "select count(*) from operator_rules") == [(0,)]
