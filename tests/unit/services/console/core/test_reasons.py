"""Why nothing happens: each cause in its words, the absent scheduler first (A012, A198, A210, A212)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.console.core.reasons import PIPELINE, Facts, KeyFacts, MailboxFacts, reasons

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOX = MailboxFacts(
    "bounces@example.com",
    "microsoft",
    active_servers=1,
    paused=False,
    dry_run=False,
    failure=None,
    throttled_until=None,
)
KEY = KeyFacts("entra", "microsoft", "acme", None, None)
FAILURE = {"code": "AADSTS7000215", "cause": "The client secret is wrong.", "fix": "Make a new one."}
WELL = Facts(
    now=NOW,
    settings={},
    beats=dict.fromkeys(PIPELINE, timedelta(seconds=5)),
    mailboxes=[BOX],
    keys=[KEY],
    dead_letters=0,
    outbox_age=timedelta(),
)


def test_a_working_installation_has_no_reasons() -> None:
    assert reasons(WELL) == []


def test_an_absent_scheduler_is_said_first_and_in_words() -> None:
    first = reasons(replace(WELL, beats={}, mailboxes=[], dead_letters=3))[0]

    assert first.code == "scheduler_absent"
    assert first.text.startswith("The scheduler service is not running (never seen): no mailbox is polled")


@pytest.mark.parametrize(
    ("facts", "code", "level"),
    [
        (replace(WELL, settings={"extension_enabled": False}), "extension_disabled", "fault"),
        (replace(WELL, settings={"microsoft_enabled": False}), "microsoft_disabled", "fault"),
        (replace(WELL, mailboxes=[]), "no_mailbox", "note"),
        (replace(WELL, mailboxes=[replace(BOX, active_servers=0)]), "no_active_server", "fault"),
        (replace(WELL, mailboxes=[replace(BOX, paused=True)]), "all_paused", "fault"),
        (replace(WELL, mailboxes=[BOX, replace(BOX, paused=True)]), "paused", "note"),
        (replace(WELL, mailboxes=[replace(BOX, failure=FAILURE)]), "not_connected", "fault"),
        (replace(WELL, mailboxes=[replace(BOX, dry_run=True)]), "dry_run", "note"),
        (replace(WELL, mailboxes=[replace(BOX, throttled_until=NOW + timedelta(minutes=3))]), "throttled", "note"),
        (replace(WELL, keys=[replace(KEY, failure=FAILURE)]), "key_refused", "fault"),
        (replace(WELL, keys=[replace(KEY, secret_expires_on=date(2026, 12, 20))]), "secret_expires", "warning"),
        (replace(WELL, keys=[replace(KEY, secret_expires_on=date(2026, 11, 20))]), "secret_expired", "fault"),
        (replace(WELL, keys=[replace(KEY, new_secret_waits=True)]), "new_secret_waits", "note"),
        (replace(WELL, keys=[replace(KEY, new_secret_failure=FAILURE)]), "new_secret_refused", "fault"),
        (replace(WELL, mailboxes=[replace(BOX, waiting_servers=("Main",))]), "waits_for_check", "fault"),
        (replace(WELL, mailboxes=[replace(BOX, active_servers=0, waiting_servers=("Main",))]), "waits_for_check", "fault"),
        (replace(WELL, dead_letters=1), "dead_letters", "fault"),
        (replace(WELL, held_bounces=14, open_holds=1), "bounces_held", "warning"),
        (replace(WELL, held_bounces=14), "bounces_held", "warning"),  # the hold is over, its bounces still wait
        (replace(WELL, outbox_age=timedelta(minutes=6)), "outbox_old", "fault"),
        (replace(WELL, broker_down=True), "broker_down", "fault"),
    ],
)  # fmt: skip
def test_each_obstacle_is_named(facts: Facts, code: str, level: str) -> None:
    assert (code, level) in [(reason.code, reason.level) for reason in reasons(facts)]


def test_a_secret_that_lasts_thirty_days_is_not_mentioned() -> None:
    assert reasons(replace(WELL, keys=[replace(KEY, secret_expires_on=date(2026, 12, 21))])) == []


def test_a_provider_that_is_off_does_not_concern_the_other_ones_mailboxes() -> None:
    assert reasons(replace(WELL, settings={"google_enabled": False})) == []


def test_a_refused_key_is_told_once_and_not_again_for_each_mailbox() -> None:
    box = replace(BOX, failure=FAILURE)

    found = reasons(replace(WELL, keys=[replace(KEY, failure=FAILURE)], mailboxes=[box, box]))

    assert [reason.code for reason in found] == ["key_refused"]
    assert found[0].text == "Key entra (acme) is refused: The client secret is wrong [AADSTS7000215]."
    assert found[0].fix == "Make a new one."


def test_a_throttled_mailbox_is_no_fault() -> None:
    found = reasons(replace(WELL, mailboxes=[replace(BOX, throttled_until=NOW + timedelta(minutes=3))]))

    assert [reason.text for reason in found] == [
        "bounces@example.com was throttled by the provider; it goes on in 3 min."
    ]
