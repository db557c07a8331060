"""`apply`: all of a document or nothing, twice the same as once, and never a suppressed subscriber brought back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.console.core.faults import DocumentRefused
from services.console.handler.apply import apply_document
from shared.storage import api_keys
from shared.storage.database import Database
from shared.storage.provisioning import state
from tests.builders import SEALER
from tests.integration.services.console.running import AskJson, Console, changed, rows

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_second_run_has_nothing_to_do(console: Console, installation: Path) -> None:
    first = console("apply", "--no-check", installation)
    second = console("apply", "--no-check", installation)

    assert first.exit_code == 0
    assert "Applied: 9 created, 1 updated, 0 unchanged." in first.stdout
    assert second.exit_code == 0
    assert second.stdout.splitlines()[-1] == "✓ Nothing to do: all 10 entries are as the file says."


def test_what_was_applied_is_there(console: Console, database: Database, installation: Path) -> None:
    console("apply", "--no-check", installation)

    assert rows(database, "select email, status from subscribers order by email") == [
        ("anna@example.com", "confirmed"),
        ("bert@example.com", "unsubscribed"),
    ]
    assert rows(
        database,
        "select m.email, k.name, b.only_mail_from is not null from bounce_servers b join mailboxes m on m.id = b.mailbox_id"
        " join api_keys k on k.id = m.api_key_id",
    ) == [("bounces@acme.example", "entra", True)]
    assert rows(
        database,
        "select s.message_id, r.address, b.email from sent_mail s join sent_recipients r on r.sent_mail_id = s.id"
        " join subscribers b on b.id = r.subscriber_id",
    ) == [("m1@acme.example", "anna@example.com", "anna@example.com")]


def test_a_stored_secret_is_the_one_in_the_file_and_is_shown_nowhere(
    console: Console, database: Database, installation: Path
) -> None:
    shown = console("apply", "--no-check", installation, "--json").stdout + console("keys", "list").stdout

    with database.transaction() as connection:
        key = api_keys.load(connection, SEALER, 1)
    assert key.client_secret == "first-secret"
    assert "first-secret" not in shown


def test_a_dry_run_shows_the_plan_and_writes_nothing(console: Console, database: Database, installation: Path) -> None:
    result = console("apply", "--no-check", installation, "--dry-run")

    assert "Dry run, nothing written: 9 to create, 1 to update" in result.stdout
    assert rows(database, "select 1 from customers") == []


def test_a_refused_file_names_each_line_and_changes_nothing(
    console: Console, database: Database, installation: Path
) -> None:
    changed(installation, "max_bounce_servers: 3", "max_bounce_servers: -2")
    changed(installation, "key: entra", "key: entrra")

    result = console("apply", "--no-check", installation)

    assert result.exit_code == 2
    assert f"{installation}:5: groups[0].max_bounce_servers: is not a limit" in result.stderr
    assert f"{installation}:35: bounce_servers[0].key: names no key that there is; did you mean entra?" in result.stderr
    assert "2 faults; nothing was written." in result.stderr
    assert rows(database, "select 1 from customers") == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("{file: secret.txt}", "first-secret", "17: keys[0].client_secret: a secret must not stand in this file"),
        ("secret.txt", "nowhere.txt", "17: keys[0].client_secret: file "),
        ("{file: secret.txt}", "{env: NO_SUCH_VARIABLE}", "17: keys[0].client_secret: variable NO_SUCH_VARIABLE is not set"),
        ("    client_secret: {file: secret.txt}\n", "", "12: keys[0].client_secret: is missing, and no secret is stored"),
        ("  - uid: globex", "  - uid: acme", "10: customers[1].uid: 'acme' is already an entry above"),
        ("customer: acme, list: news", "customer: globex, list: news", "23: campaigns[0].list: belongs to acme"),
        ("11111111-2222-3333-4444-555555555555", "acme.example", "15: keys[0].tenant_id: is not a GUID"),
        ("group: Standard", "group: Standart", "9: customers[0].group: names no group that there is; did you mean Standard?"),
        ("provider: microsoft\n    email", "provider: google\n    email", "35: bounce_servers[0].key: is a microsoft key"),
        ("only_mail_from: now", "disposal: move", "31: bounce_servers[0].move_to: is missing, and disposal is move"),
        ("only_mail_from: now", "blacklist_scope: global", "36: bounce_servers[0].blacklist_scope: a customer's server can't"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_where_it_stands(
    console: Console, database: Database, installation: Path, before: str, after: str, fault: str
) -> None:
    result = console("apply", "--no-check", changed(installation, before, after))

    assert result.exit_code == 2
    assert f"{installation}:{fault}" in result.stderr
    assert rows(database, "select 1 from customers") == []


def test_the_faults_are_there_for_scripts_too(ask: AskJson, installation: Path) -> None:
    found = ask("apply", "--no-check", changed(installation, "uid: globex", "grup: x"))

    assert found["refused"] is True
    assert [(fault["line"], fault["field"]) for fault in found["faults"]] == [
        (10, "customers[1].uid"),
        (10, "customers[1].grup"),
    ]


def test_an_unsubscribed_or_blacklisted_subscriber_is_not_revived(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    console("blacklist", "add", "anna@example.com", "--customer", "acme")
    changed(installation, "[anna@example.com, {email: Bert@Example.com, status: unsubscribed}]", "[]")
    changed(
        installation,
        "subscribers: []",
        "subscribers: [{email: anna@example.com, status: confirmed}, {email: bert@example.com, status: confirmed}]",
    )

    result = console("apply", "--no-check", installation)

    assert "news: 2 unsubscribed or blacklisted stay as they are" in result.stdout
    assert rows(database, "select status from subscribers order by email") == [("blacklisted",), ("unsubscribed",)]


def test_only_who_unsubscribed_comes_back_and_only_by_force_and_with_a_status(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    console("blacklist", "add", "anna@example.com", "--customer", "acme")
    changed(installation, "[anna@example.com, {email: Bert@Example.com, status: unsubscribed}]", "[]")
    before = "select status from subscribers order by email"

    changed(installation, "subscribers: []", "subscribers: [anna@example.com, bert@example.com]")
    console("apply", "--no-check", "--resubscribe", installation)
    assert rows(database, before) == [("blacklisted",), ("unsubscribed",)]

    both = "[{email: anna@example.com, status: confirmed}, {email: bert@example.com, status: confirmed}]"
    changed(installation, "subscribers: [anna@example.com, bert@example.com]", f"subscribers: {both}")
    planned = console("apply", "--no-check", "--resubscribe", "--dry-run", installation)
    assert "news: 1 unsubscribed or blacklisted stay as they are" in planned.stdout
    assert rows(database, before) == [("blacklisted",), ("unsubscribed",)]
    console("apply", "--no-check", "--resubscribe", installation)
    assert rows(database, before) == [("blacklisted",), ("confirmed",)]
    assert rows(database, "select before, after, cause from subscriber_changes order by id desc limit 1") == [
        ("unsubscribed", "confirmed", "operator")
    ]


def test_a_new_subscriber_on_the_blacklist_is_entered_as_blacklisted(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    console("blacklist", "add", "carl@example.com", "--customer", "acme")

    console("apply", "--no-check", changed(installation, "[anna@", "[carl@example.com, anna@"))

    assert rows(database, "select status from subscribers where email = 'carl@example.com'") == [("blacklisted",)]


def test_new_credentials_drop_tokens_and_failures_and_make_the_mailboxes_due(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    with database.transaction() as connection:
        connection.execute(
            "insert into access_tokens (provider, credential, subject, scopes, api_key_id) values ('microsoft', 'c', 't', 's', 1)"
        )
        connection.execute(
            "update api_keys set failed_at = now(), retry_at = now() + interval '1 hour', failure = '{}'"
        )
        connection.execute(
            "update mailboxes set connection = 'not connected', next_poll_at = now() + interval '1 hour'"
        )
    (installation.parent / "secret.txt").write_text("second-secret")

    result = console("apply", "--no-check", installation)

    assert "Key entra: 1 access token dropped, 1 mailbox due at once." in result.stdout
    assert rows(database, "select 1 from access_tokens") == []
    assert rows(database, "select failure, retry_at from api_keys") == [(None, None)]
    assert rows(database, "select connection, next_poll_at <= now() from mailboxes") == [("unknown", True)]


def test_the_secret_may_be_left_out_once_it_is_stored(console: Console, installation: Path) -> None:
    console("apply", "--no-check", installation)

    result = console("apply", "--no-check", changed(installation, "    client_secret: {file: secret.txt}\n", ""))

    assert result.exit_code == 0
    assert "Nothing to do" in result.stdout


def test_a_second_key_of_one_owner_on_a_mailbox_is_refused_naming_the_first(
    console: Console, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    more = installation.with_name("more.yaml")
    more.write_text(
        "keys:\n  - {name: other, customer: acme, provider: microsoft, client_secret: {file: secret.txt},\n"
        "     tenant_id: 11111111-2222-3333-4444-555555555555, client_id: 66666666-7777-8888-9999-000000000001}\n"
        "bounce_servers:\n"
        "  - {name: Second, customer: acme, provider: microsoft, email: BOUNCES@acme.example, key: other}\n"
    )

    result = console("apply", "--no-check", more)

    assert result.exit_code == 2
    assert (
        f"{more}:5: bounce_servers[0].key: customer acme opens bounces@acme.example with key 'entra' already"
        " (server 'Bounces'); use the same key for both servers"
    ) in result.stderr


def test_a_server_may_use_its_customers_keys_and_the_systems_and_no_others(
    console: Console, installation: Path
) -> None:
    result = console(
        "apply",
        "--no-check",
        changed(
            installation,
            "    customer: acme\n    provider: microsoft\n    email",
            "    customer: globex\n    provider: microsoft\n    email",
        ),
    )

    assert result.exit_code == 2
    assert "key: belongs to customer acme; this server may use globex's keys and system keys" in result.stderr


def test_disabling_a_provider_takes_its_type_from_all_groups_and_keeps_the_keys(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    off = installation.with_name("off.yaml")
    off.write_text("settings: {microsoft_enabled: false}\n")

    result = console("apply", "--no-check", off)

    assert "its server type is taken out of all groups (1); keys and tokens stay" in result.stdout
    assert rows(database, "select server_type from group_server_types") == [("gmail-api",)]
    assert rows(database, "select name from api_keys") == [("entra",)]

    console("apply", "--no-check", changed(off, "false", "true"))
    assert rows(database, "select server_type from group_server_types order by 1") == [
        ("gmail-api",),
        ("microsoft-graph-api",),
    ]


def test_prune_removes_what_is_not_named_any_more(console: Console, database: Database, installation: Path) -> None:
    console("apply", "--no-check", installation)
    start = installation.read_text().index("\nbounce_servers:")
    installation.write_text(installation.read_text()[:start] + "\nbounce_servers: []\n")

    result = console("apply", "--no-check", installation, "--prune")

    assert result.exit_code == 0
    assert "1 removed" in result.stdout
    assert rows(database, "select 1 from bounce_servers") == []
    assert rows(database, "select 1 from mailboxes") == []
    assert rows(database, "select count(*) from customers") == [(2,)]


def test_prune_can_remove_a_whole_installation(console: Console, database: Database, installation: Path) -> None:
    text = installation.read_text().replace(", {email: Bert@Example.com, status: unsubscribed}", "")
    start, end = text.index("sent_mail:"), text.index("bounce_servers:", text.index("sent_mail:"))
    installation.write_text(text[:start] + text[end:])
    console("apply", "--no-check", installation)
    sections = ("groups", "customers", "keys", "lists", "campaigns", "bounce_servers")
    installation.write_text("".join(f"{section}: []\n" for section in sections))

    result = console("apply", "--no-check", installation, "--prune")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "Applied: 7 removed, 0 unchanged." in result.stdout
    for table in ("customer_groups", "customers", "api_keys", "lists", "subscribers", "campaigns", "mailboxes"):
        assert rows(database, f"select 1 from {table}") == []


def test_prune_refuses_what_has_a_history_and_says_which(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    installation.write_text("bounce_servers: []\ncampaigns: []\nlists: []\nkeys: []\ncustomers: []\n")

    result = console("apply", "--no-check", installation, "--prune")

    assert result.exit_code == 2
    assert f"{installation}:5: customers: customer acme is not named any more, but has 1 sent mails" in result.stderr
    assert f"{installation}:3: lists: list news is not named any more, but holds 1 unsubscribed" in result.stderr
    assert (
        f"{installation}:2: campaigns: campaign november is not named any more, but is named by 1 sent" in result.stderr
    )
    assert rows(database, "select count(*) from bounce_servers") == [(1,)]


def test_two_records_may_swap_their_names(console: Console, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "swap.yaml"
    (tmp_path / "secret.txt").write_text("s")
    key = "provider: microsoft, client_secret: {file: secret.txt}, tenant_id: 11111111-2222-3333-4444-555555555555"
    client = "client_id: 66666666-7777-8888-9999-00000000000"
    file.write_text(f"keys:\n  - {{uid: a, name: A, {key}, {client}1}}\n  - {{uid: b, name: B, {key}, {client}2}}\n")
    console("apply", "--no-check", file)

    file.write_text(
        file.read_text().replace("name: A", "name: X").replace("name: B", "name: A").replace("name: X", "name: B")
    )
    swapped = console("apply", "--no-check", file)

    assert swapped.exit_code == 0
    assert rows(database, "select name from api_keys order by uid") == [("B",), ("A",)]


def test_prune_refuses_to_remove_a_key_in_use_and_names_its_users(
    console: Console, database: Database, installation: Path
) -> None:
    console("apply", "--no-check", installation)
    only_keys = installation.with_name("keys.yaml")
    only_keys.write_text("keys: []\n")

    result = console("apply", "--no-check", only_keys, "--prune")

    assert result.exit_code == 2
    assert (
        "keys: key entra (acme) is not named any more, but is used by bounce server Bounces (acme);"
        " remove these too, or name it again"
    ) in result.stderr
    assert rows(database, "select name from api_keys") == [("entra",)]


def test_prune_never_removes_a_suppressed_subscriber(console: Console, database: Database, installation: Path) -> None:
    console("apply", "--no-check", installation)

    console(
        "apply",
        changed(installation, "[anna@example.com, {email: Bert@Example.com, status: unsubscribed}]", "[]"),
        "--prune",
    )

    assert rows(database, "select email from subscribers") == [("bert@example.com",)]


def test_what_the_file_leaves_out_stays_as_it_is(console: Console, database: Database, installation: Path) -> None:
    console("apply", "--no-check", installation)
    console("mailbox", "dry-run", "bounces@acme.example")

    result = console("apply", "--no-check", installation)

    assert "Nothing to do" in result.stdout
    assert rows(database, "select dry_run from bounce_servers") == [(True,)]


def test_a_mapping_can_be_applied_with_secrets_from_anywhere(database: Database) -> None:
    document = {
        "customers": [{"uid": "acme"}],
        "keys": [
            {
                "name": "entra",
                "provider": "microsoft",
                "tenant_id": "11111111-2222-3333-4444-555555555555",
                "client_id": "66666666-7777-8888-9999-000000000000",
                "client_secret": {"env": "SECRET"},
                "endpoints": {"authority": "http://127.0.0.1:1/login", "api": "http://127.0.0.1:1"},
            }
        ],
    }

    result = apply_document(database, SEALER, document, now=NOW, environment={"SECRET": "s"}.get)

    assert result.anything
    with database.transaction() as connection:
        assert state.read(connection).keys["system:entra"].api_url == "http://127.0.0.1:1"


def test_a_refused_mapping_names_its_field(database: Database) -> None:
    with pytest.raises(DocumentRefused, match=r"document: customers\[0\].uid: is missing; add it"):
        apply_document(database, SEALER, {"customers": [{"name": "A"}]}, now=NOW)


def test_twenty_thousand_subscribers_and_mails_are_applied_and_found_unchanged(database: Database) -> None:
    addresses = [f"reader{number}@example.com" for number in range(20_000)]
    document = {
        "customers": [{"uid": "acme"}],
        "lists": [{"uid": "news", "customer": "acme", "subscribers": addresses}],
        "campaigns": [{"uid": "c", "customer": "acme", "list": "news"}],
        "sent_mail": [
            {"message_id": f"m{n}@acme.example", "reference": f"r{n}", "recipients": [address], "sent_at": NOW, "campaign": "c"}
            for n, address in enumerate(addresses)
        ],
    }  # fmt: skip

    apply_document(database, SEALER, document, now=NOW)
    again = apply_document(database, SEALER, document, now=NOW)

    assert not again.anything
    assert rows(database, "select count(*) from sent_recipients where subscriber_id is not null") == [(20_000,)]


def test_the_documented_example_is_accepted(console: Console, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "acme-client-secret.txt").write_text("s")
    (tmp_path / "service-account.json").write_text(json.dumps({"private_key": pem, "client_email": "r@p.iam.example"}))
    (tmp_path / "readers.csv").write_text("email,status\ncarl@example.com,\n")
    example = tmp_path / "apply.example.yaml"
    example.write_text((Path(__file__).parents[4] / "docs" / "apply.example.yaml").read_text())

    first, second = console("apply", "--no-check", example), console("apply", example)

    assert (first.exit_code, first.stderr) == (0, "")
    assert "Nothing to do" in second.stdout


def test_a_fault_in_a_csv_file_names_its_line(console: Console, installation: Path) -> None:
    (installation.parent / "readers.csv").write_text("email,status\ncarl@example.com,\nnobody,\nd@example.com,gone\n")
    changed(
        installation,
        "subscribers: [anna@example.com",
        "subscribers_csv: readers.csv\n    subscribers: [anna@example.com",
    )

    result = console("apply", "--no-check", installation)

    assert result.exit_code == 2
    assert (
        f"{installation}:21: lists[0].subscribers_csv.readers.csv line 3.email: is not an e-mail address"
        in result.stderr
    )
    assert "readers.csv line 4.status: is none of the allowed words" in result.stderr
