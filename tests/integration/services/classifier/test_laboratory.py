"""`monitors test`: each mail is shown from its text to what would happen, and nothing is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.classifier.cli import app
from services.classifier.core.laboratory import Reading, TrialJob
from services.classifier.handler.laboratory import Bench, WatchedTrials, open_lab
from shared.domain.access import OPERATOR
from shared.domain.monitors import Condition, MonitorAction
from shared.storage import operator_rules, sent_texts
from shared.storage.database import Database
from shared.storage.provisioning import customers
from tests.builders import SEALER, SEALING_KEYS, a_dsn, a_fetched_mail, a_list, a_sent_mail, a_subscriber, a_system_key
from tests.integration.services.console.answering import a_stored_monitor
from tests.integration.shared.storage.looking import do, rows, value
from tests.monitored import a_reply

STOP = Condition("Stop", MonitorAction.UNSUBSCRIBE)
BYE = Condition("bye * now", MonitorAction.BLACKLIST, ignore_case=True)
FOOTER = "To stop these mails, Stop here: https://acme.example/u/1"
Try = Callable[..., Result]


@pytest.fixture
def lab(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Try:
    """lab("replies", mail, …, "--json") -> the result; mails are written to files."""
    monkeypatch.setenv("APICONNECT_DATABASE_URL", database.url)
    monkeypatch.setenv("APICONNECT_SEALING_KEYS", SEALING_KEYS)
    a_subscriber(database, "anna@example.net")

    def run(*arguments: object) -> Result:
        given = []
        for number, one in enumerate(arguments):
            if isinstance(one, bytes):
                (tmp_path / f"{number}.eml").write_bytes(one)
                one = tmp_path / f"{number}.eml"
            given.append(str(one))
        result = CliRunner().invoke(app, ["monitors", "test", *given])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def tried(lab: Try, *arguments: object) -> list[dict[str, Any]]:
    """What `--json` says of each mail."""
    found: list[dict[str, Any]] = json.loads(lab(*arguments, "--json").stdout)["mails"]
    return found


def test_a_mail_is_shown_from_its_text_to_what_would_happen_and_nothing_is_done(lab: Try, database: Database) -> None:
    a_stored_monitor(database, BYE, STOP, customer="acme")
    raw = a_reply(f"Stop writing to me.\n\nOn Fri, Nov 20, 2026, Acme wrote:\n> Hello\n> {FOOTER}\n")

    shown = lab("replies", raw).stdout

    assert "human, from anna@example.net" in shown
    assert "                      | Stop writing to me." in shown
    assert f"    quoted            | > {FOOTER}" in shown or f"quoted_tail       | > {FOOTER}" in shown
    assert "1. body contains 'bye * now', any case → blacklist: no match" in shown
    assert "2. body contains 'Stop' → unsubscribe: match “Stop”" in shown
    assert "subscriber anna@example.net on news of acme, found by address" in shown
    assert "follows   confirmed → unsubscribed on news" in shown
    assert "1 tried, 1 matched; nothing was done." in shown
    assert rows(database, "select status from subscribers") == [("confirmed",)]
    assert rows(database, "select 1 from monitor_log union all select 1 from subscriber_changes") == []


def test_why_a_condition_does_not_match_is_said(lab: Try, database: Database) -> None:
    a_stored_monitor(database, STOP, BYE)
    [one] = tried(lab, "replies", a_reply("please stop, and hello"))
    assert [each["verdict"] for each in one["conditions"]] == ["would match if case were ignored", "no match"]
    assert (one["winner"], one["subscribers"]) == (None, [])


@pytest.mark.parametrize(
    ("action", "would"),
    [
        (MonitorAction.BLACKLIST, "on everybody's blacklist; confirmed → blacklisted"),
        (MonitorAction.DELETE, "confirmed on news → deleted"),
        (MonitorAction.MOVE_TO_LIST, "nothing: list vips is not there any more"),
    ],
)
def test_what_would_happen_is_what_the_action_does(
    lab: Try, database: Database, action: MonitorAction, would: str
) -> None:
    target = "vips" if action is MonitorAction.MOVE_TO_LIST else None
    a_stored_monitor(database, Condition("stop", action, target=target), customer="acme")
    [one] = tried(lab, "replies", a_reply("stop"))
    assert [each["would"] for each in one["subscribers"]] == [would]
    assert value(database, "select count(*) from subscribers") == 1
    assert value(database, "select count(*) from blacklist") == 0


def test_the_text_that_we_sent_is_taken_out_and_the_mail_tells_the_subscriber(lab: Try, database: Database) -> None:
    text = f"Dear Anna,\nthe new season is here with forty chairs.\nCome and see us.\n{FOOTER}"
    sent = a_sent_mail(database, "anna@example.net", message_id="sent-1@news.example.com")
    with database.transaction() as connection:
        sent_texts.keep(connection, SEALER, [(sent, text)])
    a_stored_monitor(database, STOP, Condition("lovely", MonitorAction.UNCONFIRM), identify_by="uid")
    raw = a_reply(
        f"Lovely, how lovely!\n\n{text}", "other@example.org", headers={"In-Reply-To": "<sent-1@news.example.com>"}
    )

    [one] = tried(lab, "replies", raw)

    assert one["sent_mail_known"]
    assert "sent_mail" in {block["cut"] for block in one["blocks"]}
    assert (one["winner"], one["found_by"]) == (2, "message_id")
    assert [each["email"] for each in one["subscribers"]] == ["anna@example.net"]


def test_machine_mail_and_strangers_are_told_as_the_reason_for_nothing(lab: Try, database: Database) -> None:
    a_stored_monitor(database, STOP)
    away = a_reply("Stop, I am away", headers={"Auto-Submitted": "auto-replied"})
    shown = lab("replies", away, a_dsn(), a_reply("Stop", "stranger@example.org")).stdout
    assert "nothing   it is no mail of a person (auto reply), and the monitor ignores machine mail" in shown
    assert "nothing   it is no mail of a person (a report), and the monitor ignores machine mail" in shown
    assert "follows   nothing: no subscriber was found by email" in shown
    assert "3 tried, 1 matched" in shown


def test_a_dry_run_says_what_it_would_do_else(lab: Try, database: Database) -> None:
    a_stored_monitor(database, STOP, dry_run=True)
    [one] = tried(lab, "replies", a_reply("Stop"))
    assert one["subscribers"][0]["would"] == "nothing: dry run; else confirmed → unsubscribed on news"


def test_the_latest_stored_mails_of_the_mailbox_are_tried(lab: Try, database: Database) -> None:
    a_stored_monitor(database, STOP)
    mailbox_id = value(database, "select id from mailboxes")
    for number, text in enumerate(("Stop", "thank you", "Stop it")):
        a_fetched_mail(database, mailbox_id, a_reply(text), f"mail-{number}")
    do(database, "update fetched_mail set raw_on = null where provider_mail_id = 'mail-0'")  # no longer kept
    found = tried(lab, "replies", "--last", 50)
    assert [one["winner"] for one in found] == [1, None]
    assert len(tried(lab, "replies", "--last", 1)) == 1


def test_a_customer_tries_its_own_monitors_and_sees_no_mail_of_the_operators_mailbox(
    lab: Try, database: Database
) -> None:
    with database.transaction() as connection:
        customers.save_settings(connection, {"max_monitors": -1})
    a_list(database, "others", customer="globex")
    a_system_key(database, uid="acmes", customer="acme")
    a_stored_monitor(database, STOP, name="given", customer="acme")
    a_stored_monitor(database, STOP, name="own", customer="acme", key="acmes")
    a_stored_monitor(database, STOP, name="theirs", customer="globex")
    a_subscriber(database, "anna@example.net", in_list="others", customer="globex")

    refused = lab("given", "--last", 5, "--as", "acme")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "opened by the operator's key" in refused.stderr
    assert lab("theirs", a_reply("Stop"), "--as", "acme").stderr == "There is no monitor theirs.\n"
    assert lab("own", "--last", 5, "--as", "acme").exit_code == 0
    [one] = tried(lab, "given", a_reply("Stop"), "--as", "acme")
    assert [each["customer"] for each in one["subscribers"]] == ["acme"]


def test_files_or_last_not_both(lab: Try, database: Database) -> None:
    a_stored_monitor(database, STOP)
    assert lab("replies").exit_code == 2
    assert lab("replies", a_reply("Stop"), "--last", 3).exit_code == 2


OWN = """
[[rule]]
id = "retired"
class = "hard"
reason = "userunknown"
text = ["colleague * retired"]
examples = ["550 our colleague rita has retired"]
"""


@pytest.mark.parametrize("where", ["file", "database"])
def test_an_operators_own_rules_count_as_they_do_in_the_service(
    lab: Try, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    a_stored_monitor(database, STOP)
    text = "Stop. Our colleague rita@example.net has retired."
    raw = a_reply(text, "postmaster@example.net", subject="Undeliverable: News")
    [before] = tried(lab, "replies", raw)
    if where == "file":
        (tmp_path / "own.toml").write_text(OWN)
        monkeypatch.setenv("APICONNECT_RULES_FILE", str(tmp_path / "own.toml"))
    else:
        with database.transaction() as connection:
            operator_rules.put_in_force(connection, OWN, "somebody")

    [one] = tried(lab, "replies", raw)

    assert (before["rule"], one["rule"]) == ("code.undefined", "own.retired")
    assert one["not_tried"] == "it is no mail of a person (a report), and the monitor ignores machine mail"


def test_own_rules_that_cannot_be_used_are_told_with_line_and_reason(
    lab: Try, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    a_stored_monitor(database, STOP)
    file = tmp_path / "own.toml"
    file.write_text("[[rule]]\n")
    monkeypatch.setenv("APICONNECT_RULES_FILE", str(file))
    refused = lab("replies", a_reply("Stop"))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"{file}:1: ")


def test_a_mounted_file_that_is_not_there_yet_is_no_fault(
    lab: Try, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    a_stored_monitor(database, STOP)
    monkeypatch.setenv("APICONNECT_RULES_FILE", str(tmp_path / "absent.toml"))
    assert tried(lab, "replies", a_reply("Stop"))[0]["winner"] == 1


def test_a_mail_that_takes_longer_than_the_classifier_allows_is_told_as_such(
    lab: Try, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_stored_monitor(database, STOP)
    monkeypatch.setenv("APICONNECT_MAIL_SECONDS", "0.000001")
    shown = lab("replies", a_reply("Stop")).stdout
    assert "nothing   it can't be read (took longer than 1e-06 s)" in shown
    assert "1 tried, 0 matched" in shown


def hanging(own: tuple[tuple[str, str], ...] = ()) -> tuple[Callable[[TrialJob], Reading], str]:
    """A child that never ends with a mail."""

    def never(job: TrialJob) -> Reading:
        while True:
            time.monotonic()

    return never, "hanging"


def test_a_text_that_takes_too_long_to_find_is_told_as_the_log_tells_it(database: Database) -> None:
    a_stored_monitor(database, STOP)
    trials = WatchedTrials(limit_seconds=0.2, factory=f"{__name__}:hanging")
    with Bench((), 10.0, trials) as bench, database.transaction() as connection:
        trial = open_lab(connection, SEALER, bench, OPERATOR, "replies").try_mail("reply.eml", a_reply("Stop"))
    assert trial.not_tried == "the mail could not be read: it took longer than 0.2 s"
    assert (trial.decision.outcomes, trial.prospects) == ((), ())
