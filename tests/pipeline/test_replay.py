"""The time machine: today's rules over stored mail, through real queues; said first, then done, then undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.contracts.commands import ClassifyReplay
from shared.contracts.events import ReplayClassified
from shared.storage import operator_rules
from shared.storage.database import Database
from tests.integration.shared.storage.looking import column, do, rows, value
from tests.pipeline.queues import Command, Process, Queues, ended, reports
from tests.waiting import until

GONE = "550 5.1.1 user unknown"
FULL = "550 the box of this colleague is frozen for now"
RULES = """
[[rule]]
id = "frozen"
class = "hard"
text = ["colleague * frozen"]
examples = ["550 the box of this colleague is frozen for now"]

[[rule]]
id = "unknown-for-a-day"
class = "soft"
reason = "mailboxfull"
text = ["5.1.1 user unknown"]
examples = ["550 5.1.1 user unknown"]
"""
STATE = """
    select 'log', id::text, bounce_class, rule, rule_set, effect from bounce_log
    union all select 'entry', address, source, bounce_id::text, added_at::text, null from blacklist
    union all select 'subscriber', email, status, null, null, null from subscribers
    union all select 'mail', id::text, bounce_class, rule, rule_set, md5(finding::text) from fetched_mail
    order by 1, 2
"""


@pytest.fixture
def bounced(queues: Queues) -> list[str]:
    """Three addresses that are unknown, blacklisted; two of frozen colleagues, logged; by our own rules."""
    addresses, mails = reports(queues.database, [GONE] * 3 + [FULL] * 2)
    queues.serve(mails)
    classes = column(queues.database, "select bounce_class from bounce_log order by id")
    assert sorted(classes) == ["hard", "hard", "hard", "soft", "soft"]
    assert value(queues.database, "select count(*) from blacklist") == 3
    return addresses


def load(database: Database, text: str = RULES) -> None:
    """As `rules load` does with rules that it has checked."""
    with database.transaction() as connection:
        operator_rules.put_in_force(connection, text, "tests")


def replay(queues: Queues, command: Command, *arguments: object) -> Any:
    """`bounces replay …` while the services work; its answer."""
    with queues.line():
        result = command("bounces", "replay", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@contextmanager
def asked(queues: Queues) -> Iterator[Process]:
    """A replay that was asked for while nothing is at work; its command waits."""
    process = queues.started("bounces", "replay", "--apply")
    try:
        assert until(lambda: value(queues.database, "select count(*) = 1 from replay_parts"), 30)
        yield process
    finally:
        process.kill()
        process.communicate()


def counts(found: Any) -> dict[tuple[str, str], int]:
    """Rows by class, from and to."""
    return {(one["before"], one["after"]): one["number"] for one in found["by_class"]}


def statuses(database: Database) -> list[str]:
    """Of the subscribers, in order."""
    return column(database, "select status from subscribers order by id")


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    load(queues.database)
    before = rows(queues.database, STATE)
    found = replay(queues, command, "--since", "30d", "--dry-run")
    assert rows(queues.database, STATE) == before
    assert counts(found) == {("hard", "soft"): 3, ("soft", "hard"): 2}
    assert {(one["before"], one["after"]) for one in found["by_rule"]} >= {
        ("dsn.user-unknown", "own.unknown-for-a-day")
    }
    freed = sorted(one["address"] for one in found["entries"] if one["after"] is None)
    added = sorted(one["address"] for one in found["entries"] if one["before"] is None)
    assert (freed, added) == (bounced[:3], bounced[3:])
    assert (found["totals"]["blacklisted"], found["totals"]["freed"], found["totals"]["subscribers"]) == (2, 3, 5)


def test_an_applied_replay_does_what_the_dry_run_said_and_an_undo_restores_every_row(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    before = rows(queues.database, STATE)
    load(queues.database)
    said = replay(queues, command, "--dry-run")
    done = replay(queues, command, "--apply")
    for part in ("by_class", "by_rule", "totals"):
        assert done[part] == said[part]
    assert statuses(queues.database) == ["confirmed"] * 3 + ["blacklisted"] * 2
    assert column(queues.database, "select address from blacklist order by address") == bounced[3:]
    assert column(queues.database, "select distinct rule_set like '%%+own-%%' from bounce_log") == [True]
    run = done["run"]["run_id"]
    assert json.loads(command("bounces", "undo", run, "--json").stdout)["kept"] == []
    assert rows(queues.database, STATE) == before
    assert statuses(queues.database) == ["blacklisted"] * 3 + ["confirmed"] * 2


def test_a_second_replay_finds_nothing_left_to_change(queues: Queues, command: Command, bounced: list[str]) -> None:
    load(queues.database)
    replay(queues, command, "--apply")
    again = replay(queues, command, "--apply")
    assert again["totals"] | {"kept": None} == {
        "rows": 0, "mails": 0, "blacklisted": 0, "freed": 0, "subscribers": 0, "undone": 0, "kept": None,
    }  # fmt: skip
    assert bounced


def test_an_undo_leaves_what_an_operator_or_a_later_run_changed(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    load(queues.database)
    first = replay(queues, command, "--apply")["run"]["run_id"]
    command("blacklist", "add", bounced[0], "--customer", "acme")  # freed by the run, wanted by an operator
    command("blacklist", "add", bounced[3], "--customer", "acme")  # added by the run, wanted by an operator too
    load(queues.database, RULES.replace('class = "hard"', 'class = "soft"').replace("[[rule]]", "[[rule]]", 1))
    later = replay(queues, command, "--apply")["run"]["run_id"]
    assert rows(queues.database, "select bounce_class from bounce_log order by id") == [("soft",)] * 5
    kept = json.loads(command("bounces", "undo", first, "--json").stdout)["kept"]
    assert {(one["what"], one["address"], one["kept"]) for one in kept} >= {
        ("blacklist", bounced[0], "there_again"),
        ("subscriber", bounced[0], "changed"),
        ("blacklist", bounced[3], "operator"),
        ("log_row", bounced[3], "changed"),
        ("log_row", bounced[4], "changed"),
    }
    sources = rows(queues.database, "select address, source from blacklist order by address")
    assert (bounced[0], "operator") in sources
    assert bounced[4] not in dict(sources)
    assert statuses(queues.database) == ["blacklisted"] * 4 + ["confirmed"]
    assert later == first + 1


def test_an_address_is_freed_only_if_no_other_hard_bounce_holds_it(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    do(
        queues.database,
        "insert into bounce_log (mail_id, provider, mailbox, provider_mail_id, reported, recipient, bounce_class, tier, rule,"
        " rule_set, reason, customer_id, matched_by, effect)"
        " select mail_id, provider, mailbox, 'elsewhere', reported, recipient, 'hard', tier, 'dsn.other', rule_set, reason,"
        " customer_id, matched_by, 'blacklisted' from bounce_log where recipient = %s",
        bounced[0],
    )
    load(queues.database)
    done = replay(queues, command, "--apply")
    assert done["totals"]["freed"] == 2
    entry = "select bounce_id = (select id from bounce_log where provider_mail_id = 'elsewhere') from blacklist where address = %s"
    assert rows(queues.database, entry, bounced[0]) == [(True,)]
    assert statuses(queues.database)[:3] == ["blacklisted", "confirmed", "confirmed"]
    command("bounces", "undo", done["run"]["run_id"])
    assert rows(queues.database, entry, bounced[0]) == [(False,)]
    assert statuses(queues.database)[:3] == ["blacklisted"] * 3


def test_a_rule_that_says_no_failure_frees_and_the_row_stays_as_history(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    load(queues.database, RULES.replace('class = "soft"\nreason = "mailboxfull"', 'class = "none"'))
    done = replay(queues, command, "--apply")
    assert counts(done) == {("hard", "none"): 3, ("soft", "hard"): 2}
    assert (
        value(queues.database, "select count(*) from bounce_log where bounce_class = 'none' and effect = 'logged'") == 3
    )
    story = command("why", bounced[0]).stdout
    assert "run 1 (replay)" in story
    assert "hard → none" in story


def test_a_report_that_older_rules_missed_gets_its_row_and_an_undo_removes_it(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    for statement in (
        "delete from bounce_log where recipient = %s",
        "delete from blacklist where address = %s",
        "delete from subscriber_changes where subscriber_id = (select id from subscribers where email = %s)",
        "update subscribers set status = 'confirmed' where email = %s",
    ):
        do(queues.database, statement, bounced[0])
    before = rows(queues.database, STATE)
    said = replay(queues, command, "--dry-run")
    assert (counts(said), said["totals"]["blacklisted"]) == ({("-", "hard"): 1}, 1)
    done = replay(queues, command, "--apply")
    assert done["totals"] == said["totals"]
    entry = "select b.recipient, b.effect from blacklist x join bounce_log b on b.id = x.bounce_id where x.address = %s"
    assert rows(queues.database, entry, bounced[0]) == [(bounced[0], "blacklisted")]
    assert statuses(queues.database)[:3] == ["blacklisted"] * 3
    assert json.loads(command("bounces", "undo", done["run"]["run_id"], "--json").stdout)["kept"] == []
    assert rows(queues.database, STATE) == before


def test_mails_without_a_stored_copy_are_counted_and_left_alone(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    do(queues.database, "update fetched_mail set raw_on = null where id in (select mail_id from bounce_log where recipient = %s)",
       bounced[0])  # fmt: skip
    load(queues.database)
    found = replay(queues, command, "--dry-run", "--mailbox", "Bounces@news.example.com")
    assert found["run"]["figures"] | {"rule_sets": 0} == {
        "parts": 1, "mails": 4, "without_copy": 1, "not_kept": 0, "rule_sets": 0,
    }  # fmt: skip
    assert counts(found)["hard", "soft"] == 2
    assert replay(queues, command, "--dry-run", "--mailbox", "other@example.com")["run"]["figures"]["mails"] == 0


def test_a_command_that_is_ended_and_said_again_goes_on_with_its_run(
    queues: Queues, command: Command, bounced: list[str]
) -> None:
    load(queues.database)
    with asked(queues) as left:
        left.kill()
    assert command("bounces", "replay", "--dry-run").returncode == 2  # one replay at a time
    again = queues.started("bounces", "replay", "--apply", "--json")
    assert again.stderr is not None
    assert "Run 1 goes on" in again.stderr.readline()
    with queues.line():
        found = json.loads(ended(again).stdout)
    assert value(queues.database, "select count(*) from effect_runs where kind = 'replay'") == 1
    assert found["totals"]["rows"] == 5
    assert bounced


def test_lost_and_doubled_messages_and_stopped_services_cost_time_only(queues: Queues, bounced: list[str]) -> None:
    load(queues.database)
    with asked(queues) as waiting:
        queues.lose(ClassifyReplay)
        with queues.at_work(queues.classifier, queues.scheduler):
            assert until(lambda: value(queues.database, "select stage = 'classified' from replay_parts"), 30)
        queues.lose(ReplayClassified)
        with queues.at_work(queues.scheduler):
            assert until(lambda: value(queues.database, "select republished > 0 from replay_parts"), 30)
        queues.repeat(ReplayClassified, run_id=1, part=1)  # each under an id of its own: no inbox knows them
        with queues.line():
            assert ended(waiting).returncode == 0
            queues.repeat(ReplayClassified, run_id=1, part=1)
            queues.repeat(ClassifyReplay, run_id=1, part=1)
            assert until(queues.empty, 60)
    applied = "select count(*) from run_effects where what = 'log_row' and applied_at is not null"
    assert value(queues.database, applied) == 5
    assert statuses(queues.database) == ["confirmed"] * 3 + ["blacklisted"] * 2
    assert value(queues.database, "select count(*) from subscriber_changes") == 3 + 5
    assert bounced


def test_a_replay_that_is_abandoned_changes_nothing(queues: Queues, command: Command, bounced: list[str]) -> None:
    load(queues.database)
    before = rows(queues.database, STATE)
    with asked(queues) as waiting:
        assert command("bounces", "replay", "--abandon", 1).returncode == 0
        assert "changed nothing" in ended(waiting).stdout
    with queues.line():
        assert until(queues.empty, 60)
    assert rows(queues.database, STATE) == before
    assert command("bounces", "replay", "--abandon", 1).returncode == 2
    assert bounced


def test_rules_that_are_loaded_change_the_class_of_the_next_mail_within_ten_seconds(
    queues: Queues, command: Command, tmp_path: Any
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(RULES)
    _, mails = reports(queues.database, [FULL])
    with queues.line():
        queues.publish(mails[:1])
        assert until(lambda: value(queues.database, "select count(*) from bounce_log") == 1, 30)
        assert command("rules", "load", file).returncode == 0
        rule = "select rule, bounce_class, effect from bounce_log where mail_id = %s"

        def next_mail_is_hard() -> bool:
            number = value(queues.database, "select count(*) from fetched_mail")
            _, (mail_id,) = reports(queues.database, [FULL], first=number + 1)
            queues.publish([mail_id])
            assert until(lambda: rows(queues.database, rule, mail_id), 10)
            return rows(queues.database, rule, mail_id) == [("own.frozen", "hard", "blacklisted")]

        assert until(next_mail_is_hard, 30)
    assert rows(queues.database, rule, mails[0])[0][1] == "soft"
