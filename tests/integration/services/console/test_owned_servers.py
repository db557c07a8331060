"""`monitors` and `servers`: each role sees and touches what is its own; locks and limits hold in the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.domain.access import Feature, LimitReached, Role
from shared.domain.monitors import Condition, MonitorAction
from shared.storage import customer_limits
from shared.storage.database import Database
from shared.storage.provisioning import customers
from tests.builders import READER, a_bounce_server, a_customer, a_list, a_mailbox, a_subscriber
from tests.integration.services.console.answering import a_limit, a_stored_monitor, answered
from tests.integration.services.console.running import AskJson, Console, rows
from tests.integration.shared.storage.looking import do

STOP = Condition("stop", MonitorAction.UNSUBSCRIBE)


@pytest.fixture
def watched(database: Database) -> None:
    """Monitors of the operator, of acme (one locked, one with the operator's key) and of globex."""
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1, "max_bounce_servers": -1})
    a_stored_monitor(database, STOP, name="operators")
    a_stored_monitor(database, STOP, name="mine", customer="acme")
    a_stored_monitor(database, STOP, name="locked", customer="acme", locked=True)
    a_stored_monitor(database, STOP, name="theirs", customer="globex")


def statuses(database: Database) -> dict[str, str]:
    """Of the monitors, by name."""
    return dict(rows(database, "select name, status from monitors"))  # type: ignore[arg-type]


@pytest.mark.usefixtures("watched")
def test_the_operator_sees_all_and_a_customer_its_own_without_the_operators_keys(ask: AskJson) -> None:
    every = ask("monitors", "list")["monitors"]
    assert [(one["name"], one["owner"], one["key"]) for one in every] == [
        ("operators", None, "key"), ("locked", "acme", "key"), ("mine", "acme", "key"), ("theirs", "globex", "key"),
    ]  # fmt: skip
    own = ask("monitors", "list", "--as", "acme")["monitors"]
    assert [(one["name"], one["key"], one["locked"]) for one in own] == [("locked", "", True), ("mine", "", False)]


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("command", ["show", "log", "enable", "disable", "pause", "resume", "delete"])
@pytest.mark.parametrize("name", ["m-theirs", "theirs", "m-operators", "nothing"])
def test_anothers_is_answered_as_what_is_not_there(
    console: Console, database: Database, command: str, name: str
) -> None:
    before = rows(database, "select * from monitors order by id")
    result = console("monitors", command, name, "--as", "acme")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"There is no monitor {name}.\n"
    assert rows(database, "select * from monitors order by id") == before


@pytest.mark.usefixtures("watched")
def test_bulk_actions_of_a_customer_skip_what_is_locked_and_count(ask: AskJson, database: Database) -> None:
    came = ask("monitors", "disable", "--all", "--as", "acme")
    assert (came["disabled"], came["skipped"], came["locked"]) == (["mine"], 1, ["locked"])
    assert statuses(database) == {"operators": "active", "mine": "inactive", "locked": "active", "theirs": "active"}
    assert ask("monitors", "enable", "--all", "--as", "acme")["enabled"] == ["mine"]
    assert ask("monitors", "delete", "--all", "--as", "acme")["deleted"] == ["mine"]
    assert set(statuses(database)) == {"operators", "locked", "theirs"}


@pytest.mark.usefixtures("watched")
def test_a_lock_does_not_hold_the_operator(ask: AskJson, database: Database) -> None:
    came = ask("monitors", "pause", "--all")
    assert (len(came["paused"]), came["skipped"]) == (4, 0)
    assert set(statuses(database).values()) == {"paused"}
    assert ask("monitors", "delete", "locked", "m-theirs")["deleted"] == ["locked", "theirs"]


@pytest.mark.usefixtures("watched")
def test_a_paused_monitor_is_shown_as_such_and_goes_on_when_it_is_resumed(
    console: Console, ask: AskJson, database: Database
) -> None:
    assert ask("monitors", "pause", "--all", "--as", "acme")["locked"] == ["locked"]
    ask("monitors", "disable", "theirs")
    assert {one["name"]: one["status"] for one in ask("monitors", "list")["monitors"]} == {
        "operators": "active", "mine": "paused", "locked": "active", "theirs": "inactive",
    }  # fmt: skip
    assert "mine (m-mine) of acme: paused" in console("monitors", "show", "mine").stdout
    assert "2 active, 1 paused, 1 inactive" in console("status").stdout
    came = ask("monitors", "resume", "--all")
    assert (came["resumed"], sorted(came["unchanged"])) == (["mine"], ["locked", "operators", "theirs"])
    assert rows(database, "select 1 from monitors where paused_at is not null") == []


@pytest.mark.usefixtures("watched")
def test_a_disabled_monitor_is_not_paused_and_enabling_ends_a_pause(ask: AskJson, database: Database) -> None:
    ask("monitors", "disable", "mine")
    assert ask("monitors", "pause", "mine")["unchanged"] == ["mine"]
    ask("monitors", "enable", "mine")
    ask("monitors", "pause", "mine")
    assert ask("monitors", "enable", "mine")["enabled"] == ["mine"]
    assert statuses(database)["mine"] == "active"


@pytest.mark.usefixtures("watched")
def test_a_file_carries_pauses_and_ends_them(console: Console, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "monitors.csv"
    console("monitors", "pause", "mine")
    console("monitors", "export", file)
    console("monitors", "resume", "mine")
    console("monitors", "import", file, "--no-check")
    assert statuses(database)["mine"] == "paused"
    file.write_text(file.read_text("utf-8-sig").replace("paused", "active"))
    console("monitors", "import", file, "--no-check")
    assert rows(database, "select status, paused_at from monitors where name = 'mine'") == [("active", None)]


@pytest.mark.usefixtures("watched")
def test_a_name_that_several_owners_use_has_to_be_said_by_uid(console: Console, database: Database) -> None:
    do(database, "update monitors set name = 'same' where name in ('mine', 'theirs')")
    assert "Several monitors are called same" in console("monitors", "disable", "same").stderr
    assert console("monitors", "disable", "same", "--as", "acme").exit_code == 0
    assert rows(database, "select uid from monitors where status = 'inactive'") == [("m-mine",)]


def test_enabling_does_not_stand_in_for_a_check_that_has_not_passed(ask: AskJson, database: Database) -> None:
    a_stored_monitor(database, STOP)
    do(database, "update monitors set status = 'inactive', inactive_reason = '{}'")
    came = ask("monitors", "enable", "replies")
    assert (came["enabled"], came["waiting"]) == ([], ["replies"])
    assert statuses(database) == {"replies": "inactive"}


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "mine"), ("disable", "mine"), ("delete", "mine"), ("export",)]
)
def test_a_feature_that_is_switched_off_is_not_there(
    console: Console, database: Database, arguments: tuple[str, ...]
) -> None:
    a_limit(database, "acme", 0)
    result = console("monitors", *arguments, "--as", "acme")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "There is nothing of that name here.\n"
    assert console("monitors", *arguments).exit_code == 0
    assert statuses(database).get("operators") == "active"


def test_a_customer_that_is_not_there_is_said(console: Console) -> None:
    assert console("monitors", "list", "--as", "nobody").stderr == "There is no customer nobody.\n"


def test_bounce_servers_have_the_same_commands(ask: AskJson, database: Database) -> None:
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_bounce_servers": -1})
    a_bounce_server(database, name="operators")
    a_bounce_server(database, name="mine", customer="acme")
    assert [one["name"] for one in ask("servers", "list", "--as", "acme")["bounce_servers"]] == ["mine"]
    assert ask("servers", "disable", "--all", "--as", "acme")["disabled"] == ["mine"]
    assert ask("servers", "delete", "mine", "--as", "acme")["deleted"] == ["mine"]
    assert rows(database, "select name from bounce_servers") == [("operators",)]


def test_the_log_of_a_deleted_monitor_stays(console: Console, ask: AskJson, database: Database) -> None:
    a_subscriber(database)
    answered(database, MonitorAction.UNSUBSCRIBE)
    console("monitors", "delete", "replies")
    assert [one["monitor"] for one in ask("actions", "log")["actions"]] == ["replies"]
    assert [one["monitor"] for one in ask("monitors", "log", "replies")["actions"]] == ["replies"]


def test_what_a_customers_deleted_monitor_did_stays_its_own_to_see_and_to_undo(
    console: Console, ask: AskJson, database: Database
) -> None:
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1})
    a_subscriber(database)
    done = answered(database, MonitorAction.UNSUBSCRIBE, customer="acme")
    console("monitors", "delete", "replies", "--as", "acme")
    a_stored_monitor(database, STOP, customer="globex")  # of the same name

    for command in (("actions", "log"), ("monitors", "log", "replies")):
        [row] = ask(*command, "--as", "acme")["actions"]
        assert (row["log_id"], row["owner"], row["customer"]) == (done, "acme", "acme")
        assert ask(*command, "--as", "globex")["actions"] == []
    assert "monitor replies of acme read mail 1" in console("why", READER, "--customer", "acme").stdout
    assert "replies" not in console("why", READER, "--customer", "globex").stdout
    assert console("actions", "undo", done, "--as", "globex").exit_code == 2
    assert console("actions", "undo", done, "--as", "acme").exit_code == 0


def test_the_log_of_a_deleted_monitor_is_not_there_for_another_customer(console: Console, database: Database) -> None:
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1})
    a_subscriber(database)
    a_customer(database, "globex")
    answered(database, MonitorAction.UNSUBSCRIBE, customer="acme")
    console("monitors", "delete", "replies")
    refused = console("monitors", "log", "replies", "--as", "globex")
    assert (refused.exit_code, refused.stderr) == (2, "There is no monitor replies.\n")


def test_a_condition_whose_list_is_gone_is_shown_as_invalid(console: Console, database: Database) -> None:
    a_list(database, "vips")
    a_stored_monitor(database, Condition("vip", MonitorAction.MOVE_TO_LIST, target="vips"), STOP, customer="acme")
    assert "invalid" not in console("monitors", "show", "replies").stdout
    do(database, "delete from lists")
    shown = console("monitors", "show", "replies").stdout
    assert "1. body contains 'vip' → move to list vips  invalid: list vips is not there any more" in shown
    assert "2. body contains 'stop' → unsubscribe" in shown


@pytest.mark.parametrize("feature", list(Feature))
def test_creations_at_once_do_not_pass_the_limit(database: Database, feature: Feature) -> None:
    a_customer(database)
    mailbox_id = a_mailbox(database)
    a_limit(database, "acme", 2)

    def create(number: int) -> bool:
        try:
            with database.transaction() as connection:
                customer_limits.take_places(connection, Role("acme"), feature)
                connection.execute(
                    f"insert into {feature.value} (uid, customer_id, mailbox_id, name)"
                    " select %(uid)s, id, %(mailbox)s, %(uid)s from customers where uid = 'acme'".encode(),
                    {"uid": f"s{number}", "mailbox": mailbox_id},
                )
        except LimitReached:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(create, range(8)))

    assert made.count(True) == 2


@pytest.mark.parametrize(("limits", "more", "passes"), [(-1, 1_000, True), (2, 2, True), (2, 3, False)])
def test_places_are_counted_with_what_there_is(database: Database, limits: int, more: int, passes: bool) -> None:
    a_customer(database)
    a_limit(database, "acme", limits)
    with database.transaction() as connection:
        customer_limits.take_places(connection, Role(), Feature.MONITORS, 10_000)  # the operator is never held by it
        if passes:
            customer_limits.take_places(connection, Role("acme"), Feature.MONITORS, more)
        else:
            with pytest.raises(LimitReached):
                customer_limits.take_places(connection, Role("acme"), Feature.MONITORS, more)
