"""References: ours are read back, all else is nobody's."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.core.references import (
    LONGEST_KEY_ID,
    LONGEST_REFERENCE,
    ReferenceFacts,
    new_message_id,
    new_reference,
    verify_reference,
)
from tests.send_requests import REFERENCE_KEYS, SEND_UID

OLD, NEW = {"r1": b"1" * 32}, {"r2": b"2" * 32}
indexes = st.none() | st.integers(0, 0xFFFE)


@given(st.integers(0, 2**63 - 1), st.uuids(), indexes)
def test_a_reference_says_what_it_was_made_of(customer: int, send: UUID, index: int | None) -> None:
    value = new_reference(REFERENCE_KEYS, customer, send, index)
    assert verify_reference(REFERENCE_KEYS, value) == ReferenceFacts(customer, send, index)


def test_the_longest_reference_survives_on_its_way() -> None:
    value = new_reference({"k" * LONGEST_KEY_ID: b"1" * 32}, 2**63 - 1, UUID(int=2**128 - 1), None)
    assert len(value) <= LONGEST_REFERENCE
    assert re.fullmatch(r"[A-Za-z0-9._-]+", value)


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title, lambda value: f" {value}\r\n"])
def test_a_system_on_the_way_may_change_case_and_space(change) -> None:  # type: ignore[no-untyped-def]
    value = new_reference(REFERENCE_KEYS, 7, SEND_UID, 0)
    assert verify_reference(REFERENCE_KEYS, change(value)) == ReferenceFacts(7, SEND_UID, 0)


def test_an_old_key_still_verifies_and_a_new_one_signs() -> None:
    before = new_reference(OLD, 7, SEND_UID, 0)
    both = NEW | OLD
    assert verify_reference(both, before) is not None
    assert new_reference(both, 7, SEND_UID, 0).startswith("r2.")
    assert verify_reference(NEW, before) is None


def test_a_key_under_another_id_is_another_key() -> None:
    value = new_reference(OLD, 7, SEND_UID, 0)
    assert verify_reference({"r2": OLD["r1"]}, value.replace("r1.", "r2.")) is None


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    value = new_reference(REFERENCE_KEYS, 7, SEND_UID, 0)
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567.").filter(lambda ch: ch != value[at]))
    found = verify_reference(REFERENCE_KEYS, value[:at] + other + value[at + 1 :])
    assert found is None or found == ReferenceFacts(7, SEND_UID, 0)  # base32 has spare bits in its last character


@given(st.text(max_size=300) | st.from_regex(r"r1\.[a-z2-7]{42}\.[a-z2-7]{20}", fullmatch=True))
def test_nothing_else_is_taken_for_a_reference(value: str) -> None:
    assert verify_reference(REFERENCE_KEYS, value) is None


@pytest.mark.parametrize("keys", [{"a.b": b"1" * 32}, {"k" * 33: b"1" * 32}, {"": b"1" * 32}, {"k": b"1" * 15}])
def test_a_key_ring_that_would_not_be_safe_signs_nothing(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="reference keys"):
        new_reference(keys, 7, SEND_UID, 0)


@pytest.mark.parametrize("index", [-1, 0xFFFF])
def test_a_position_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="position"):
        new_reference(REFERENCE_KEYS, 7, SEND_UID, index)


def test_a_message_id_carries_the_senders_domain() -> None:
    assert new_message_id("0198.a-b_1", "Shop@News.Example.com") == "0198.a-b_1@news.example.com"


@pytest.mark.parametrize("unique", ["", "a b", "a@b", "a>b", "ü"])
def test_a_message_id_is_made_of_plain_characters(unique: str) -> None:
    with pytest.raises(ValueError, match="unique"):
        new_message_id(unique, "shop@example.com")
