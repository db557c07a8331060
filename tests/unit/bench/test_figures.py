"""The benchmarks' own arithmetic: a wrong formula would make every figure look right."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import results
from bench.allowance import ALLOWANCES
from bench.processes import cpu_seconds
from bench.reports import REPORT_BYTES, reports
from bench.results import Figure, Result, at_least, at_most, number
from services.classifier.core.reading import classify
from services.classifier.settings import shipped_rules

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("provider", "mails_a_minute"),
    [
        ("microsoft", 495),  # 10,000 / 10 / 2.02
        ("google", 299),  # 6,000 / 20.06
    ],
)
def test_what_the_limits_allow_is_what_the_providers_publish(provider: str, mails_a_minute: int) -> None:
    assert round(ALLOWANCES[provider].mails(60)) == mails_a_minute


@pytest.mark.parametrize("provider", ["microsoft", "google"])
def test_reports_are_of_about_5_kb_and_each_is_about_a_mail_of_its_own(provider: str) -> None:
    made = list(reports(40, prefix="x", provider=provider, customer="acme", at=NOW))
    assert all(REPORT_BYTES <= len(report.raw) < 1.1 * REPORT_BYTES for report in made)
    assert len({report.sent.reference for report in made}) == len({report.raw for report in made}) == 40


@pytest.mark.parametrize("provider", ["microsoft", "google"])
def test_the_classifier_sees_what_was_meant(provider: str) -> None:
    made = reports(20, prefix="x", provider=provider, customer="acme", at=NOW)
    found = Counter(classify(report.raw, shipped_rules()).bounce_class.value for report in made)
    assert found == {"hard": 11, "soft": 5, "feedback_loop": 4}


def test_a_bar_is_met_when_it_is_just_reached() -> None:
    assert at_least("rate", 1000.0, "mails/s", 1000).met
    assert not at_least("rate", 999.9, "mails/s", 1000).met
    assert at_most("refused", 1.0, "%", 1).met
    assert not at_most("refused", 1.01, "%", 1).met


def test_one_missed_bar_makes_the_benchmark_missed() -> None:
    assert Result("x", "X", [Figure("seconds", 3.0, "s"), at_least("rate", 2, "mails/s", 1)]).met
    assert not Result("x", "X", [at_least("rate", 2, "mails/s", 1), at_least("share", 2, "%", 90)]).met


def test_a_result_is_kept_with_the_machine_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    kept = results.save(Result("x", "X", [Figure("seconds", 3.0, "s")]), {"processor": "two cores"})
    assert '"processor": "two cores"' in kept.read_text("utf-8")


def test_large_figures_have_no_decimals_and_small_ones_three_digits() -> None:
    assert [number(value) for value in (1234.56, 12.345, 0.012345, 3.0)] == ["1235", "12.3", "0.0123", "3"]


def test_the_benchs_own_cpu_time_is_counted_as_its_own() -> None:
    assert cpu_seconds()["bench"] > 0
