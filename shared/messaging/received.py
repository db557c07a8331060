"""A delivery turned into a message of the expected class, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.envelope import Body, Envelope
from shared.domain.errors import ApiConnectError
from shared.messaging.broker import Delivery
from shared.messaging.topology import queue_for
from shared.storage.sealing import Sealer

Message = TypeVar("Message")
Ours = TypeVar("Ours", bound=Body)


@dataclass(frozen=True, slots=True)
class Received(Generic[Message]):
    """A message for a handler. attempt: which try this is, from 1. causation_id: the message that led to it."""

    body: Message
    message_id: UUID
    correlation_id: UUID
    attempt: int
    causation_id: UUID | None = None


class NotOurMessage(ApiConnectError):
    """Does not fit its schema. The text names field and cause, never the value."""


@dataclass(frozen=True, slots=True)
class Source(Generic[Message]):
    """Where a runner's messages come from. decode: raises NotOurMessage.

    outside: given where who publishes is no service of ours. Then what is parked may hold mail, and is sealed with this; dead
    letters say nothing about us, however many come in a row; and nothing that the publisher chose may name a message in the
    inbox: the handler knows a repeat by itself.
    """

    queue: str
    decode: Callable[[Delivery], Received[Message]]
    outside: Sealer | None = None


def from_table(message: type[Ours]) -> Source[Ours]:
    """The queue that the table names for `message`, in the envelope."""
    return Source(queue_for(message), partial(decode, message=message))


def decode(delivery: Delivery, message: type[Ours]) -> Received[Ours]:
    """The message in `delivery`. Decided by the envelope's `type`, not by a routing key. Raises NotOurMessage."""
    try:
        envelope = Envelope.model_validate_json(delivery.payload)
    except ValidationError as error:
        raise NotOurMessage(_reason(error, "")) from None
    if envelope.type != message.type:
        raise NotOurMessage(f"type: {envelope.type!r} does not belong here, expected {message.type!r}")
    if envelope.version != message.version:
        raise NotOurMessage(f"version: {envelope.version} of {message.type} is not known, expected {message.version}")
    try:
        body = message.model_validate(envelope.body)
    except ValidationError as error:
        raise NotOurMessage(_reason(error, "body.")) from None
    return Received(body, envelope.message_id, envelope.correlation_id, delivery.attempt, envelope.causation_id)


def _reason(error: ValidationError, prefix: str) -> str:
    """`field: cause` of up to five problems, without the offending values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    named = [f"{prefix}{'.'.join(str(part) for part in p['loc']) or 'payload'}: {p['msg']}" for p in problems[:5]]
    return "; ".join(named)
