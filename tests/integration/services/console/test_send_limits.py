"""A key whose mailboxes may send more or less than the provider's figures say."""

from __future__ import annotations

from pathlib import Path

from shared.storage import api_keys
from shared.storage.database import Database
from tests.builders import SEALER
from tests.integration.services.console.running import Console, changed


def test_a_keys_send_limits_are_kept_and_taken_back(console: Console, database: Database, installation: Path) -> None:
    secret = "client_secret: {file: secret.txt}"
    limits = "send_limits: {messages_per_day: 500, per_minute: null}"
    console("apply", "--no-check", changed(installation, secret, f"{secret}\n    {limits}"))
    with database.transaction() as connection:
        assert api_keys.load(connection, SEALER, 1).send_limits == {"messages_per_day": 500, "per_minute": None}
    again = console("apply", "--no-check", installation)
    assert again.stdout.splitlines()[-1].startswith("✓ Nothing to do")

    console("apply", "--no-check", changed(installation, limits, "send_limits: {}"))
    with database.transaction() as connection:
        assert api_keys.load(connection, SEALER, 1).send_limits == {}


def test_a_send_limit_below_one_is_refused_with_its_place(console: Console, installation: Path) -> None:
    secret = "client_secret: {file: secret.txt}"
    file = changed(installation, secret, f"{secret}\n    send_limits: {{messages_per_day: 0}}")
    refused = console("apply", "--no-check", file)
    assert refused.exit_code != 0
    assert "send_limits.messages_per_day" in refused.stderr + refused.stdout
