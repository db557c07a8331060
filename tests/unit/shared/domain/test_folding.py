"""The fold under which texts are compared."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.folding import INVISIBLE, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("un\u00adsub\u200bscribe", "unsubscribe"),
        ("ｓｔｏｐ！", "stop!"),
        ("ﬁne", "fine"),
        ("a \t\r\n\u00a0\u3000 b", "a b"),
        ("Cafe\u0301", "Café"),
        (" x ", " x "),
        ("STOP", "STOP"),
    ],
)
def test_the_fold_makes_alike_what_reads_alike(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_case_is_folded_on_request() -> None:
    assert fold("STRASSE Straße ΣΑΣ", ignore_case=True) == fold("strasse STRAẞE σας", ignore_case=True)


@given(st.text(max_size=60), st.booleans())
def test_folding_twice_changes_nothing_more(text: str, ignore_case: bool) -> None:
    once = fold(text, ignore_case=ignore_case)
    assert fold(once, ignore_case=ignore_case) == once


@given(st.text(max_size=60))
def test_compatibility_forms_are_compared_as_one(text: str) -> None:
    assert fold(unicodedata.normalize("NFKC", text)) == fold(text)


@given(st.text(max_size=40), st.sampled_from(INVISIBLE), st.integers(min_value=0, max_value=40))
def test_an_invisible_character_between_letters_makes_no_difference(text: str, code: int, at: int) -> None:
    plain = "".join(character for character in text if character.isascii())
    assert fold(plain[:at] + chr(code) + plain[at:]).strip() == fold(plain).strip()
