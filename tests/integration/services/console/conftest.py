"""The commands as an operator runs them: through typer, against real servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.console.cli import app
from shared.storage.database import Database
from tests.builders import SEALING_KEYS
from tests.integration.services.console.running import AskJson, Console

INSTALLATION = """\
settings:
  max_bounce_servers: 5
groups:
  - name: Standard
    max_bounce_servers: 3
customers:
  - uid: acme
    name: Acme Ltd
    group: Standard
  - uid: globex
keys:
  - name: entra
    customer: acme
    provider: microsoft
    tenant_id: 11111111-2222-3333-4444-555555555555
    client_id: 66666666-7777-8888-9999-000000000000
    client_secret: {file: secret.txt}
lists:
  - uid: news
    customer: acme
    subscribers: [anna@example.com, {email: Bert@Example.com, status: unsubscribed}]
campaigns:
  - {uid: november, customer: acme, list: news}
sent_mail:
  - message_id: <m1@acme.example>
    reference: r1
    recipients: [anna@example.com]
    sent_at: 2026-11-20T09:00:00Z
    campaign: november
bounce_servers:
  - name: Bounces
    customer: acme
    provider: microsoft
    email: Bounces@acme.example
    key: entra
    only_mail_from: now
"""


@pytest.fixture
def console(database: Database, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> Console:
    """console("status", "--json") -> exit_code, stdout, stderr."""
    monkeypatch.setenv("APICONNECT_DATABASE_URL", database.url)
    monkeypatch.setenv("APICONNECT_RABBITMQ_URL", rabbitmq_url)
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", SEALING_KEYS)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def ask(console: Console) -> AskJson:
    """ask("status") -> what `--json` says, whatever the exit code."""

    def run(*arguments: object) -> Any:
        return json.loads(console(*arguments, "--json").stdout)

    return run


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A small installation's file, with its secret beside it."""
    (tmp_path / "secret.txt").write_text("first-secret\n")
    file = tmp_path / "install.yaml"
    file.write_text(INSTALLATION)
    return file
