"""What servers say, line by line: the class that must come out, and never hard where the line does not say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.classifier.core.bounces import evidence, judge
from services.classifier.settings import shipped_rules

LINES = (Path(__file__).parents[4] / "mails" / "replies.tsv").read_text("utf-8").splitlines()


@pytest.mark.parametrize("line", LINES)
def test_a_reply_has_the_class_that_its_words_give_it(line: str) -> None:
    classes, _, said = line.partition("\t")
    verdict = judge(evidence((said,), None), shipped_rules(), tier=2)
    assert verdict.bounce_class.value in classes.split("|"), verdict.rule
