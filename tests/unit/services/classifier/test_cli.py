"""`classify` on the command line: an object per file for scripts, a table for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.classifier.cli import app

MAILS = Path(__file__).parents[3] / "mails"
BOUNCE = str(MAILS / "bounces" / "user_unknown_by_postfix.eml")
REDACTED = str(MAILS / "complaints" / "redacted_report.eml")
HUMAN = str(MAILS / "not_bounces" / "person_quotes_a_bounce.eml")
RUNNER = CliRunner()


def test_jsonl_gives_one_object_per_file_with_the_path_as_given() -> None:
    run = RUNNER.invoke(app, ["classify", "--jsonl", BOUNCE, HUMAN])
    first, second = (json.loads(line) for line in run.stdout.splitlines())
    assert run.exit_code == 0
    assert (first["file"], first["class"], first["tier"], first["rule"]) == (BOUNCE, "hard", 2, "dsn.user-unknown")
    assert (first["status"], first["reply"]) == ("5.1.1", "550")
    assert (
        first["recipients"][0].items()
        >= {"address": "rita@reader.example.net", "class": "hard", "status": "5.1.1", "reply": "550"}.items()
    )
    assert (second["class"], second["recipients"], second["tier"], second["rule"]) == ("none", [], None, None)


def test_jsonl_names_no_recipient_of_a_redacted_complaint() -> None:
    run = RUNNER.invoke(app, ["classify", "--jsonl", REDACTED])
    told = json.loads(run.stdout)
    assert (told["class"], told["recipients"], told["rule"]) == ("feedback_loop", [], "arf.abuse")
    assert told["references"], "what such a complaint acts by"


def test_files_may_be_listed_in_a_file_or_on_standard_input(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{BOUNCE}\n\n{HUMAN}\n")
    by_file = RUNNER.invoke(app, ["classify", "--jsonl", "--files-from", str(listed)])
    by_input = RUNNER.invoke(app, ["classify", "--jsonl", "--files-from", "-"], input=listed.read_text())
    assert [json.loads(line)["file"] for line in by_file.stdout.splitlines()] == [BOUNCE, HUMAN]
    assert by_input.stdout == by_file.stdout


def test_people_get_a_table() -> None:
    run = RUNNER.invoke(app, ["classify", BOUNCE, REDACTED, HUMAN], env={"COLUMNS": "220"})
    assert run.exit_code == 0
    assert "rita@reader.example.net" in run.stdout
    assert "(redacted)" in run.stdout
    assert "none (human)" in run.stdout


def test_a_file_that_is_not_there_is_told_and_the_others_are_classified(tmp_path: Path) -> None:
    run = RUNNER.invoke(app, ["classify", "--jsonl", str(tmp_path / "gone.eml"), BOUNCE])
    assert run.exit_code == 1
    assert "gone.eml: No such file or directory" in run.stderr
    assert len(run.stdout.splitlines()) == 1


def test_nothing_to_classify_is_an_error() -> None:
    assert RUNNER.invoke(app, ["classify"]).exit_code == 2
    assert RUNNER.invoke(app, ["classify", "--files-from", "/nowhere/list"]).exit_code == 2


GOOD = '[[rule]]\nid = "mine"\nclass = "soft"\ntext = ["user unknown"]\nexamples = ["550 user unknown"]\n'


def test_an_explanation_tells_tiers_rule_hit_and_what_would_follow() -> None:
    run = RUNNER.invoke(app, ["classify", "--explain", BOUNCE, HUMAN])
    assert run.exit_code == 0
    lines = [line.strip() for line in run.stdout.splitlines()]
    assert lines[0].startswith(f"{BOUNCE}: hard (dsn), rules ")
    assert "tier 2 decides: 1 report part(s) with 1 recipient(s)" in lines
    assert any(line.startswith("hit: user unknown   by the pattern:") for line in lines)
    assert "follows: blacklisted, if it is tied to a mail that was sent to this recipient" in lines
    assert "so it is no bounce: human" in lines


def test_control_characters_of_a_mail_do_not_reach_the_terminal(tmp_path: Path) -> None:
    mail = tmp_path / "evil.eml"
    mail.write_bytes(Path(BOUNCE).read_bytes().replace(b"User unknown", b"User unknown \x1b[2J\x07"))
    run = RUNNER.invoke(app, ["classify", "--explain", str(mail)])
    assert run.exit_code == 0
    assert "\x1b" not in run.stdout


def test_rules_are_checked_with_file_line_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    good = RUNNER.invoke(app, ["rules", "check", str(file)])
    assert (good.exit_code, good.stdout[:40]) == (0, f"{file}: 1 rules are good, version own-"[:40])
    file.write_text("\n" + GOOD.replace("soft", "bouncy"))
    bad = RUNNER.invoke(app, ["rules", "check", str(file)])
    assert bad.exit_code == 1
    assert f"{file}:2: class is 'bouncy'" in bad.stderr
    file.write_text(GOOD.replace('["550 user unknown"]', '["550 hello"]'))
    unreached = RUNNER.invoke(app, ["rules", "check", str(file)])
    assert unreached.exit_code == 1
    assert f"{file}:1: example '550 hello' does not reach own.mine" in unreached.stderr
    assert RUNNER.invoke(app, ["rules", "check", str(tmp_path / "gone.toml")]).exit_code == 1


def test_rules_are_tried_on_mails_before_they_are_in_force(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    run = RUNNER.invoke(app, ["rules", "test", str(file), BOUNCE, HUMAN])
    assert run.exit_code == 0
    assert f"{BOUNCE}: hard by dsn.user-unknown -> soft by own.mine" in run.stdout
    assert "1 of 2 mails change" in run.stdout


def test_rules_are_listed_in_the_order_in_which_they_are_asked(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    run = RUNNER.invoke(app, ["rules", "list", str(file), "--width", "200"])
    assert run.exit_code == 0
    assert 0 < run.stdout.index("own.mine") < run.stdout.index("dsn.spam") < run.stdout.index("dsn.user-unknown")
    hard = RUNNER.invoke(app, ["rules", "list", "--class", "hard", "--width", "200"])
    assert "dsn.user-unknown" in hard.stdout
    assert "dsn.spam" not in hard.stdout


def test_a_file_of_rules_counts_for_classify_too(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    run = RUNNER.invoke(app, ["classify", "--jsonl", "--rules-file", str(file), BOUNCE])
    assert json.loads(run.stdout)["rule"] == "own.mine"


def test_the_file_that_the_environment_names_counts_and_may_be_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    monkeypatch.setenv("APICONNECT_RULES_FILE", str(file))
    absent = RUNNER.invoke(app, ["classify", "--jsonl", BOUNCE])
    file.write_text(
        '[[rule]]\nid = "ours"\nclass = "soft"\nreason = "full"\ntext = ["user unknown"]\nexamples = ["user unknown"]\n'
    )
    there = RUNNER.invoke(app, ["classify", "--jsonl", BOUNCE])
    assert (absent.exit_code, json.loads(absent.stdout)["class"]) == (0, "hard")
    assert (there.exit_code, json.loads(there.stdout)["rule"]) == (0, "own.ours")
