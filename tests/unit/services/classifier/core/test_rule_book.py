"""Rules are data: each has a source and an example that reaches it, and no rule before it takes that example away."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.core.notices import NOTICE_LIMIT
from services.classifier.core.patterns import PatternError, compile_pattern, pattern_pieces, plain_words
from services.classifier.core.rule_book import compile_rules
from services.classifier.core.text_rules import Rule, RuleError, TextRules
from services.classifier.settings import shipped_rules
from shared.domain.bounces import BounceClass

RULES = shipped_rules()
TEXT_RULES = [(rule, example) for rule in RULES.rules if rule.text for example in rule.examples]

SMALL = """
revision = "1"
[[rule]]
id = "x.full"
class = "soft"
reason = "mailboxfull"
text = ["mailbox full"]
source = "RFC 3463 X.2.2"
examples = ["mailbox full"]
"""
SIGNS = "\n".join(
    f'[[sign]]\nwhere = "{where}"\npatterns = ["x"]'
    for where in ("sender", "subject", "automatic", "list_server", "list_subject", "opening", "returned", "daemon")
)


def text_rule(*patterns: str, hosts: tuple[str, ...] = ()) -> Rule:
    return Rule("x.one", 2, BounceClass.HARD, "userunknown", "a test", (), 0, text=patterns, hosts=hosts)


@pytest.mark.parametrize(("rule", "example"), TEXT_RULES, ids=lambda value: getattr(value, "id", None))
def test_an_example_reaches_its_own_rule_and_no_earlier_one(rule: Rule, example: str) -> None:
    found = RULES.list_of(rule).first(plain_words(example))
    assert found is not None
    assert found.id == rule.id


@pytest.mark.parametrize("rule", [rule for rule in RULES.rules if rule.codes], ids=lambda rule: rule.id)
def test_a_code_belongs_to_one_rule(rule: Rule) -> None:
    assert all(RULES.codes[code] is rule for code in (*rule.codes, *rule.examples))


@pytest.mark.parametrize("rule", [rule for rule in RULES.rules if rule.types], ids=lambda rule: rule.id)
def test_a_feedback_type_belongs_to_one_rule(rule: Rule) -> None:
    assert all(RULES.feedback[kind] is rule for kind in (*rule.types, *rule.examples))


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_every_rule_says_where_it_comes_from_and_gives_an_example(rule: Rule) -> None:
    assert rule.source
    assert rule.examples


def test_no_code_without_detail_is_hard() -> None:
    assert not {"5.0.0", "4.0.0", "5.1.0", "5.2.0"} & RULES.codes.keys()


def test_policy_spam_size_and_quota_stand_before_user_unknown() -> None:
    order = [rule.id for rule in RULES.dsn.rules]
    unknown = order.index("dsn.user-unknown")
    assert all(order.index(f"dsn.{one}") < unknown for one in ("blocked", "spam", "policy", "too-big", "mailbox-full"))


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("mailbox full", "552 Mailbox full.", True),
        ("mailbox full", "the mailbox is full", False),
        ("mailbox * full", "the mailbox of a@example.com is full", True),
        ("mailbox * full", "mailbox full", True),
        ("mailbox * full", "mailbox " + "x" * 90 + " full", False),  # a star stands for at most 80 characters
        ("spam*", "spamtrap hit", True),
        ("spam", "spamtrap hit", False),  # whole words
        ("user doesn't exist", "user doesn’t exist", True),
        ("e-mail refused", "email refused", True),
        ("no such user", '"no such" user', True),
        ("存在しません", "ユーザーは存在しません。", True),  # scripts without spaces match inside a run
        ("spam", "write to spam@example.com", False),  # an address is no text
        ("(user|mailbox) unknown", "mailbox unknown", True),
        ("user ~ unknown", "user rita at example.com unknown", True),
        ("user ~ unknown", "user rita of the town unknown", False),  # more than three words
        ("user ~ unknown", "no such user. Unknown error", False),  # another sentence
        ("no such user", "no_such_user", True),  # words joined by anything but letters
        ("boite pleine", "Boîte pleine", True),  # accents are nothing
    ],
)
def test_patterns_mean_whole_words(pattern: str, text: str, matches: bool) -> None:
    assert (TextRules([text_rule(pattern)]).first(plain_words(text)) is not None) is matches


def test_a_rule_with_hosts_counts_only_for_them() -> None:
    rules = TextRules([text_rule("is disabled", hosts=("provider.example",))])
    plain = plain_words("account is disabled")
    assert rules.first(plain, "mx.provider.example") is not None
    assert rules.first(plain, "mx.other.example") is None


def test_the_version_changes_with_any_byte_of_the_rules() -> None:
    texts = {"arf": "", "dsn": SMALL, "body": SIGNS}
    first = compile_rules(texts).version
    assert first.startswith("1+")
    assert compile_rules(texts).version == first
    assert compile_rules({**texts, "arf": "# a note"}).version != first


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[rule]", "dsn: "),
        (SMALL.replace('source = "RFC 3463 X.2.2"', ""), "dsn: rule x.full: no source"),
        (SMALL.replace("reason", "raeson"), "unknown raeson"),
        (SMALL.replace('"soft"', '"bouncy"'), "x.full: 'bouncy' is not a valid BounceClass"),
        (SMALL.replace('["mailbox full"]\nsource', '["* !"]\nsource'), "has no word to go by"),
        (SMALL + SMALL.replace('revision = "1"', ""), "x.full is given twice"),
        (SMALL.replace('text = ["mailbox full"]', ""), "give one of text, codes, types"),
    ],
)
def test_a_bad_rule_file_is_refused_with_tier_rule_and_reason(text: str, complaint: str) -> None:
    with pytest.raises(RuleError) as refused:
        compile_rules({"arf": "", "dsn": text, "body": SIGNS})
    assert complaint in str(refused.value)


def test_a_missing_tier_is_refused() -> None:
    with pytest.raises(RuleError, match="body: no rule text given"):
        compile_rules({"arf": "", "dsn": SMALL})


@pytest.mark.parametrize("tier", ["dsn", "body"])
def test_no_pattern_is_slow_on_the_string_that_is_worst_for_it(tier: str) -> None:
    """Its own words over and over, all but the last, in a text as long as a notice may be."""
    rules: TextRules = getattr(RULES, tier)
    slowest = 0.0
    for pattern in {pattern for rule in rules.rules for pattern in rule.text}:
        pieces = [piece for piece in pattern_pieces(pattern, RULES.sets) if piece not in ("*", "~")]
        words = [piece.strip("*") if isinstance(piece, str) else " ".join(piece[0]) for piece in pieces]
        for text in (" ".join(words[:-1] or words), words[0]):
            worst = plain_words((text + " ") * (NOTICE_LIMIT // (len(text) + 1)))
            begun = time.process_time()
            rules.first(worst)
            slowest = max(slowest, time.process_time() - begun)
    assert slowest < 0.1


@pytest.mark.parametrize(
    "sign", ["sender", "subject", "automatic", "list_server", "list_subject", "opening", "returned", "daemon"]
)
@pytest.mark.parametrize("text", ["mail ", "delivery has ", "-", "a@", "message-id: ", "<", "bounce.", "- - original "])
def test_no_sign_is_slow_on_repetition(sign: str, text: str) -> None:
    worst = text * (NOTICE_LIMIT // len(text))
    begun = time.process_time()
    getattr(RULES.signs, sign).search(worst)
    assert time.process_time() - begun < 0.1


@given(st.text(max_size=300))
def test_any_text_can_be_matched(text: str) -> None:
    RULES.dsn.first(plain_words(text))
    RULES.body.first(plain_words(text))


@given(st.lists(st.sampled_from(["*", "~", "full*", "@", "550", "(a b|user|)", "(x*|y)"]), max_size=6))
def test_a_pattern_of_any_pieces_compiles_to_bounded_repeats(pieces: list[str]) -> None:
    expression = compile_pattern(" ".join(["unknown", *pieces])).expression
    text = expression.pattern if expression else ""
    assert "*" not in text
    assert "+" not in text


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("* ~", "has no word to go by"),
        ("(a|)", "has no word to go by"),
        ("user (not * found|unknown)", "has a gap inside a group"),
        ("$person unknown", "there is no set $person"),
    ],
)
def test_a_pattern_that_says_nothing_is_refused_with_the_reason(pattern: str, complaint: str) -> None:
    with pytest.raises(PatternError) as refused:
        compile_pattern(pattern)
    assert complaint in str(refused.value)
