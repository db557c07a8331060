"""`monitors import|export` and `servers import|export`: CSV in and out, by role, all of a file or nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.console.core.csv_text import RowsRefused
from services.console.handler.server_files import import_file
from shared.domain.access import Feature, LimitReached, Role
from shared.domain.mailboxes import Disposal
from shared.domain.monitors import Condition, Field, MonitorAction, Operator
from shared.storage import customer_limits
from shared.storage.database import Database
from shared.storage.provisioning import customers
from tests.builders import NOW, a_bounce_server, a_list, a_mailbox, a_system_key
from tests.integration.services.console.answering import a_limit, a_stored_monitor
from tests.integration.services.console.running import AskJson, Console, rows
from tests.integration.shared.storage.looking import do

HEAD = "name,provider,email,key,conditions\n"
STOP = '"[{""value"": ""stop"", ""action"": ""unsubscribe""}]"'
LISTED = '"[{""value"": ""vip"", ""action"": ""move to list"", ""list"": ""news""}]"'
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(text) -> a file that holds it."""

    def to_file(text: str | bytes) -> Path:
        file = tmp_path / "rows.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return to_file


@pytest.fixture(autouse=True)
def keys(database: Database) -> None:
    """The operator's key, and one of each of two customers, who each have a list and no limit."""
    a_system_key(database, uid="system")
    a_system_key(database, uid="acmes", customer="acme")
    a_system_key(database, uid="globexes", customer="globex")
    a_list(database, "news")
    a_list(database, "others", customer="globex")
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1, "max_bounce_servers": -1})


def stored(database: Database) -> list[tuple[object, ...]]:
    """Monitors with their conditions."""
    return rows(
        database,
        """select m.*, (select jsonb_agg(q order by q.position) from monitor_conditions q where q.monitor_id = m.id)
           from monitors m order by id""",
    )


def test_a_row_makes_a_monitor_and_the_same_file_changes_nothing(
    ask: AskJson, console: Console, database: Database, write: Write
) -> None:
    file = write(HEAD + f"Replies,microsoft,Answers@Acme.example,acmes,{LISTED}\n")

    assert ask("monitors", "import", file, "--as", "acme", "--no-check")["created"] == 1
    first = stored(database)
    again = ask("monitors", "import", file, "--as", "acme", "--no-check")

    assert (again["unchanged"], again["created"], again["updated"], stored(database)) == (1, 0, 0, first)
    assert rows(database, "select m.name, c.uid, b.email from monitors m join customers c on c.id = m.customer_id"
                          " join mailboxes b on b.id = m.mailbox_id") == [("Replies", "acme", "answers@acme.example")]  # fmt: skip
    assert rows(database, "select action, target_uid from monitor_conditions") == [("move_to_list", "news")]


def test_the_mailbox_and_its_owner_say_which_server_a_row_means(ask: AskJson, database: Database, write: Write) -> None:
    for name in ("Old", "New"):
        text = f"name,provider,email,key,dry_run\n{name},microsoft,b@acme.example,system,yes\n"
        ask("servers", "import", write(text), "--no-check")
    assert rows(database, "select name, dry_run from bounce_servers") == [("New", True)]
    text = "name,provider,email,customer,key\nTheirs,microsoft,b@acme.example,acme,system\n"
    assert ask("servers", "import", write(text), "--no-check")["created"] == 1  # another owner: another server


def test_a_dry_run_says_what_would_change_and_writes_nothing(
    console: Console, database: Database, write: Write
) -> None:
    shown = console(
        "monitors", "import", write(HEAD + f"R,microsoft,a@acme.example,system,{STOP}\n"), "--dry-run"
    ).stdout
    assert "body contains 'stop' → unsubscribe" in shown
    assert "Dry run, nothing written: 1 to create, 0 to update, 0 unchanged, 0 skipped." in shown
    assert stored(database) == []


@pytest.mark.parametrize("role", [(), ("--as", "acme")])
def test_importing_an_export_is_the_identity(
    console: Console, ask: AskJson, database: Database, tmp_path: Path, role: tuple[str, ...]
) -> None:
    odd = Condition(
        "=SUM(1) ' \" ; , \n *", MonitorAction.UNSUBSCRIBE, Operator.ENDS_WITH, Field.SUBJECT, ignore_case=True
    )
    move = Condition("*", MonitorAction.COPY_TO_LIST, any_content=True, target="news")
    a_stored_monitor(database, odd, name="=cmd|' /C calc'!A0", key="system", move_to="-done", disposal="move")
    a_stored_monitor(database, odd, move, name="'+1", customer="acme", key="acmes", dry_run=True, status="inactive")
    a_stored_monitor(
        database, move, odd, name="@two, at one mailbox", customer="acme", key="acmes", plus_addressing=True
    )
    a_stored_monitor(database, odd, name="given", customer="acme", key="system", identify_by="uid_or_email")
    a_stored_monitor(database, odd, name="locked", customer="acme", key="acmes", locked=True, read_junk=True)
    before = stored(database)
    file = tmp_path / "export.csv"

    assert console("monitors", "export", file, *role).exit_code == 0
    came = ask("monitors", "import", file, *role, "--no-check")

    assert (came["created"], came["updated"], stored(database)) == (0, 0, before)
    assert came["unchanged"] + len(came["skipped"]) == (4 if role else 5)
    cells = [cell for row in csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline="")) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert ("system" in file.read_text()) is not bool(role)  # a customer is not told the operator's keys


def test_an_export_of_bounce_servers_is_the_identity_too(
    console: Console, ask: AskJson, database: Database, tmp_path: Path
) -> None:
    a_bounce_server(database, name="b", key="system", disposal=Disposal.MOVE, move_to="=Done")
    a_bounce_server(database, "c@acme.example", name="c", key="acmes", customer="acme", dry_run=True)
    before = rows(database, "select * from bounce_servers order by id")
    (tmp_path / "e.csv").write_text(console("servers", "export").stdout)
    assert ask("servers", "import", tmp_path / "e.csv", "--no-check")["unchanged"] == 2
    assert rows(database, "select * from bounce_servers order by id") == before


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_files_as_spreadsheets_write_them_are_read(
    ask: AskJson, database: Database, write: Write, mark: str, separator: str
) -> None:
    head = HEAD.strip().replace(",", separator)
    row = separator.join(("Änne", "microsoft", "a@acme.example", "system", STOP))
    text = mark + "\r\n".join([head, row, "", separator * 4, ""])
    assert ask("monitors", "import", write(text), "--no-check")["created"] == 1
    assert rows(database, "select name from monitors") == [("Änne",)]


def test_utf_16_with_its_mark_is_read(ask: AskJson, write: Write) -> None:
    text = (HEAD + f"Änne,microsoft,a@acme.example,system,{STOP}\n").encode("utf-16")
    assert ask("monitors", "import", write(text), "--no-check")["created"] == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", ":0 file: is empty"),
        (b"name,provider,email,key\nJos\xe9,microsoft,a@b.example,system\n", ":2: row: is not UTF-8 text; save it as"),
        ("nam,provider,email\n", ":1: nam: is no column here; did you mean name?"),
        ("name,provider\n", ":1: email: is missing as a column; name it in the first line"),
        ("name,name,provider,email\n", ":1: name: is there twice"),
        (HEAD + 'R,microsoft,a@b.example,system,"[{\n', ":2: row: is not CSV"),
        (HEAD + "\n" + f"R,microsoft,a@b.example,system,{STOP},x\n", ":3: row: has 6 cells, the first line names 5 columns"),
        (HEAD + "R,microsoft,a@b.example,system,stop\n", ":2: conditions: is not JSON at character 1; write it like [{"),
        (HEAD + "R,microsoft,a@b.example,system,{}\n", ":2: conditions: is not a JSON list; put [ ] around"),
        (HEAD + "R,microsoft,a@b.example,system," + STOP.replace("stop", "\\u0000") + "\n", ":2: conditions: holds a character"),
        (HEAD + "R,microsoft,a@b.example,system," + STOP.replace("stop", "\\ud800") + "\n", ":2: conditions: holds a character"),
        (HEAD + "R,microsoft,a@b.example,system," + "[" * 5_000 + "\n", ":2: conditions: is not JSON"),
        (HEAD + "R,microsoft,a@b.example,system,\n", ":2: conditions: there is none; add at least one condition"),
        (HEAD + f"R,microsoft,a@b,system,{STOP}\n", ":2: email: is not an e-mail address"),
        (HEAD + f"R,yahoo,a@b.example,system,{STOP}\n", ":2: provider:"),
        (HEAD + f"R,microsoft,a@b.example,nokey,{STOP}\n", ":2: key: names no key that there is"),
        (HEAD + f"R,microsoft,a@b.example,,{STOP}\n", ":2: key: is missing; add it"),
        (HEAD.replace("key", "dry_run") + f"R,microsoft,a@b.example,maybe,{STOP}\n", ":2: dry_run: is neither yes nor no"),
        (HEAD.replace("key", "poll_minutes") + f"R,microsoft,a@b.example,soon,{STOP}\n", ":2: poll_minutes:"),
        (HEAD + f"R,microsoft,a@b.example,system,{LISTED}\n", ":2: conditions[0].action: Move to list is for customers' own"),
        (HEAD + 2 * f"R,microsoft,a@b.example,system,{STOP}\n", ":3: name: another server of this owner has this name"),
    ],
)  # fmt: skip
def test_each_fault_says_line_field_reason_and_fix_and_nothing_is_written(
    console: Console, database: Database, write: Write, text: str | bytes, fault: str
) -> None:
    result = console("monitors", "import", write(text), "--no-check")
    assert result.exit_code == 2
    assert fault.removeprefix(":0 ") in result.stderr.replace("\n", " ")
    assert "nothing was written" in result.stderr
    assert stored(database) == []


def test_all_faults_of_a_file_are_told_at_once(console: Console, ask: AskJson, write: Write) -> None:
    good = f"A,microsoft,a@b.example,system,{STOP}\n"
    file = write(
        HEAD + good + good.replace("A,", "B,").replace("system", "x") + good.replace("A,", "C,").replace("a@b.", "ab")
    )
    faults = ask("monitors", "import", file)["faults"]
    assert [(one["line"], one["field"]) for one in faults] == [(3, "key"), (4, "email")]
    assert all(one["fix"] for one in faults)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"R,microsoft,a@b.example,system,{STOP}", "key: names no key that there is"),
        (f"R,microsoft,a@b.example,globexes,{STOP}", "key: names no key that there is"),
        (f"R,microsoft,a@b.example,acmes,{LISTED.replace('news', 'others')}", "list: names no list that there is"),
    ],
)
def test_what_is_anothers_is_not_there_for_a_customer(console: Console, write: Write, row: str, fault: str) -> None:
    result = console("monitors", "import", write(HEAD + row + "\n"), "--as", "acme")
    assert (result.exit_code, fault in result.stderr) == (2, True)
    assert "belongs" not in result.stderr
    assert "globex" not in result.stderr.partition(fault)[2]


@pytest.mark.parametrize("uid", ["m-theirs", "m-operators", "never"])
def test_a_uid_that_is_anothers_is_as_unknown_as_one_that_nobody_has(
    console: Console, database: Database, write: Write, uid: str
) -> None:
    a_stored_monitor(
        database, Condition("stop", MonitorAction.UNSUBSCRIBE), name="theirs", customer="globex", key="globexes"
    )
    a_stored_monitor(database, Condition("stop", MonitorAction.UNSUBSCRIBE), name="operators", key="system")
    before = stored(database)
    text = f"uid,{HEAD}{uid},R,microsoft,a@b.example,acmes,{STOP}\n"
    result = console("monitors", "import", write(text), "--as", "acme")
    assert ":2: uid: names no monitor that there is; leave the uid out to make a new one" in result.stderr
    assert stored(database) == before


@pytest.mark.parametrize("column", ["customer", "locked", "blacklist_scope"])
def test_a_customer_has_no_say_in_owner_lock_and_scope(console: Console, write: Write, column: str) -> None:
    result = console("monitors", "import", write(f"{column},{HEAD}"), "--as", "acme")
    assert f":1: {column}: is no column here" in result.stderr


def test_a_locked_row_is_left_as_it_is_and_counted(ask: AskJson, database: Database, write: Write) -> None:
    stop = Condition("stop", MonitorAction.UNSUBSCRIBE)
    a_stored_monitor(database, stop, name="locked", customer="acme", key="acmes", locked=True, address="a@b.example")
    before = stored(database)
    text = f"{HEAD}locked,microsoft,a@b.example,acmes,{STOP.replace('stop', 'other')}\n"
    came = ask("monitors", "import", write(text), "--as", "acme", "--no-check")
    assert (came["skipped"][0]["line"], came["updated"], stored(database)) == (2, 0, before)
    text = text.replace(HEAD, f"customer,{HEAD}").replace("\nlocked", "\nacme,locked")
    assert ask("monitors", "import", write(text), "--no-check")["updated"] == 1  # a lock does not hold the operator


def test_with_the_operators_key_a_customer_keeps_its_mailbox(
    console: Console, ask: AskJson, database: Database, write: Write
) -> None:
    stop = Condition("stop", MonitorAction.UNSUBSCRIBE)
    a_stored_monitor(database, stop, name="given", customer="acme", key="system", address="a@b.example")
    text = f"uid,name,provider,email,conditions\nm-given,Mine,microsoft,a@b.example,{STOP}\n"
    assert ask("monitors", "import", write(text), "--as", "acme", "--no-check")["updated"] == 1
    result = console("monitors", "import", write(text.replace("a@b", "boss@b")), "--as", "acme", "--no-check")
    assert "email: can't be changed while the key is the operator's; name a key of your own" in result.stderr
    assert rows(database, "select email from mailboxes where customer_id is null") == [("a@b.example",)]


def test_rows_over_the_limit_are_told_and_what_is_there_can_still_be_changed(
    console: Console, ask: AskJson, database: Database, write: Write
) -> None:
    a_limit(database, "acme", 2)

    def line(name: str) -> str:
        return f"{name},microsoft,{name}@acme.example,acmes,{STOP}\n"

    result = console("monitors", "import", write(HEAD + "".join(map(line, "abc"))), "--as", "acme")
    assert ":4: row: would be new, and the limit allows 2 more" in result.stderr
    assert stored(database) == []
    two = HEAD + line("a") + line("b")
    assert ask("monitors", "import", write(two), "--as", "acme", "--no-check")["created"] == 2
    changed = ask("monitors", "import", write(two.replace("stop", "halt")), "--as", "acme", "--no-check")
    assert changed["updated"] == 2
    assert "allows no more" in console("monitors", "import", write(HEAD + line("c")), "--as", "acme").stderr
    for_them = f"customer,{HEAD}acme,c,microsoft,c@acme.example,acmes,{STOP}\n"
    assert ask("monitors", "import", write(for_them), "--no-check")["created"] == 1  # the operator is not held by it


def test_a_new_row_never_takes_the_uid_of_a_server_that_was_renamed(
    ask: AskJson, database: Database, write: Write
) -> None:
    row = f"first,microsoft,a@b.example,system,{STOP}\n"
    ask("monitors", "import", write(HEAD + row), "--no-check")
    do(database, "update monitors set name = 'renamed'")
    ask("monitors", "import", write(HEAD + row.replace("a@b", "b@b")), "--no-check")
    assert rows(database, "select uid, name from monitors order by id") == [
        ("system:first", "renamed"), ("system:first-2", "first"),
    ]  # fmt: skip


def test_a_row_without_uid_is_not_the_one_that_another_row_names_by_its_uid(
    ask: AskJson, database: Database, write: Write
) -> None:
    a_stored_monitor(database, Condition("x", MonitorAction.DELETE), name="old", key="system", address="a@b.example")
    text = f"uid,{HEAD},second,microsoft,a@b.example,system,{STOP}\nm-old,renamed,microsoft,a@b.example,system,{STOP}\n"
    came = ask("monitors", "import", write(text), "--no-check")
    assert (came["created"], came["updated"]) == (1, 1)
    assert rows(database, "select uid, name from monitors order by id") == [
        ("m-old", "renamed"), ("system:second", "second"),
    ]  # fmt: skip


def test_ten_thousand_rows_are_one_import(ask: AskJson, database: Database, write: Write) -> None:
    lines = "".join(f"m{one},microsoft,m{one}@acme.example,acmes,{STOP}\n" for one in range(10_000))
    came = ask("monitors", "import", write(HEAD + lines), "--as", "acme", "--no-check")
    assert came["created"] == 10_000
    assert rows(database, "select count(*) from monitor_conditions") == [(10_000,)]


def test_rows_that_share_a_mailbox_are_written_together_with_exactly_their_conditions(
    ask: AskJson, database: Database, write: Write
) -> None:
    two = '"[{""value"": ""a"", ""action"": ""delete""}, {""value"": ""b"", ""action"": ""delete""}]"'
    one = '"[{""value"": ""c"", ""action"": ""delete""}]"'
    first = f"x,microsoft,a@b.example,system,{two}\ny,microsoft,a@b.example,system,{one}\n"
    ask("monitors", "import", write(HEAD + first), "--no-check")
    second = f"x,microsoft,a@b.example,system,{one}\ny,microsoft,a@b.example,system,{two}\nz,microsoft,A@b.example,system,{one}\n"
    came = ask("monitors", "import", write(HEAD + second), "--no-check")
    assert (came["created"], came["updated"]) == (1, 2)
    assert rows(
        database,
        "select m.name, string_agg(q.value, '' order by q.position), min(m.mailbox_id) = max(b.id) from monitors m"
        " join monitor_conditions q on q.monitor_id = m.id cross join mailboxes b group by m.name order by 1",
    ) == [("x", "c", True), ("y", "ab", True), ("z", "c", True)]


def test_imports_beside_single_creations_do_not_pass_the_limit(database: Database) -> None:
    a_limit(database, "acme", 6)
    mailbox_id = a_mailbox(database)

    def bring(number: int) -> int:
        lines = "".join(f"m{number}-{n},microsoft,m{number}-{n}@acme.example,acmes,{STOP}\n" for n in range(3))
        try:
            import_file(database, Feature.MONITORS, Role("acme"), (HEAD + lines).encode(), now=NOW)
        except RowsRefused:
            return 0
        return 3

    def create(number: int) -> int:
        try:
            with database.transaction() as connection:
                customer_limits.take_places(connection, Role("acme"), Feature.MONITORS)
                connection.execute(
                    "insert into monitors (uid, customer_id, mailbox_id, name)"
                    " select %(uid)s, id, %(mailbox)s, %(uid)s from customers where uid = 'acme'",
                    {"uid": f"s{number}", "mailbox": mailbox_id},
                )
        except LimitReached:
            return 0
        return 1

    with ThreadPoolExecutor(6) as pool:
        begun = [pool.submit(bring if one % 2 else create, one) for one in range(12)]
        made = sum(one.result() for one in begun)

    assert made <= 6
    assert rows(database, "select count(*) from monitors where customer_id is not null") == [(made,)]


def test_imports_at_once_do_not_pass_the_limit(database: Database) -> None:
    a_limit(database, "acme", 2)

    def bring(number: int) -> bool:
        row = f"m{number},microsoft,m{number}@acme.example,acmes,{STOP}\n"
        try:
            import_file(database, Feature.MONITORS, Role("acme"), (HEAD + row).encode(), now=NOW)
        except RowsRefused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(bring, range(6)))

    assert made.count(True) == 2
    assert rows(database, "select count(*) from monitors") == [(2,)]


def test_a_customer_is_not_told_which_system_key_its_server_had(
    console: Console, database: Database, write: Write
) -> None:
    stop = Condition("stop", MonitorAction.UNSUBSCRIBE)
    a_stored_monitor(database, stop, name="given", customer="acme", key="system", address="a@b.example")
    text = f"{HEAD}given,microsoft,a@b.example,acmes,{STOP}\n"
    shown = console("monitors", "import", write(text), "--as", "acme", "--no-check")
    assert "~ given (acme): key: another" in shown.stdout
    assert "system" not in shown.stdout
