"""Decoding: ours, or a reason with field and cause."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.events import MailFetched
from shared.messaging.broker import Delivery
from shared.messaging.received import NotOurMessage, Received, decode

ID = UUID("00000000-0000-4000-8000-000000000001")
STORY = UUID("00000000-0000-4000-8000-000000000002")


def delivery(**changes: Any) -> Delivery:
    """A MailFetched with `changes` in its envelope; None takes a field out."""
    said = {
        "message_id": str(ID),
        "type": "mail.fetched",
        "version": 1,
        "occurred_at": "2026-11-21T12:00:00Z",
        "correlation_id": str(STORY),
        "body": {"mail_id": 7},
    } | changes
    payload = json.dumps({key: value for key, value in said.items() if value is not None}).encode()
    return Delivery(payload=payload, message_id=None, attempt=2, redelivered=False, token=None)


def test_a_good_message_is_decoded_with_its_ids_and_attempt() -> None:
    assert decode(delivery(), MailFetched) == Received(MailFetched(mail_id=7), ID, STORY, 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"message_id": None}, "message_id: Field required"),
        ({"body": {}}, "body.mail_id: Field required"),
        ({"body": {"mail_id": "seven"}}, "body.mail_id: Input should be a valid integer"),
        ({"body": {"mail_id": 0}}, "body.mail_id: Input should be greater than or equal to 1"),
        ({"body": {"mail_id": 7, "more": 1}}, "body.more: Extra inputs are not permitted"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"occurred_at": "2026-11-21T12:00:00"}, "occurred_at: Input should have timezone info"),
        ({"type": "mail.classified"}, "type: 'mail.classified' does not belong here, expected 'mail.fetched'"),
        ({"version": 2}, "version: 2 of mail.fetched is not known, expected 1"),
    ],
)
def test_a_message_that_does_not_fit_names_field_and_cause(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotOurMessage) as caught:
        decode(delivery(**changes), MailFetched)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff\xfe", b'"text"'])
def test_what_is_no_envelope_at_all_is_named_too(payload: bytes) -> None:
    with pytest.raises(NotOurMessage, match="payload: "):
        decode(Delivery(payload, None, 1, False, None), MailFetched)


def test_the_offending_value_is_not_in_the_reason() -> None:
    with pytest.raises(NotOurMessage) as caught:
        decode(delivery(body={"mail_id": "someone@example.com"}), MailFetched)
    assert "someone" not in str(caught.value)
