"""Log lines: whatever looks like a secret is cut out, wherever it stands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from shared.telemetry import redact

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJncmFwaCJ9.c2lnbmF0dXJl-_"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nhush\n-----END PRIVATE KEY-----"
ENTRA_SECRET = "Ab18Q~" + "x1Y2z3" * 5 + "w.-_"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"token {JWT} was refused", JWT),
        ("got ya29.a0AfB_by-hush.more from Google", "ya29.a0AfB_by-hush.more"),
        (f"key: {PEM} end", "MIIEvQIBADANBgkqhkiG"),
        (PEM.replace("\n", "\\n"), "MIIEvQIBADANBgkqhkiG"),
        ("-----BEGIN RSA PRIVATE KEY-----\nhush cut short", "hush"),
        ("Authorization: Bearer opaque-hush", "opaque-hush"),
        ("authorization: bearer opaque-hush", "opaque-hush"),
        ("Authorization: Basic dXNlcjpodXNo", "dXNlcjpodXNo"),
        ("grant_type=client_credentials&client_secret=hush%7E1&scope=x", "hush%7E1"),
        ('{"client_secret": "hush"}', "hush"),
        ('{"access_token":"hush-opaque","expires_in":3599}', "hush-opaque"),
        ("client_secret='hush'", "hush"),
        ("assertion=hush.hush.hush&grant_type=jwt", "hush"),
        ("refresh_token=1//hush", "hush"),
        ('{"private_key": "hush-key"}', "hush-key"),
        (f"secret {ENTRA_SECRET} was refused", ENTRA_SECRET),
        ("cannot reach amqp://apiconnect:hush@rabbit:5672/", "hush"),
        ("postgresql://user:hush@db/x?sslmode=require", "hush"),
    ],
)
def test_every_kind_of_secret_is_cut_out(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "[secret]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "mailbox bounces@news.example.com: 550 5.1.1 user unknown",
        "https://graph.microsoft.com/v1.0/users/a@example.com/messages",
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent is the client secret value",
        "the bearer of bad news",
        "Message-ID <mail-1@news.example.com> is not known",
        "POST https://login.microsoftonline.com/t/oauth2/v2.0/token answered 401",
    ],
)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_a_log_line_has_its_fields_and_no_secret_however_deep_it_lies() -> None:
    script = (
        "import logging\n"
        "from shared.telemetry import configure, log\n"
        "configure('fetcher')\n"
        "log.warning('mailbox.failed', mailbox='a@example.com', error='Bearer hush-1', deep={'a': ['Bearer hush-2']})\n"
        "logging.getLogger('other').warning('Bearer %s', 'hush-3')\n"
        "try:\n    raise ValueError('client_secret=hush-4')\nexcept ValueError:\n    log.exception('bug')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert "hush" not in done.stderr
    assert [line["event"] for line in lines] == ["mailbox.failed", "Bearer [secret]", "bug"]
    assert lines[0]["service"] == "fetcher"
    assert lines[0]["mailbox"] == "a@example.com"
