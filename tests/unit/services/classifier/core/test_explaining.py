"""An explanation names what decided, what it hit, and what nearly did; its class is the classifier's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.classifier.core.explaining import FOLLOWS, Explanation, explain
from services.classifier.core.own_rules import read_own_rules, with_own
from services.classifier.core.reading import classify
from services.classifier.settings import shipped_rules
from shared.domain.bounces import BounceClass

MAILS = Path(__file__).parents[4] / "mails"
RULES = shipped_rules()


def explained(sample: str) -> Explanation:
    return explain((MAILS / f"{sample}.eml").read_bytes(), RULES)


@pytest.mark.parametrize("path", sorted(MAILS.glob("*/*.eml")), ids=lambda path: path.stem)
def test_an_explanation_has_the_classifiers_own_finding(path: Path) -> None:
    raw = path.read_bytes()
    explanation = explain(raw, RULES)
    assert explanation.finding == classify(raw, RULES)
    for story in explanation.recipients:
        assert story.hit is None or story.hit.rule.id == story.finding.rule


def test_text_that_beats_a_code_is_told() -> None:
    (story,) = explained("bounces/user_unknown_code_but_quota_text").recipients
    assert story.hit is not None
    assert (story.hit.rule.id, story.hit.words) == ("dsn.too-big", "message size")
    assert [(near.rule, near.why_not) for near in story.near] == [("code.user-unknown", "text is asked before codes")]
    assert story.follows == FOLLOWS[BounceClass.INTERNAL]


def test_a_refusal_without_a_cause_gives_way_to_its_code_and_says_so() -> None:
    (story,) = explained("bounces/user_unknown_by_postfix").recipients
    weak = next(near for near in story.near if near.rule == "dsn.refused")
    assert weak.why_not == "says that it was refused, not why; the code 5.1.1 says more"


@pytest.mark.parametrize(
    ("sample", "tiers"),
    [
        ("complaints/abuse_report", ["tier 1 decides: a feedback report of type abuse, a complaint"]),
        (
            "not_bounces/not_spam_report",
            ["tier 1 decides: a feedback report of type not-spam, no complaint: nobody is unsubscribed"],
        ),
        (
            "bounces/user_unknown_by_postfix",
            ["tier 1: no feedback report", "tier 2 decides: 1 report part(s) with 1 recipient(s)"],
        ),
        (
            "bounces/gmail_old_text_form",
            [
                "tier 1: no feedback report",
                "tier 2: no report part",
                "tier 3 decides: a notice, known by X-Failed-Recipients",
            ],
        ),
        (
            "not_bounces/person_quotes_a_bounce",
            [
                "tier 1: no feedback report",
                "tier 2: no report part",
                "tier 3: no sign of a machine's failure notice in sender, subject and opening",
                "so it is no bounce: human",
            ],
        ),
        ("unparseable/sealed_smime", ["sealed: application/pkcs7-mime"]),
    ],
)
def test_the_tiers_walked_are_told(sample: str, tiers: list[str]) -> None:
    assert list(explained(sample).tiers) == tiers


def test_an_operators_rule_is_named_with_its_place() -> None:
    text = '[[rule]]\nid = "mine"\nclass = "soft"\ntext = ["user unknown"]\n'
    rules = with_own(RULES, read_own_rules((("rules.toml", text),), RULES.sets))
    (story,) = explain((MAILS / "bounces/user_unknown_by_postfix.eml").read_bytes(), rules).recipients
    assert story.hit is not None
    assert (story.finding.rule, story.hit.rule.source) == ("own.mine", "rules.toml:1")
    assert "dsn.user-unknown" in [near.rule for near in story.near]
