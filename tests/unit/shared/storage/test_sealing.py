"""Secrets at rest: what opens them, and what does not."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.sealing import Fingerprints, SealBroken, Sealer, key_id_of

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
ROW = "api_key:acme"


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens_as_it_was(plain: bytes) -> None:
    sealer = Sealer.parse(OLD)
    assert sealer.open(sealer.seal(plain, ROW), ROW) == plain


def test_the_sealed_form_shows_nothing_and_is_never_twice_the_same() -> None:
    sealer = Sealer.parse(OLD)
    one, two = sealer.seal(b"the secret", ROW), sealer.seal(b"the secret", ROW)
    assert one != two
    assert b"secret" not in one


def test_after_rotation_old_values_open_and_new_ones_are_sealed_with_the_new_key() -> None:
    sealed = Sealer.parse(OLD).seal(b"hush", ROW)
    both = Sealer.parse(f"{NEW}, {OLD}")
    assert both.open(sealed, ROW) == b"hush"
    assert Sealer.parse(NEW).open(both.seal(b"hush", ROW), ROW) == b"hush"


def test_a_value_moved_to_another_row_does_not_open() -> None:
    sealer = Sealer.parse(OLD)
    with pytest.raises(SealBroken, match="api_key:other"):
        sealer.open(sealer.seal(b"hush", ROW), "api_key:other")


@pytest.mark.parametrize("place", [0, 1, 5, 20, -1])
def test_a_value_that_was_changed_does_not_open(place: int) -> None:
    sealer = Sealer.parse(OLD)
    changed = bytearray(sealer.seal(b"hush", ROW))
    changed[place] ^= 1
    with pytest.raises(SealBroken):
        sealer.open(bytes(changed), ROW)


@pytest.mark.parametrize("sealed", [b"", b"\x03", b"\x03old", b"\x03old123456789012", b"\xff" * 40])
def test_a_value_that_was_cut_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        Sealer.parse(OLD).open(sealed, ROW)


def test_a_key_that_is_not_in_the_ring_is_named_and_nothing_is_shown() -> None:
    sealed = Sealer.parse(OLD).seal(b"hush", ROW)
    with pytest.raises(SealBroken, match=r"'old'.*APICONNECT_SEALING_KEYS") as raised:
        Sealer.parse(NEW).open(sealed, ROW)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "at least one"),
        ("c2VjcmV0", "entry 1 must read"),
        ("a-b:c2VjcmV0", "entry 1 must read"),
        ("schlüssel:c2VjcmV0", "entry 1 must read"),
        (f"{OLD},k2:c2VjcmV0", r"entry 2 \(k2\) must be 32 bytes, is 6"),
        ("k1:c2Vjc!V0", "not base64"),
        (f"{OLD},{NEW.replace('new', 'old')}", r"entry 2 \(old\)"),
    ],
)
def test_a_wrong_setting_is_refused_by_entry_and_without_the_key(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        Sealer.parse(text)
    assert "c2Vj" not in str(raised.value)


def test_a_new_entry_fits_the_setting() -> None:
    assert Sealer.parse(Sealer.new_key("k9")).current == "k9"


def test_raw_mail_is_bound_to_its_row_and_shrinks() -> None:
    sealer = Sealer.parse(OLD)
    raw = b"Received: from somewhere\r\n" * 200
    sealed = sealer.seal_mail(raw, 7)
    assert sealer.open_mail(sealed, 7) == raw
    assert len(sealed) < len(raw) / 3
    with pytest.raises(SealBroken):
        sealer.open_mail(sealed, 8)


def test_a_fingerprint_tells_credentials_apart_and_shows_nothing() -> None:
    one, other = Fingerprints(b"k"), Fingerprints(b"another")
    assert one("client", "hush") == one("client", "hush")
    assert one("client", "hush") != one("client", "other")
    assert one("client", "hush") != other("client", "hush")
    assert one("ab", "c") != one("a", "bc")
    assert "hush" not in one("client", "hush")


def test_a_sealed_value_says_under_which_key_and_whether_the_ring_has_it() -> None:
    sealed = Sealer.parse(OLD).seal(b"hush", ROW)
    assert key_id_of(sealed) == "old"
    assert Sealer.parse(f"{NEW},{OLD}").holds(sealed)
    assert not Sealer.parse(NEW).holds(sealed)
    assert not Sealer.parse(NEW).holds(b"")
