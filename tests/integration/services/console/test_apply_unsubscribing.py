"""`apply` for what a list says in List-Unsubscribe."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from shared.storage.database import Database
from shared.storage.migrator import migrate, migration_files
from tests.integration.services.console.running import Console, changed, rows

URL = "https://acme.example/u/{list}/{subscriber}?c={campaign}"
SETTING = f"""  - uid: news
    unsubscribe_url: {URL}
    unsubscribe_mailto: leave@acme.example?subject=leave-{{subscriber}}
"""
STORED = "select unsubscribe_url, unsubscribe_mailto from lists"
MAILTO = "mailto:leave@acme.example?subject=leave-{subscriber}"


@pytest.fixture
def listed(installation: Path) -> Path:
    """The document, with both settings."""
    return changed(installation, "  - uid: news\n", SETTING)


def test_both_are_stored_and_a_second_run_has_nothing_to_do(console: Console, database: Database, listed: Path) -> None:
    assert console("apply", "--no-check", listed).exit_code == 0
    assert rows(database, STORED) == [(URL, MAILTO)]
    assert console("apply", "--no-check", listed).stdout.splitlines()[-1].startswith("✓ Nothing to do")


def test_what_the_file_leaves_out_stays_and_null_ends_it(console: Console, database: Database, listed: Path) -> None:
    console("apply", "--no-check", listed)
    console("apply", "--no-check", changed(listed, SETTING, "  - uid: news\n"))
    assert rows(database, STORED) == [(URL, MAILTO)]

    null = changed(listed, "  - uid: news\n", "  - uid: news\n    unsubscribe_url: null\n")
    said = console("apply", "--no-check", null).stdout
    assert "unsubscribe_url" in said
    assert rows(database, STORED) == [(None, MAILTO)]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("https://acme.example/u", "http://acme.example/u", "unsubscribe_url: is no https URL, and one click works with https alone (RFC 8058); write https://"),
        (URL, '"https://acme.example/\\nBcc: x@example.com"', "unsubscribe_url: holds a space, a line break"),
        ("{list}", "{email}", "unsubscribe_url: holds an unknown placeholder; there are {subscriber}, {list}, {campaign}"),
        ("leave@acme.example", "leave", "unsubscribe_mailto: is no mailto URL of one address; write mailto:"),
        ("leave-{subscriber}", "leave-{mail}", "unsubscribe_mailto: holds an unknown placeholder"),
        ("subject=leave", "bcc=leave", "unsubscribe_mailto: sets other fields than subject and body; leave them out"),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused_with_field_reason_and_fix(
    console: Console, database: Database, listed: Path, before: str, after: str, fault: str
) -> None:
    refused = console("apply", "--no-check", changed(listed, before, after))
    assert refused.exit_code == 2
    assert f"lists[0].{fault}" in refused.stderr
    assert rows(database, "select 1 from lists") == []


def test_lists_of_before_the_upgrade_say_nothing_of_unsubscribing(empty_database_url: str) -> None:
    before = [(name, text) for name, text in migration_files() if name < "0014"]
    with psycopg.connect(empty_database_url) as connection:
        for _, text in before:
            connection.execute(text.encode())
        connection.execute(
            "create table schema_migrations (name text primary key, applied_at timestamptz default now())"
        )
        for name, _ in before:
            connection.execute("insert into schema_migrations (name) values (%s)", (name,))
        connection.execute("insert into customers (uid, name) values ('acme', 'Acme')")
        connection.execute("insert into lists (uid, customer_id, name) values ('news', 1, 'News')")
        settings = connection.execute("select count(*) from settings").fetchone()
    with Database(empty_database_url, max_connections=2, name="tests") as database:
        migrate(database)
        assert rows(database, "select uid, unsubscribe_url, unsubscribe_mailto from lists") == [("news", None, None)]
        assert rows(database, "select count(*) from settings") == [settings]
