"""`monitors extract` on the command line: an object per file for scripts, the cut blocks for people."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from services.classifier.cli import app

MAIL = str(Path(__file__).parents[3] / "mails" / "replies" / "iphone_german.eml")
RUNNER = CliRunner()


def test_jsonl_gives_file_case_and_reply_of_mails_texts_and_html(tmp_path: Path) -> None:
    text, html = tmp_path / "a.b.txt", tmp_path / "c.html"
    text.write_text("Löschen bitte\n\n> Sale\n", "utf-8")
    html.write_text("<p>stop</p><blockquote>Sale</blockquote>", "utf-8")
    run = RUNNER.invoke(app, ["monitors", "extract", "--jsonl", MAIL, str(text), str(html)])
    assert run.exit_code == 0
    assert [json.loads(line) for line in run.stdout.splitlines()] == [
        {"file": MAIL, "case": "iphone_german", "reply": "Danke, kein Interesse!"},
        {"file": str(text), "case": "a.b", "reply": "Löschen bitte"},
        {"file": str(html), "case": "c", "reply": "stop"},
    ]


def test_files_may_be_listed_in_a_file(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{MAIL}\n")
    run = RUNNER.invoke(app, ["monitors", "extract", "--jsonl", "--files-from", str(listed)])
    assert [json.loads(line)["file"] for line in run.stdout.splitlines()] == [MAIL]


def test_for_a_person_each_block_says_what_it_is() -> None:
    run = RUNNER.invoke(app, ["monitors", "extract", MAIL])
    first, *lines = run.stdout.splitlines()
    assert first == f"{MAIL}: found, plain"
    assert lines[0].split() == ["|", "Danke,", "kein", "Interesse!"]
    assert any(line.startswith("  device_signature  | Von meinem iPhone") for line in lines)


def test_the_sent_mails_lines_are_taken_out(tmp_path: Path) -> None:
    text, sent = tmp_path / "reply.txt", tmp_path / "sent.txt"
    text.write_text("no thanks\n\nOur big sale has begun today\nUnsubscribe here\n")
    sent.write_text("Our big sale has begun today\nUnsubscribe here\n")
    run = RUNNER.invoke(app, ["monitors", "extract", "--jsonl", "--sent", str(sent), str(text)])
    assert json.loads(run.stdout)["reply"] == "no thanks"


def test_a_missing_file_is_told_and_ends_with_1_after_the_others(tmp_path: Path) -> None:
    run = RUNNER.invoke(app, ["monitors", "extract", "--jsonl", str(tmp_path / "none.eml"), MAIL])
    assert run.exit_code == 1
    assert len(run.stdout.splitlines()) == 1
    assert "none.eml" in run.stderr
