"""When the end of a secret is told, and what a key is with its new secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.api_keys import GOOGLE_ENDPOINTS, MICROSOFT_ENDPOINTS, ApiKey, warned_at
from shared.domain.mailboxes import Provider

TODAY = date(2026, 11, 21)
KEY = ApiKey(
    1, "k", None, Provider.MICROSOFT, "k", "old", MICROSOFT_ENDPOINTS,
    client_secret="old-secret", next_secret="new-secret", next_credential="new", next_private_key_id="n",
)  # fmt: skip


@pytest.mark.parametrize(
    ("days_left", "warned"),
    [(365, None), (30, None), (29, 30), (14, 30), (13, 14), (7, 14), (6, 7), (0, 7), (-1, 0), (-400, 0)],
)
def test_the_end_is_told_from_thirty_fourteen_and_seven_days_before(days_left: int, warned: int | None) -> None:
    found = warned_at(TODAY + timedelta(days=days_left), TODAY)
    assert found == (None if warned is None else timedelta(days=warned))


def test_a_secret_whose_end_nobody_entered_is_not_spoken_of() -> None:
    assert warned_at(None, TODAY) is None


def test_with_its_new_secret_a_key_is_the_same_but_for_that() -> None:
    microsoft = KEY.with_next_secret()
    google = replace(KEY, provider=Provider.GOOGLE, endpoints=GOOGLE_ENDPOINTS, client_secret="").with_next_secret()

    assert (microsoft.client_secret, microsoft.private_key, microsoft.credential) == ("new-secret", "", "new")
    assert (google.private_key, google.client_secret, google.private_key_id) == ("new-secret", "", "n")
    assert (microsoft.uid, microsoft.next_secret) == ("k", "")


def test_neither_secret_is_in_the_words_for_a_key() -> None:
    assert "old-secret" not in repr(KEY)
    assert "new-secret" not in repr(KEY)
