"""Operators' own rules: what they may say, what is refused and how it is said, and where they stand among ours."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classifier.core.bounces import evidence, judge
from services.classifier.core.own_rules import (
    NO_OWN_RULES,
    OwnRulesRefused,
    first_own,
    read_own_rules,
    unreached_examples,
    with_own,
)
from services.classifier.settings import shipped_rules

SETS = shipped_rules().sets
GOOD = """
[[rule]]
id = "retired"
class = "hard"
reason = "userunknown"
text = ["colleague * retired"]
examples = ["550 our colleague rita has retired"]

[[rule]]
id = "quux"
when = "after"
class = "soft"
re2 = ["quux-[0-9]{4}"]
"""


def own(text: str) -> str:
    """The class and rule that a refused `550 …` gets with these rules around ours."""
    rules = with_own(shipped_rules(), read_own_rules((("rules.toml", GOOD),), SETS))
    verdict = judge(evidence((text,), None), rules, tier=2)
    return f"{verdict.bounce_class} {verdict.rule}"


def refusals(text: str) -> tuple[str, ...]:
    with pytest.raises(OwnRulesRefused) as refused:
        read_own_rules((("rules.toml", text),), SETS)
    return refused.value.problems


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("550 our colleague Rita has retired", "hard own.retired"),
        ("550 spam from a colleague who has retired", "hard own.retired"),  # before ours
        ("550 QUUX-1234", "soft own.quux"),  # case is ignored
        ("550 QUUX-1234 user unknown", "hard dsn.user-unknown"),  # after ours
        ("550 5.1.1 quux-1234", "soft own.quux"),  # text before codes, an operator's too
        ("550 QUUX-12", "internal code.undefined"),
    ],
)
def test_own_rules_stand_before_or_after_ours(said: str, expected: str) -> None:
    assert own(said) == expected


def test_the_version_names_both_rule_sets_and_changes_with_the_text() -> None:
    first = read_own_rules((("a", GOOD),), SETS)
    second = read_own_rules((("a", GOOD + "\n# a note"),), SETS)
    assert with_own(shipped_rules(), first).version == f"{shipped_rules().version}+{first.version}"
    assert first.version != second.version
    assert with_own(shipped_rules(), NO_OWN_RULES).version == shipped_rules().version


def test_every_problem_is_told_with_file_line_and_reason() -> None:
    text = """[[rule]]
id = "a"
class = "hard"
re2 = ["(a"]

[[rule]]
id = "b"
class = "feedback_loop"
text = ["x y"]
"""
    assert refusals(text) == (
        "rules.toml:1: re2 '(a': missing ): (a",
        (
            "rules.toml:6: class is 'feedback_loop', not one of hard, soft, internal, none; "
            "a complaint is known by its report, never by a text"
        ),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("[[rule]]", "[[rule]"), ":2: "),
        (('id = "retired"', 'id = "a b"'), "id must be letters, digits, dots and dashes"),
        (('id = "quux"', 'id = "retired"'), ":9: id own.retired is given twice"),
        (('when = "after"', 'when = "never"'), "when is 'never', not before or after"),
        (('class = "soft"', 'class = "bouncy"'), "class is 'bouncy', not one of hard, soft, internal, none"),
        (('re2 = ["quux-[0-9]{4}"]', ""), "no text and no re2: give at least one pattern"),
        (("quux-[0-9]{4}", "x*"), "matches the empty text"),
        (("quux-[0-9]{4}", "(?=x)"), "invalid perl operator"),
        (("quux-[0-9]{4}", "(x{900}){900}"), "invalid repetition size"),
        (("quux-[0-9]{4}", "\\\\pL{900}"), "pattern too large"),
        (("colleague * retired", "* ~"), "has no word to go by"),
        (("colleague * retired", "$nobody"), "there is no set $nobody"),
        (("reason", "raeson"), "unknown raeson; known are"),
        (('["colleague * retired"]', '"colleague"'), "text must be a list of texts"),
    ],
)
def test_what_can_not_be_used_is_refused_with_a_reason(change: tuple[str, str], reason: str) -> None:
    assert reason in "\n".join(refusals(GOOD.replace(*change, 1)))


def test_an_id_of_ours_or_of_another_file_is_taken() -> None:
    with pytest.raises(OwnRulesRefused, match=r"database:2: id own\.retired is given twice"):
        read_own_rules((("rules.toml", GOOD), ("database", GOOD)), SETS)


def test_too_many_rules_are_refused() -> None:
    many = "".join(f'[[rule]]\nid = "r{n}"\nclass = "soft"\ntext = ["word{n}"]\n' for n in range(1_001))
    assert refusals(many) == ("1001 rules: more than 1000 are not taken",)


def test_an_example_that_does_not_reach_its_rule_is_told() -> None:
    text = GOOD.replace("our colleague rita has retired", "no such user") + (
        '[[rule]]\nid = "late"\nclass = "soft"\ntext = ["retired"]\nexamples = ["colleague retired"]\n'
    )
    assert unreached_examples(read_own_rules((("rules.toml", text),), SETS)) == [
        "rules.toml:2: example '550 no such user' does not reach own.retired",
        "rules.toml:14: example 'colleague retired' reaches own.retired first",
    ]


def test_a_thousand_rules_cost_little() -> None:
    many = "".join(f'[[rule]]\nid = "r{n}"\nclass = "soft"\nre2 = ["(a|b)*c{n}$"]\n' for n in range(1_000))
    rules = read_own_rules((("rules.toml", many),), SETS)
    begun = time.process_time()
    assert first_own(rules.before, "ab" * 1_000) is None
    assert time.process_time() - begun < 0.1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_rules_or_refused(text: str) -> None:
    for source in (text, f'[[rule]]\nid = "a"\nclass = "hard"\nre2 = [{text!r}]\n'):
        problems: tuple[str, ...] = ()
        try:
            first_own(read_own_rules((("rules.toml", source),), SETS).rules, text)
        except OwnRulesRefused as refused:
            problems = refused.problems
        assert all(problem.startswith("rules.toml:") for problem in problems)
