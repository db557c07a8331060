"""classify: never raises, never takes long, and says what it did not read."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classifier.core.reading import Caps, classify
from services.classifier.settings import shipped_rules
from shared.domain.bounces import BounceClass, MailKind
from tests.hostile_mails import HEAD, HOSTILE, nested, report

RULES = shipped_rules()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_takes_under_a_quarter_of_a_second(name: str) -> None:
    raw = HOSTILE[name]()
    classify(report(), RULES)  # nothing is compiled for the first time under the clock
    begun = time.process_time()
    classify(raw, RULES)
    assert time.process_time() - begun < 0.25


@pytest.mark.parametrize(
    "name", ["50 MB before the report part", "20,000 nested parts", "200,000 headers", "a 10 MB line"]
)
def test_a_hostile_mail_takes_little_memory(name: str) -> None:
    raw = HOSTILE[name]()
    tracemalloc.start()
    try:
        classify(raw, RULES)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_a_mail_over_the_cap_is_classified_from_what_is_there_and_marked() -> None:
    finding = classify(report(notice=b"y" * 2_000_000), RULES)
    assert finding.bounce_class is BounceClass.HARD
    assert finding.truncated
    assert finding.note == "cut at 1000000 bytes"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("20,000 parts", "more than 200 parts"),
        ("20,000 nested parts", "cut at 1000000 bytes"),
        ("12,000 recipients", "report part cut at 262144 bytes"),
    ],
)
def test_what_was_not_read_is_said(name: str, note: str) -> None:
    finding = classify(HOSTILE[name](), RULES)
    assert finding.truncated
    assert finding.note == note


def test_nesting_and_headers_are_capped_too() -> None:
    assert classify(nested(30), RULES).note == "nested deeper than 20"
    assert classify(b"X: y\n" * 2_500 + HEAD + b"\nbody", RULES).note == "more than 2000 headers"
    assert not classify(nested(10), RULES).truncated


def test_caps_are_the_callers() -> None:
    assert classify(report(), RULES, Caps(mail_bytes=100)).truncated


def test_each_finding_names_the_rule_set() -> None:
    assert {classify(raw, RULES).rule_set for raw in (b"", report(), HEAD)} == {RULES.version}


def test_a_report_inside_a_returned_mail_says_nothing() -> None:
    inner = report().replace(b'"b"', b'"c"').replace(b"--b", b"--c")
    outer = (
        b'From: x@example.org\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: message/rfc822\n\n'
        + inner
        + b"\n--b--\n"
    )
    assert classify(outer, RULES).kind is MailKind.HUMAN


PIECES = st.sampled_from(
    [
        HEAD,
        report(),
        *(b"--b\n", b"--b--\n", b"\n\n", b"\r", b"\x00"),
        *(b"Final-Recipient: rfc822;", b"Action: delayed\n", b"Status: 5.1.1\n", b"Feedback-Type: abuse\n"),
        *(b'Content-Type: multipart/report; boundary="b"\n\n', b"Content-Type: message/feedback-report\n\n"),
        *(b"Content-Type: message/rfc822\n\n", b"Content-Transfer-Encoding: base64\n", b"=?utf-8?b?//8?="),
        *(b"Message-ID: <a@b>\n", b"<a@b>: 550 no such user\n"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=40), max_size=12))
def test_no_mixture_of_pieces_makes_it_fail(pieces: list[bytes]) -> None:
    finding = classify(b"".join(pieces), RULES)
    assert not finding.note.startswith("could not be read")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_to_a_report_makes_it_fail(data: st.DataObject) -> None:
    raw = bytearray(report())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    finding = classify(bytes(raw[: data.draw(st.integers(0, len(raw)))]), RULES)
    assert not finding.note.startswith("could not be read")
