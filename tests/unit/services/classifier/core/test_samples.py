"""Each sample mail is what its `.expected.json` says, and its README line says why it is kept."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import fuzz_classifier
from services.classifier.core.reading import classify
from services.classifier.settings import shipped_rules

MAILS = Path(__file__).parents[4] / "mails"
SAMPLES = sorted(path for path in MAILS.glob("*/*.eml") if path.parent.name != "replies")  # see test_samples of replies


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


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_sample_is_still_read(data: st.DataObject) -> None:
    """Bytes changed, a stretch cut out, another sample's stretch put in: no failure, no change of speed."""
    raw = bytearray(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    other = data.draw(st.sampled_from(SAMPLES)).read_bytes()
    for _ in range(data.draw(st.integers(0, 6))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    cut = data.draw(st.integers(0, len(other)))
    raw[start:end] = other[cut : cut + data.draw(st.integers(0, 400))]
    begun = time.process_time()
    finding = classify(bytes(raw), shipped_rules())
    assert time.process_time() - begun < 0.25
    assert not finding.note.startswith("could not be read")


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"], ids=["crlf", "cr"])
@pytest.mark.parametrize("path", sorted(MAILS.glob("bounces/*.eml")), ids=lambda path: path.stem)
def test_newlines_do_not_change_the_class(path: Path, newline: bytes) -> None:
    raw = path.read_bytes()
    if b"\r" in raw or b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    expected = classify(raw, shipped_rules())
    assert classify(raw.replace(b"\n", newline), shipped_rules()).bounce_class is expected.bounce_class


def test_three_thousand_damaged_samples_make_no_trouble() -> None:
    """The long run of the same: `python -m bench.fuzz_classifier`."""
    found = fuzz_classifier.run([path.read_bytes() for path in SAMPLES], mails=3_000, seconds=20.0, seed=2)
    assert found.problems == []
    assert found.mails > 300
    assert found.slowest < 0.25
