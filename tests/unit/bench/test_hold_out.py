"""The hold-out report takes away what one family alone shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import hold_out

HEADER = "corpus,file,family,expected_class,accept\n"


def notice(reply: str) -> str:
    return (
        "Return-Path: <>\nFrom: MAILER-DAEMON@relay.example.org\nTo: news@sender.example.com\nSubject: failure notice\n\n"
        f"<rita@reader.example.net>:\n{reply}\n"
    )


def test_a_pattern_that_two_families_need_is_kept_and_one_familys_own_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mails" / "c"
    folder.mkdir(parents=True)
    (folder / "1").write_text(notice("552 5.0.0 disk quota"), "utf-8")
    (folder / "2").write_text(notice("552 5.0.0 disk quota"), "utf-8")
    (folder / "3").write_text(notice("550 5.0.0 spamtrap"), "utf-8")
    rows = "c,1,one,soft,\nc,2,two,soft,\nc,3,two,internal,\n"
    labels = tmp_path / "labels.csv"
    labels.write_text(HEADER + rows, "utf-8")
    assert hold_out.main([str(labels), str(tmp_path / "mails")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "all rules: mails 3 lenient 100.00 strict 100.00 false_hard 0.00 (0)" in lines
    assert "held out:  mails 3 lenient 100.00 strict 100.00 false_hard 0.00 (0)" in lines
    (folder / "2").write_text(notice("550 5.0.0 spamtrap"), "utf-8")
    labels.write_text(HEADER + rows.replace("c,2,two,soft", "c,2,two,internal"), "utf-8")
    assert hold_out.main([str(labels), str(tmp_path / "mails")]) == 0
    assert "held out:  mails 3 lenient 66.67 strict 66.67 false_hard 0.00 (0)" in capsys.readouterr().out
