"""Automatic answers by their header (RFC 3834) or subject."""

from __future__ import annotations

import pytest

from shared.mail.auto_replies import is_auto_reply, is_list_mail
from shared.mail.headers import Headers


@pytest.mark.parametrize(
    "block",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: Auto-Replied (vacation)",
        "X-Autoreply: yes",
        "X-Autorespond: x",
        "Precedence: auto_reply",
        "Subject: Automatic reply: your list",
        "Subject: Out of the office",
        "Subject: AUTO: Rita is away",
        "Subject: Abwesenheitsnotiz: x",
        "Subject: Réponse automatique : x",
        "Subject: 自動返信: x",
        "Subject: =?utf-8?B?QXV0b21hdGljIHJlcGx5?=: x",
        "Subject: [Automatyczna odpowiedź] x",
    ],
)
def test_an_automatic_answer_is_known(block: str) -> None:
    assert is_auto_reply(Headers(block.encode()))


@pytest.mark.parametrize(
    "block",
    [
        "Auto-Submitted: no",
        "Subject: Re: automatic updates",
        "Subject: my office is out of paper",
        "Precedence: bulk",
        "",
    ],
)
def test_other_mail_is_not(block: str) -> None:
    assert not is_auto_reply(Headers(block.encode()))


def test_list_mail_is_known_by_its_fields() -> None:
    assert is_list_mail(Headers(b"List-Id: <a.example>"))
    assert not is_list_mail(Headers(b"Subject: list"))
