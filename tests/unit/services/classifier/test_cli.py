"""`classify` on the command line: an object per file for scripts, a table for people."""

from __future__ import annotations

import json
from pathlib import Path

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
