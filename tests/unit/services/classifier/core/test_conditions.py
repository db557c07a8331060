"""A monitor's conditions: what matches, what does not and why, and which one wins."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.core.conditions import Answer, Invalid, Verdict, decide, faults, find
from shared.domain.monitors import Condition, Field, MonitorAction, Operator

UNSUBSCRIBE = Condition("unsubscribe me", MonitorAction.UNSUBSCRIBE)
ANSWER = Answer("Please unsubscribe me, thanks.", "Re: Autumn sale", "Anna@Reader.example")


def verdict(condition: Condition, body: str = ANSWER.body) -> Verdict:
    return decide([condition], replace(ANSWER, body=body)).outcomes[0].verdict


@pytest.mark.parametrize(
    ("operator", "value", "body", "matches"),
    [
        (Operator.CONTAINS, "stop", "please stop it", True),
        (Operator.CONTAINS, "stop", "please go", False),
        (Operator.CONTAINS, "un*me", "please unsubscribe me now", True),
        (Operator.CONTAINS, "me*un", "please unsubscribe me now", False),
        (Operator.CONTAINS, "*stop*", "please stop it", True),
        (Operator.CONTAINS, "a**b", "a to b", True),
        (Operator.EQUALS, "stop", "stop", True),
        (Operator.EQUALS, "stop", " stop\n", True),
        (Operator.EQUALS, "stop", "stop it", False),
        (Operator.EQUALS, "stop*", "stop it", True),
        (Operator.EQUALS, "stop*", "please stop", False),
        (Operator.EQUALS, "ab*ba", "aba", False),  # the two pieces must not share a letter
        (Operator.EQUALS, "ab*ba", "abba", True),
        (Operator.STARTS_WITH, "stop", "stop it", True),
        (Operator.STARTS_WITH, "stop", "please stop", False),
        (Operator.STARTS_WITH, "*stop", "please stop it", True),
        (Operator.STARTS_WITH, "no*thanks", "no, many thanks to you", True),
        (Operator.ENDS_WITH, "stop", "please stop", True),
        (Operator.ENDS_WITH, "stop", "stop it", False),
        (Operator.ENDS_WITH, "please*stop", "oh please do stop", True),
        (Operator.ENDS_WITH, "stop*", "stop it", True),
    ],
)
def test_an_operator_says_where_the_value_must_stand(operator: Operator, value: str, body: str, matches: bool) -> None:
    condition = Condition(value, MonitorAction.UNSUBSCRIBE, operator)
    assert (verdict(condition, body) is Verdict.MATCH) == matches


@pytest.mark.parametrize(
    "body",
    [
        "please un\u00adsubscribe me",
        "please unsub\u200bscribe me",
        "please ｕｎｓｕｂｓｃｒｉｂｅ me",
        "please unsubscribe\n  me",
        "please unsubscribe\u00a0me",
    ],
    ids=["soft hyphen", "zero width", "full width", "line break", "no-break space"],
)
def test_what_a_reader_cannot_see_makes_no_difference(body: str) -> None:
    assert verdict(UNSUBSCRIBE, body) is Verdict.MATCH


def test_letters_of_another_script_that_look_alike_do_not_match() -> None:
    assert verdict(UNSUBSCRIBE, "please unsubscrib\u0435 me") is Verdict.NO_MATCH


def test_case_counts_unless_the_condition_ignores_it() -> None:
    assert verdict(UNSUBSCRIBE, "Unsubscribe me") is Verdict.ONLY_CASE
    assert verdict(replace(UNSUBSCRIBE, ignore_case=True), "UNSUBSCRIBE ME") is Verdict.MATCH
    assert verdict(replace(UNSUBSCRIBE, value="straße", ignore_case=True), "STRASSE") is Verdict.MATCH


def test_the_first_condition_that_matches_wins_and_the_others_are_told_of() -> None:
    second = Condition("thanks", MonitorAction.DELETE)
    decision = decide([Condition("stop", MonitorAction.BLACKLIST), UNSUBSCRIBE, second], ANSWER)
    assert (decision.winner, decision.condition) == (1, UNSUBSCRIBE)
    assert [one.verdict for one in decision.outcomes] == [Verdict.NO_MATCH, Verdict.MATCH, Verdict.MATCH]
    assert decision.outcomes[1].matched == "unsubscribe me"
    assert decide([second, UNSUBSCRIBE], ANSWER).condition is second


def test_nothing_matches_an_empty_body_not_even_any_content() -> None:
    anything = Condition("*", MonitorAction.UNSUBSCRIBE, any_content=True)
    assert verdict(anything, "") is Verdict.NOTHING_TO_COMPARE
    assert verdict(anything, " \u200b\n") is Verdict.NOTHING_TO_COMPARE
    assert verdict(anything, "hi") is Verdict.MATCH


def test_subject_and_sender_can_be_compared_and_a_sender_without_regard_to_case() -> None:
    subject = Condition("Re: *sale", MonitorAction.UNSUBSCRIBE, Operator.EQUALS, Field.SUBJECT)
    sender = Condition("@READER.example", MonitorAction.UNSUBSCRIBE, Operator.ENDS_WITH, Field.SENDER)
    assert verdict(subject) is Verdict.MATCH
    assert verdict(sender) is Verdict.MATCH


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        (Condition("", MonitorAction.DELETE), Invalid.EMPTY),
        (Condition(" \u200b ", MonitorAction.DELETE), Invalid.EMPTY),
        (Condition("*", MonitorAction.DELETE), Invalid.ANY_CONTENT),
        (Condition("* *", MonitorAction.DELETE), Invalid.ANY_CONTENT),
        (Condition("x" * 1_001, MonitorAction.DELETE), Invalid.TOO_LONG),
        (Condition("x", MonitorAction.MOVE_TO_LIST), Invalid.TARGET_MISSING),
        (Condition("x", MonitorAction.STOP_CAMPAIGN_GROUP), Invalid.TARGET_MISSING),
        (Condition("x", MonitorAction.DELETE, target="l1"), Invalid.TARGET_NOT_WANTED),
    ],
)
def test_an_invalid_condition_matches_nothing_and_says_why(condition: Condition, fault: Invalid) -> None:
    assert faults(condition) == (fault,)
    outcome = decide([condition], replace(ANSWER, body="x" * 1_001)).outcomes[0]
    assert (outcome.verdict, outcome.detail) == (Verdict.INVALID, fault.value)


def test_a_value_at_the_longest_and_a_ticked_star_are_fine() -> None:
    assert faults(Condition("x" * 1_000, MonitorAction.DELETE)) == ()
    assert faults(Condition("*", MonitorAction.DELETE, any_content=True)) == ()


def test_an_invalid_condition_does_not_keep_the_next_one_from_winning() -> None:
    assert decide([Condition("*", MonitorAction.DELETE), UNSUBSCRIBE], ANSWER).winner == 1


LETTERS = st.text(alphabet="ab*", min_size=1, max_size=6)


@given(value=LETTERS, text=st.text(alphabet="ab", max_size=9), operator=st.sampled_from(Operator))
def test_the_matcher_agrees_with_a_slow_obvious_one(value: str, text: str, operator: Operator) -> None:
    pattern = ".*".join(re.escape(piece) for piece in value.split("*"))
    start = "" if operator in (Operator.EQUALS, Operator.STARTS_WITH) else ".*"
    end = "" if operator in (Operator.EQUALS, Operator.ENDS_WITH) else ".*"
    expected = re.fullmatch(start + pattern + end, text, re.DOTALL) is not None
    assert (find(value, operator, text, ignore_case=False) is not None) == expected


@given(value=LETTERS, text=st.text(alphabet="ab", max_size=9), operator=st.sampled_from(Operator))
def test_what_was_hit_is_a_match_by_itself(value: str, text: str, operator: Operator) -> None:
    found = find(value, operator, text, ignore_case=False)
    if found is not None:
        assert find(value, operator, text[found[0] : found[1]], ignore_case=False) is not None
