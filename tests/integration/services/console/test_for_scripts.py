"""What scripts rely on: the names in `--json`, which only ever grow, and commands that need no broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.storage.database import Database
from tests.builders import a_bounce_server
from tests.integration.services.console.running import AskJson, Console

# A name that is taken away or changed breaks somebody's script: add to these, never remove.
NAMES: dict[tuple[str, ...], set[str]] = {
    ("status",): {
        "now", "ok", "reasons", "services", "mailboxes", "keys", "queues", "broker", "dead_letters", "totals",
    },
    ("keys", "list"): {"keys"},
    ("keys", "verify"): {"current", "sealed", "handled", "broken", "missing", "may_be_dropped", "ok"},
    ("keys", "rotate"): {"current", "sealed", "handled", "broken", "missing", "may_be_dropped", "ok"},
    ("keys", "rotate-secret", "key", "--drop"): {"key", "owner", "result", "diagnosis", "detail"},
    ("mailbox", "pause", "bounces@news.example.com"): {"mailboxes"},
    ("mailbox", "start", "bounces@news.example.com", "--anyway"): {"started", "checks"},
    ("tokens", "reset"): {"tokens", "expired_leases", "live_leases"},
    ("bounces", "unmatched"): {"unmatched"},
    ("bounces", "runs"): {"runs"},
    ("bounces", "held", "list"): {"holds"},
    ("blacklist", "list"): {"entries", "total"},
    ("blacklist", "add", "a@example.com"): {"added", "already", "subscribers_changed"},
    ("dead-letters", "list"): {"dead_letters"},
    ("why", "a@example.com"): {"name", "answer", "story", "facts"},
    ("migrate",): {"applied"},
}  # fmt: skip
WITHIN: dict[tuple[tuple[str, ...], str], set[str]] = {
    (("status",), "reasons"): {"level", "code", "text", "fix"},
    (("status",), "mailboxes"): {
        "mailbox_id", "email", "provider", "owner", "key", "connection", "failure", "paused", "polling", "lease_holder",
        "requested", "next_poll_at", "last_polled_at", "last_poll", "throttled_until", "token_expires_at", "token_failure",
        "key_failure", "servers", "active_servers", "dry_run_servers", "listed", "fetched", "classified", "unfetchable",
        "waiting_disposals", "waiting_servers", "state",
    },
    (("keys", "list"), "keys"): {
        "uid", "name", "provider", "customer", "identity", "secret_expires_on", "failed_at", "retry_at", "failure", "used_by",
        "capabilities", "next_secret_added_at", "next_secret_expires_on", "next_secret_failure",
    },
}  # fmt: skip


@pytest.mark.parametrize("command", NAMES, ids=" ".join)
def test_every_name_that_was_ever_there_is_there(ask: AskJson, database: Database, command: tuple[str, ...]) -> None:
    a_bounce_server(database)

    found = ask(*command)

    assert NAMES[command] - set(found) == set()
    for (of, part), names in WITHIN.items():
        if of == command:
            assert names - set(_first(found[part])) == set()


def test_what_apply_says_keeps_its_names(ask: AskJson, installation: Path) -> None:
    found = ask("apply", "--no-check", installation)

    assert set(found) == {"dry_run", "changed", "changes", "notes", "checks"}
    assert set(found["changes"][0]) == {"verb", "kind", "name", "details"}


@pytest.mark.parametrize("command", [("status",), ("bounces", "unmatched"), ("keys", "list"), ("why", "a@example.com")])
def test_what_only_looks_needs_no_broker(
    console: Console, database: Database, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    a_bounce_server(database)
    monkeypatch.delenv("APICONNECT_RABBITMQ_URL")

    assert console(*command).exit_code in (0, 1)


def test_without_a_broker_the_status_says_that_queues_were_not_looked_at(
    console: Console, ask: AskJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APICONNECT_RABBITMQ_URL")

    shown, found = console("status").stdout, ask("status")

    assert "not looked at: APICONNECT_RABBITMQ_URL is not set" in shown
    assert (found["queues"], found["broker"]) == (None, "not looked at")
    assert "broker_down" not in [reason["code"] for reason in found["reasons"]]


def _first(rows: Any) -> dict[str, Any]:
    return dict(rows[0])
