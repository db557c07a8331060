"""`apply` for monitors: conditions in their order, actions by role, targets of the customer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.storage.database import Database
from tests.integration.services.console.running import Console, changed, rows

MONITOR = """
monitors:
  - name: Replies
    customer: acme
    provider: microsoft
    email: answers@acme.example
    key: entra
    conditions:
      - {value: unsubscribe me, action: unsubscribe, ignore_case: true}
      - {operator: starts with, value: STOP, action: Blacklist}
      - {field: subject, value: "moved * address", action: move to list, list: news}
"""


@pytest.fixture
def monitored(installation: Path) -> Path:
    """The document with a customer's monitor."""
    installation.write_text(installation.read_text() + MONITOR)
    return installation


def test_conditions_are_stored_in_their_order_and_a_second_run_has_nothing_to_do(
    console: Console, database: Database, monitored: Path
) -> None:
    shown = console("apply", "--no-check", monitored)
    assert "body contains 'unsubscribe me', any case → unsubscribe" in shown.stdout.replace("\n", " ")
    assert console("apply", "--no-check", monitored).stdout.splitlines()[-1].startswith("✓ Nothing to do")

    stored = rows(
        database,
        "select position, field, operator, value, action, target_uid from monitor_conditions order by position",
    )
    assert stored == [
        (1, "body", "contains", "unsubscribe me", "unsubscribe", None),
        (2, "body", "starts_with", "STOP", "blacklist", None),
        (3, "subject", "contains", "moved * address", "move_to_list", "news"),
    ]


def test_conditions_can_be_reordered(console: Console, database: Database, monitored: Path) -> None:
    console("apply", "--no-check", monitored)
    lines = monitored.read_text().splitlines()
    lines[-3], lines[-2] = lines[-2], lines[-3]
    monitored.write_text("\n".join(lines))
    console("apply", "--no-check", monitored)
    assert rows(database, "select value from monitor_conditions order by position limit 2") == [
        ("STOP",),
        ("unsubscribe me",),
    ]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("value: STOP", 'value: " "', "value: is empty; write the words to look for"),
        ("value: STOP", 'value: "**"', "value: * alone matches every mail; say any_content: true if that is meant"),
        (", list: news", "", "list: is missing: move_to_list needs one; name a list of the customer's own"),
        ("list: news", "list: newz", "list: names no list that there is; did you mean news?"),
        ("action: unsubscribe,", "action: unsubscribe, list: news,", "list: unsubscribe has no such target; leave it out"),
        ("action: Blacklist", "action: shout", "action"),
        ("operator: starts with", "operator: matches", "operator"),
        ("    email: answers", "    disposal: move\n    email: answers", "move_to: is missing, and disposal is move"),
    ],
)  # fmt: skip
def test_a_condition_that_makes_no_sense_is_refused_where_it_stands(
    console: Console, database: Database, monitored: Path, before: str, after: str, fault: str
) -> None:
    text = monitored.read_text()
    monitored.write_text(text.replace(MONITOR, MONITOR.replace(before, after)))
    result = console("apply", "--no-check", monitored)
    assert result.exit_code == 2
    assert fault in result.stderr
    assert rows(database, "select 1 from monitors") == []


def test_a_monitor_without_conditions_is_refused(console: Console, monitored: Path) -> None:
    monitored.write_text(monitored.read_text().partition("    conditions:\n      - {value: unsubscribe")[0])
    assert "conditions: there is none; add at least one condition" in console("apply", "--no-check", monitored).stderr


def test_any_content_is_taken_when_it_is_said_on_purpose(console: Console, database: Database, monitored: Path) -> None:
    changed(monitored, "value: STOP,", 'value: "*", any_content: true,')
    assert console("apply", "--no-check", monitored).exit_code == 0
    assert rows(database, "select value from monitor_conditions where any_content") == [("*",)]


def test_the_operators_own_monitor_has_no_customers_actions(console: Console, monitored: Path) -> None:
    text = MONITOR.replace("    customer: acme\n", "").replace("    key: entra", "    key: system")
    monitored.write_text(
        monitored.read_text().replace(MONITOR, text).replace("  - name: entra\n", SYSTEM_KEY + "  - name: entra\n")
    )
    result = console("apply", "--no-check", monitored)
    assert "conditions[2].action: Move to list is for customers' own monitors" in result.stderr


def test_another_customers_list_is_no_target(console: Console, monitored: Path) -> None:
    changed(monitored, "lists:\n", "lists:\n  - {uid: theirs, customer: globex}\n")
    result = console(
        "apply", "--no-check", changed(monitored, "move to list, list: news", "move to list, list: theirs")
    )
    assert "conditions[2].list: is another customer's; name a list of the customer's own" in result.stderr


SYSTEM_KEY = """  - name: system
    provider: microsoft
    tenant_id: 11111111-2222-3333-4444-555555555555
    client_id: 66666666-7777-8888-9999-000000000000
    client_secret: {file: secret.txt}
"""


def test_a_customers_tracking_links_have_a_shape_of_their_own(
    console: Console, database: Database, monitored: Path
) -> None:
    shape = "https://go.acme.example/*/u/{subscriber}"
    changed(monitored, "  - uid: acme\n", f"  - uid: acme\n    tracking_url: '{shape}'\n")
    assert console("apply", "--no-check", monitored).exit_code == 0
    assert console("apply", "--no-check", monitored).stdout.splitlines()[-1].startswith("✓ Nothing to do")
    assert rows(database, "select tracking_url from customers where uid = 'acme'") == [(shape,)]
    refused = console("apply", "--no-check", changed(monitored, "{subscriber}", "subscriber"))
    assert "tracking_url: names {subscriber} not exactly once" in refused.stderr


@pytest.mark.parametrize("scope", ["customer", "global"])
def test_a_setting_says_whose_blacklist_new_monitors_write_to_also_those_that_customers_make(
    console: Console, database: Database, monitored: Path, tmp_path: Path, scope: str
) -> None:
    setting = f"settings:\n  max_monitors: 5\n  monitor_blacklist_scope: {scope}\n"
    console("apply", "--no-check", changed(monitored, "settings:\n", setting))
    file = tmp_path / "own.csv"
    conditions = '"[{""value"": ""stop"", ""action"": ""blacklist""}]"'
    file.write_text(f"name,provider,email,key,conditions\nown,microsoft,own@acme.example,entra,{conditions}\n")
    console("monitors", "import", file, "--as", "acme", "--no-check")
    assert rows(database, "select blacklist_scope, count(*) from monitors group by 1") == [(scope, 2)]
