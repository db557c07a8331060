"""clients/python knows the fields of the contract, no more and no fewer."""

from __future__ import annotations

from dataclasses import fields

from apiconnect_client import FINAL_STATES, Attachment, Header, Recipient, Result, SendRequest
from apiconnect_client.request import LARGEST_BYTES
from pydantic import BaseModel

from shared.contracts import sending

OWN = {"more", "correlation_id", "redelivered", "_ack"}


def wire(shape: type[BaseModel]) -> set[str]:
    return {each.alias or name for name, each in shape.model_fields.items()}


def names(shape: type[object]) -> set[str]:
    return {each.name for each in fields(shape)}  # type: ignore[arg-type]


def test_requests_have_the_fields_of_the_contract() -> None:
    assert names(SendRequest) | {"version"} == wire(sending.SendMail)
    assert names(Recipient) == wire(sending.Recipient)
    assert names(Header) == wire(sending.Header)
    assert names(Attachment) == wire(sending.Attachment)
    assert LARGEST_BYTES == sending.LONGEST_REQUEST_BYTES


def test_results_have_the_fields_of_the_contract() -> None:
    assert names(Result) - OWN == wire(sending.DeliveryResult)
    assert {"sent", "rejected", "failed", "cancelled"} == FINAL_STATES
