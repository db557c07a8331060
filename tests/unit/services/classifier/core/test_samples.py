"""Each sample mail is what its `.expected.json` says, and its README line says why it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.classifier.core.reading import classify
from services.classifier.settings import shipped_rules

MAILS = Path(__file__).parents[4] / "mails"
SAMPLES = sorted(MAILS.glob("*/*.eml"))


def test_there_are_samples_of_every_sort() -> None:
    assert {path.parent.name for path in SAMPLES} >= {"bounces", "complaints", "not_bounces", "unparseable"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_what_it_is_kept_for(path: Path) -> None:
    finding = classify(path.read_bytes(), shipped_rules())
    assert {
        "class": finding.bounce_class.value,
        "kind": finding.kind.value,
        "tier": finding.tier,
        "recipients": {one.address: one.bounce_class.value for one in finding.recipients},
        "references": [f"{one.source.value}:{one.value}" for one in finding.references],
    } == json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_says_why_it_is_kept(path: Path) -> None:
    assert f"| {path.stem} | " in (MAILS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"], ids=["crlf", "cr"])
@pytest.mark.parametrize("path", sorted(MAILS.glob("bounces/*.eml")), ids=lambda path: path.stem)
def test_newlines_do_not_change_the_class(path: Path, newline: bytes) -> None:
    raw = path.read_bytes()
    if b"\r" in raw or b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    expected = classify(raw, shipped_rules())
    assert classify(raw.replace(b"\n", newline), shipped_rules()).bounce_class is expected.bounce_class
