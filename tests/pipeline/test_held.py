"""A burst of hard bounces through the whole line: two actions processes, every message more than once, then a person decides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.shared.storage.looking import rows, value
from tests.pipeline.queues import Command, Queues, reports
from tests.waiting import until

UNKNOWN = "550 5.1.1 <{address}>: user unknown"
MOST, BATCH = 50, 5


@pytest.fixture
def held(queues: Queues) -> int:
    """70 reports alike, each told twice; returns how many were blacklisted before the guard held the rest."""
    _, mails = reports(queues.database, [UNKNOWN] * 70)
    queues.serve(mails, times=2)
    found = dict(rows(queues.database, "select effect, count(*) from bounce_log group by 1"))
    assert found["blacklisted"] + found["held"] == 70
    assert MOST <= found["blacklisted"] <= MOST + BATCH  # two processes: one batch too many at most
    return int(found["blacklisted"])


def answer(command: Command, *arguments: object) -> Any:
    """What `--json` says."""
    return json.loads(command(*arguments, "--json").stdout)


def consistent(queues: Queues, blacklisted: int) -> bool:
    """Whether log, entries and subscribers say the same."""
    log = value(queues.database, "select count(*) from bounce_log where effect = 'blacklisted'")
    entries = value(queues.database, "select count(*) from blacklist")
    stopped = value(queues.database, "select count(*) from subscribers where status = 'blacklisted'")
    return (log, entries, stopped) == (blacklisted,) * 3


def test_a_burst_is_held_listed_shown_and_told(queues: Queues, command: Command, held: int) -> None:
    assert consistent(queues, held)
    (hold,) = answer(command, "bounces", "held", "list")["holds"]
    assert (hold["kind"], hold["name"], hold["held"]) == ("diagnostic", "550 5.1.1 <address> user unknown", 70 - held)
    shown = answer(command, "bounces", "held", "show", hold["hold_id"])
    assert (len(shown["held"]), len(shown["applied_before"])) == (70 - held, held)
    status = answer(command, "status")
    assert [reason["code"] for reason in status["reasons"] if "held" in reason["code"]] == ["bounces_held"]
    address = shown["held"][0]["recipient"]
    assert "was held for review by hold 1: “550 5.1.1 <address> user unknown”" in command("why", address).stdout
    assert "550 5.1.1 <address>" not in command("why", address, "--customer", "acme").stdout


def test_a_release_a_second_one_and_its_undo(queues: Queues, command: Command, held: int) -> None:
    run = answer(command, "bounces", "held", "release", 1)["runs"]["1"]
    assert answer(command, "bounces", "held", "release", 1)["runs"] == {"1": None}
    assert consistent(queues, 70)
    assert answer(command, "bounces", "undo", run)["kept"] == []
    assert consistent(queues, held)
    assert answer(command, "bounces", "held", "list")["holds"][0]["held"] == 70 - held


def test_a_discard_and_taking_back_what_came_before_leave_nobody_blacklisted(
    queues: Queues, command: Command, held: int
) -> None:
    assert command("bounces", "held", "discard", 1).returncode == 0
    assert consistent(queues, held)
    assert answer(command, "bounces", "held", "take-back", 1)["totals"]["freed"] == held
    assert consistent(queues, 0)
    assert value(queues.database, "select count(*) from bounce_log where effect = 'logged'") == 70


def test_a_release_in_the_middle_of_a_burst_loses_and_doubles_nothing(
    queues: Queues, command: Command, held: int
) -> None:
    """What a process held that did not know yet of the release is in the list, and released by saying it again."""
    _, more = reports(queues.database, [UNKNOWN] * 30, first=71)
    with queues.line():
        queues.publish(more)
        assert command("bounces", "held", "release", "--all").returncode == 0
        assert until(queues.served, 60)
    assert command("bounces", "held", "release", "--all").returncode in (0, 2)
    assert consistent(queues, 100)
    assert held
