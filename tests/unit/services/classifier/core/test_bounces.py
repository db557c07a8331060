"""What servers say, and the class that follows: text before code, and never hard without evidence of a dead address."""

from __future__ import annotations

import pytest

from services.classifier.core.bounces import evidence, judge
from services.classifier.settings import shipped_rules

RULES = shipped_rules()


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        ("550 5.1.1 user unknown", "5.1.1", "hard userunknown"),
        ("550 5.1.1 Mailbox full", "5.1.1", "soft mailboxfull"),  # the code lies
        ("552 5.1.1 message size exceeds limit", "5.1.1", "internal mesgtoobig"),
        ("550 5.7.1 No such user here", "5.7.1", "hard userunknown"),
        ("450 4.1.1 user unknown", "4.1.1", "soft userunknown"),  # a 4xx may pass
        ("451 domain not found", None, "soft hostunknown"),
        ("DNS type 'mx' lookup of a.example responded with code NXDOMAIN", "4.0.0", "hard hostunknown"),
        ("Host not found, try again", None, "soft networkerror"),
        ("550 5.4.1 Recipient address rejected: Access denied", "5.4.1", "hard userunknown"),
        ("550 Recipient address rejected: please see our site", None, "internal rejected"),
        ("550 5.1.1 Recipient address rejected", "5.1.1", "hard userunknown"),  # a weak text leaves it to the code
        ("550 5.1.0 sender rejected", "5.1.0", "internal rejected"),
        ("450 4.1.8 Sender address rejected: Domain not found", "4.1.8", "internal rejected"),
        ("554 5.7.1 blocked using bl.example, user unknown", "5.7.1", "internal blocked"),
        ("550 5.7.1 message rejected as spam: no such user policy", "5.7.1", "internal spamdetected"),
        ("550 5.2.1 The email account that you tried to reach is disabled", "5.2.1", "soft suspend"),
        ("421 too many connections from your host", None, "soft speeding"),
        ("550 relaying denied", None, "internal norelaying"),
        ("556 5.1.10 null MX", "5.1.10", "hard notaccept"),
        ("555 MAIL FROM/RCPT TO parameters not recognized", None, "internal syntaxerror"),
        ("550 RCPT TO: unknown user", None, "hard userunknown"),
        ("550 Sending suspended for this account", None, "internal blocked"),  # ours, not the recipient's
        ("550 5.2.1 account suspended", "5.2.1", "soft suspend"),
        ("554 5.7.1 Quota exceeded for sending messages", "5.7.1", "internal blocked"),
        ("550 5.7.1 a.example has no MX record, cannot bounce", "5.7.1", "internal rejected"),
        ("550 The public key of the recipient was not found", None, "internal systemerror"),
        ("550 You are sending to unknown users too often", None, "soft speeding"),
        ("550 5.7.1 User email address is marked as invalid", "5.7.1", "hard userunknown"),
        ("550 5.1.1 Inactive mbox", "5.1.1", "soft suspend"),
        ("", "5.1.1", "hard userunknown"),
        ("", "5.2.2", "soft mailboxfull"),
        ("", "5.7.1", "internal securityerror"),
        ("", "5.0.0", "internal onhold"),  # bare: never hard
        ("550", None, "internal onhold"),
        ("", "4.0.0", "soft onhold"),
        ("", None, "internal undefined"),
    ],
)
def test_what_a_server_said_has_its_class(said: str, status: str | None, expected: str) -> None:
    verdict = judge(evidence((said,), status), RULES, tier=2)
    assert f"{verdict.bounce_class} {verdict.reason}" == expected


def test_a_telling_code_in_the_text_wins_over_a_vague_field() -> None:
    assert evidence(("550 5.1.1 <a@b.example> no",), "5.0.0").status == "5.1.1"
    assert evidence(("550 no",), "5.1.1").status == "5.1.1"
    assert evidence(("550 5.0.0 no",), "5.1.1").status == "5.1.1"


def test_prose_is_asked_only_when_the_diagnostic_and_its_code_leave_the_cause_open() -> None:
    prose = "the mailbox is full"
    assert judge(evidence(("550 no", prose), "5.0.0"), RULES, tier=2).reason == "mailboxfull"
    assert judge(evidence(("550 no", prose), "5.1.1"), RULES, tier=2).reason == "userunknown"


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("Der Empfänger ist unbekannt", "hard"),
        ("El buzón del destinatario está lleno", "soft"),
        ("La casella del destinatario è piena", "soft"),
        ("O endereço não existe", "hard"),
        ("Gebruiker onbekend", "hard"),
        ("Skrzynka odbiorcy jest pełna", "soft"),
        ("пользователь не найден", "hard"),
        ("收件人不存在", "hard"),
        ("용량이 초과되었습니다", "soft"),
        ("Adressen hittades inte", "hard"),
    ],
)
def test_prose_in_other_languages_is_read_in_the_third_tier(prose: str, expected: str) -> None:
    assert judge(evidence((prose,), None), RULES, tier=3).bounce_class == expected
