"""`bounces held`, `bounces runs`, `bounces undo`: a person's decisions about what the blast guard held."""

from __future__ import annotations

import pytest

from shared.storage.database import Database
from tests.builders import a_classified_mail, a_finding, a_recipient, a_reference
from tests.integration.handlers.actions.bursts import a_burst, a_setting, effects, subscribers
from tests.integration.services.console.running import AskJson, Console, act_on, rows
from tests.integration.shared.storage.looking import do, value


@pytest.fixture
def burst(database: Database) -> list[int]:
    """64 hard bounces alike: 50 blacklisted, then one hold, which holds 14."""
    mails = a_burst(database, 64)
    for mail_id in mails:
        act_on(database, mail_id)  # type: ignore[arg-type]
    assert effects(database) == {"blacklisted": 50, "held": 14}
    return mails


@pytest.mark.usefixtures("burst")
class TestHeld:
    def test_a_list_says_what_tripped_by_which_figures_and_what_waits(self, console: Console, ask: AskJson) -> None:
        (hold,) = ask("bounces", "held", "list")["holds"]
        assert (hold["kind"], hold["hits"], hold["usual"], hold["held"]) == ("diagnostic", 50, 0.0, 14)
        result = console("bounces", "held", "list")
        assert result.exit_code == 1
        assert "550 5.1.1 <address> user unknown" in result.stdout

    def test_a_hold_shows_what_is_held_and_what_came_before(self, ask: AskJson) -> None:
        shown = ask("bounces", "held", "show", 1)
        assert len(shown["held"]) == 14
        assert len(shown["applied_before"]) == 50
        assert shown["held"][0]["recipient"] == "reader51@d51.example.net"

    def test_a_release_applies_what_is_held_once(self, console: Console, database: Database, ask: AskJson) -> None:
        assert console("bounces", "held", "release", 1).exit_code == 0
        assert effects(database) == {"blacklisted": 64}
        assert subscribers(database) == {"blacklisted": 64}
        assert value(database, "select count(*) from blacklist where source = 'hard_bounce'") == 64
        assert ask("bounces", "held", "release", 1) == {"runs": {"1": None}}
        assert console("bounces", "held", "list").stdout == "✓ Nothing is held.\n"

    def test_after_a_release_the_same_is_not_held_again_for_a_day(self, console: Console, database: Database) -> None:
        console("bounces", "held", "release", "--all")
        for mail_id in a_burst(database, 3, first=65):
            act_on(database, mail_id)  # type: ignore[arg-type]
        assert effects(database) == {"blacklisted": 67}
        do(database, "update bounce_holds set passes_until = now()")
        for mail_id in a_burst(database, 3, first=68):
            act_on(database, mail_id)  # type: ignore[arg-type]
        assert effects(database) == {"blacklisted": 67, "held": 3}

    def test_a_discard_leaves_them_logged_and_the_next_is_held_again(
        self, console: Console, database: Database
    ) -> None:
        assert console("bounces", "held", "discard", 1).exit_code == 0
        assert effects(database) == {"blacklisted": 50, "logged": 14}
        assert subscribers(database)["confirmed"] == 14
        act_on(database, a_burst(database, 1, first=65)[0])  # type: ignore[arg-type]
        assert effects(database)["held"] == 1
        assert rows(database, "select id, closed from bounce_holds order by id") == [(1, "discarded"), (2, None)]

    def test_what_came_before_is_taken_back_in_one_command(self, console: Console, database: Database) -> None:
        dry = console("bounces", "held", "take-back", 1, "--dry-run")
        assert (
            "would change: 50 rows of the log, 0 addresses blacklisted, 50 addresses freed, 50 subscribers"
            in dry.stdout
        )
        assert effects(database) == {"blacklisted": 50, "held": 14}
        assert subscribers(database) == {"blacklisted": 50, "confirmed": 14}
        assert console("bounces", "held", "take-back", 1).exit_code == 0
        assert effects(database) == {"logged": 50, "held": 14}
        assert subscribers(database) == {"confirmed": 64}
        assert value(database, "select count(*) from blacklist") == 0
        assert console("bounces", "held", "take-back", 1).stdout == "· There is nothing to take back.\n"

    def test_taking_back_frees_nobody_whom_something_else_holds(self, console: Console, database: Database) -> None:
        console("blacklist", "add", "reader1@d1.example.net", "--customer", "acme")
        a_setting(database, "hold_after_hard_bounces", 0)
        other = a_finding(
            a_recipient("reader2@d2.example.net", diagnostic="554 gone"),
            references=(a_reference("mail-2@news.example.com"),),
            message_id="again@mx.example.net",
        )
        do(database, "update bounce_holds set closed_at = now(), closed = 'quiet'")
        box = value(database, "select id from mailboxes")
        act_on(database, a_classified_mail(database, box, other, "again"))
        console("bounces", "held", "take-back", 1)
        left = rows(database, "select address, bounce_id from blacklist order by address")
        assert left == [("reader1@d1.example.net", 1), ("reader2@d2.example.net", 65)]
        assert subscribers(database) == {"blacklisted": 2, "confirmed": 62}
        kept = rows(database, "select address, kept from run_effects where kept is not null")
        assert kept == [("reader1@d1.example.net", "operator")]

    def test_a_release_can_be_undone_and_said_again(self, console: Console, database: Database, ask: AskJson) -> None:
        run = ask("bounces", "held", "release", 1)["runs"]["1"]
        undone = ask("bounces", "undo", run)
        assert (undone["undone"], undone["kept"]) == (3 * 14, [])
        assert effects(database) == {"blacklisted": 50, "held": 14}
        assert subscribers(database) == {"blacklisted": 50, "confirmed": 14}
        assert ask("bounces", "undo", run)["undone"] == 0
        assert ask("bounces", "held", "release", 1)["runs"]["1"] == run + 1
        assert effects(database) == {"blacklisted": 64}

    @pytest.mark.parametrize("decision", ["discard", "take-back"])
    def test_a_decision_of_any_kind_can_be_undone(
        self, decision: str, console: Console, database: Database, ask: AskJson
    ) -> None:
        entries = "select address, source, reason, bounce_id, added_at from blacklist order by id"
        before = rows(database, entries), effects(database), subscribers(database)
        console("bounces", "held", decision, 1)
        assert ask("bounces", "undo", 1)["kept"] == []
        assert (rows(database, entries), effects(database), subscribers(database)) == before

    def test_an_undo_leaves_what_changed_since_and_says_so(
        self, ask: AskJson, console: Console, database: Database
    ) -> None:
        run = ask("bounces", "held", "release", 1)["runs"]["1"]
        console("blacklist", "add", "reader60@d60.example.net", "--customer", "acme")
        do(database, "update subscribers set status = 'unsubscribed' where email = 'reader61@d61.example.net'")
        do(database, "update bounce_log set effect = 'logged' where recipient = 'reader62@d62.example.net'")
        dry = ask("bounces", "undo", run, "--dry-run")
        done = ask("bounces", "undo", run)
        assert (dry["undone"], dry["kept"]) == (done["undone"], done["kept"])
        assert {(one["what"], one["address"].partition("@")[0], one["kept"]) for one in done["kept"]} == {
            ("blacklist", "reader60", "operator"),
            ("subscriber", "reader60", "changed"),
            ("subscriber", "reader61", "changed"),
            ("log_row", "reader62", "changed"),
        }
        assert rows(database, "select status from subscribers where email like 'reader61%'") == [("unsubscribed",)]

    def test_runs_are_listed_with_what_they_did(self, console: Console, ask: AskJson) -> None:
        console("bounces", "held", "take-back", 1, "--dry-run")
        console("bounces", "held", "release", 1)
        console("bounces", "undo", 2)
        found = [
            (one["run"]["kind"], one["run"]["dry"], one["totals"]["rows"]) for one in ask("bounces", "runs")["runs"]
        ]
        assert found == [("release", False, 14), ("take_back", True, 50)]
        assert "undone by" in console("bounces", "runs").stdout
        assert console("bounces", "undo", 1).exit_code == 2
        assert console("bounces", "undo", 9).exit_code == 2

    def test_why_tells_of_a_held_bounce(self, console: Console) -> None:
        assert "effect: held by the blast guard" in console("why", "reader60@d60.example.net").stdout
