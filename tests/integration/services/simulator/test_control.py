"""The control client, starting and stopping, and the operators' commands."""

from __future__ import annotations

import json
import ssl
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.simulator.__main__ import start
from services.simulator.cli import app
from services.simulator.core.composing import OriginalMail, compose
from services.simulator.http.control_client import ControlRefused
from services.simulator.settings import SimulatorSettings

M365 = "bounces@contoso.example"
GMAIL = "bounces@corp.example"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("faults", {"kind": "nonsense"}, "unknown kind 'nonsense'"),
        ("faults", {"kind": "cut", "match": {"folder": "x"}}, "unknown match folder"),
        ("faults", {"kind": "cut", "match": {"provider": "graph"}}, "unknown provider 'graph'"),
        ("faults", {"kind": "cut", "match": {"operation": "mark_read"}}, "unknown operation 'mark_read'"),
        ("answers", {"kind": "hard"}, "a rule needs a recipient or a domain"),
        ("mails", {"provider": "google", "mailbox": "no@where.example", "raw": ""}, "no google mailbox"),
        ("mails", {"provider": "yahoo", "mailbox": "a@b.example", "raw": ""}, "provider must be"),
        ("mailboxes", {"provider": "google", "address": "a@b.example", "colour": 1}, "unknown field colour"),
        ("limits", {"speed": 3}, "unknown limit speed"),
        ("nothing", {}, "no such call"),
    ],
)
def test_a_wrong_control_call_says_what_is_wrong(bench: Any, path: str, body: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlRefused, match=words):
        bench.control.call("POST", path, body)


def test_the_control_api_tells_what_it_can(bench: Any) -> None:
    calls = bench.control.call("GET", "")["calls"]
    assert "{provider?, ms, batch_item_ms?}" in calls["POST /_control/latency"]
    assert all(calls.values())


BROKEN = (
    compose("broken_mime", OriginalMail("<a@b.example>", "", "a@b.example", "c@d.example"),
            at=datetime(2026, 11, 21, tzinfo=UTC), token="a1b2"),
    b"",
    b"no header at all",
    b"From: \xff\xfe <x\r\nSubject: =?utf-8?b?!!!?=\r\nTo: ,,,@\r\n\r\n\xff",
    (b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=nowhere;"
    b" name=\"\xe9.pdf\"\r\nContent-Disposition: attachment; filename*=x''%FF\r\n\r\nx\r\n--a--\r\n"),
)  # fmt: skip


@pytest.mark.parametrize("raw", BROKEN)
def test_broken_mail_is_served_in_every_form(bench: Any, raw: bytes) -> None:
    on_graph, on_gmail = bench.control.plant("microsoft", M365, raw), bench.control.plant("google", GMAIL, raw)
    graph, gmail = bench.graph(), bench.gmail()
    assert graph("GET", f"/messages/{on_graph}/$value").content == raw
    assert graph("GET", f"/messages/{on_graph}").json()["id"] == on_graph
    assert graph("GET", "/messages", params={"$select": "internetMessageHeaders"}).status_code == 200
    for form in ("full", "metadata", "minimal", "raw"):
        assert gmail("GET", f"/messages/{on_gmail}", params={"format": form}).json()["id"] == on_gmail


def test_five_thousand_mails_are_planted_in_seconds(bench: Any) -> None:
    raw = b"Subject: x\r\n\r\n" + b"y" * 5000
    ids = bench.control.plant_many("google", GMAIL, [raw] * 5000)
    assert len(set(ids)) == 5000
    (box,) = [one for one in bench.control.mailboxes() if one["address"] == GMAIL]
    assert box["places"] == {"INBOX": 5000, "UNREAD": 5000}


def test_a_process_of_its_own_serves_both_and_ends_when_told(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca" / "simulator.pem"
    running = start(SimulatorSettings(own_process=True, ca_file=ca_file, extra_names=("simulator",)))
    try:
        assert running.ca_file == ca_file
        trusting = ssl.create_default_context(cafile=str(ca_file))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting)
        )
        for url in (running.http_url, running.https_url):
            with opener.open(f"{url}/_control/health", timeout=20) as answer:
                assert json.load(answer)["status"] == "ok"
    finally:
        running.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(running.http_url, timeout=20)


def test_an_operator_plants_files_and_looks_at_the_mailbox(bench: Any, tmp_path: Path) -> None:
    mail = tmp_path / "one.eml"
    mail.write_bytes(b"Subject: by hand\r\nMessage-ID: <hand@example.com>\r\n\r\nx\r\n")
    runner, at = CliRunner(), ["--simulator", bench.simulator.http_url]
    planted = runner.invoke(app, ["plant", "google", GMAIL, str(mail), "--folder", "SPAM", *at])
    assert planted.exit_code == 0, planted.output
    shown = runner.invoke(app, ["state", "google", GMAIL, "--json", *at])
    (one,) = json.loads(shown.output)
    assert (one["subject"], one["places"], one["message_id"]) == ("by hand", ["SPAM", "UNREAD"], "<hand@example.com>")
    assert "by hand" in runner.invoke(app, ["state", "google", GMAIL, *at]).output


def test_an_operator_is_told_in_a_line_what_went_wrong(bench: Any) -> None:
    answer = CliRunner().invoke(app, ["state", "google", "no@where.example", "--simulator", bench.simulator.http_url])
    assert answer.exit_code == 1
    assert "no google mailbox 'no@where.example'" in answer.output
