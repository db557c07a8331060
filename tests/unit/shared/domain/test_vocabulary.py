"""Rules that are true everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.api_keys import MICROSOFT_ENDPOINTS, ApiKey
from shared.domain.bounces import BounceClass, worst
from shared.domain.mailboxes import KEEPING_ORDER, Disposal, Provider, domain_of, keeps_most, normalize_address
from shared.domain.tokens import AccessToken, needs_refresh
from tests.builders import NOW, READER, a_sent, a_watcher

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("expires_at", "due"),
    [
        (None, True),
        (NOW - MINUTE, True),
        (NOW + 10 * MINUTE - timedelta(seconds=1), True),
        (NOW + 10 * MINUTE, False),
        (NOW + 60 * MINUTE, False),
    ],
)
def test_a_token_is_renewed_when_less_than_ten_minutes_are_left(expires_at: datetime | None, due: bool) -> None:
    assert needs_refresh(expires_at, NOW) is due


def test_a_token_does_not_show_itself() -> None:
    assert "hush" not in repr(AccessToken("hush", NOW))


def test_a_key_does_not_show_its_secrets() -> None:
    key = ApiKey(
        1, "k", None, Provider.MICROSOFT, "k", "c", MICROSOFT_ENDPOINTS, client_secret="hush", private_key="hush"
    )
    assert "hush" not in repr(key)


@pytest.mark.parametrize("written", ["Reader@Example.NET", " reader@example.net\t", "READER@EXAMPLE.NET "])
def test_addresses_are_compared_without_case_and_surrounding_space(written: str) -> None:
    assert normalize_address(written) == READER


@pytest.mark.parametrize(
    ("address", "domain"), [(READER, "example.net"), ('"a@b"@Example.org ', "example.org"), ("nobody", "nobody")]
)
def test_the_domain_stands_behind_the_last_at_sign(address: str, domain: str) -> None:
    assert domain_of(address) == domain


@given(st.lists(st.sampled_from(list(Disposal))))
def test_of_several_choices_none_keeps_more_than_the_chosen_one(choices: list[Disposal]) -> None:
    chosen = keeps_most(tuple(choices))
    assert chosen in (choices or [Disposal.LEAVE])
    assert all(KEEPING_ORDER.index(chosen) <= KEEPING_ORDER.index(choice) for choice in choices)


@pytest.mark.parametrize(
    ("classes", "whole"),
    [
        ((), BounceClass.NONE),
        ((BounceClass.NONE, BounceClass.SOFT), BounceClass.SOFT),
        ((BounceClass.INTERNAL, BounceClass.SOFT, BounceClass.HARD), BounceClass.HARD),
        ((BounceClass.HARD, BounceClass.FEEDBACK_LOOP), BounceClass.FEEDBACK_LOOP),
        ((BounceClass.INTERNAL, BounceClass.SOFT), BounceClass.SOFT),
    ],
)
def test_a_report_counts_as_the_worst_of_its_recipients(classes: tuple[BounceClass, ...], whole: BounceClass) -> None:
    assert worst(classes) is whole


@pytest.mark.parametrize(
    ("since", "received_at", "sees"),
    [(None, NOW, True), (NOW, NOW, True), (NOW, NOW - MINUTE, False), (NOW, None, True)],
)
def test_a_watcher_sees_mail_from_its_time_on(since: datetime | None, received_at: datetime | None, sees: bool) -> None:
    assert a_watcher(only_mail_from=since).sees(received_at) is sees


@pytest.mark.parametrize(("owner", "serves"), [(None, True), (1, True), (2, False)])
def test_a_watcher_serves_its_customer_or_everybody(owner: int | None, serves: bool) -> None:
    assert a_watcher(customer_id=owner).serves(1) is serves


def test_a_sent_mail_knows_its_recipients() -> None:
    sent = a_sent(READER, "other@example.net")
    assert sent.recipient("other@example.net") is sent.recipients[1]
    assert sent.recipient("stranger@example.net") is None
