"""The envelope around every internal message. Decode by `type`, never by routing key: after a retry that is the queue's name."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.trace import traceparent


class Body(BaseModel):
    """What a message says. `subject.verb` is its type and its routing key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    kind: ClassVar[Literal["command", "event"]]


class Envelope(BaseModel):
    """message_id: deterministic for what a sweep may publish again, so that a second delivery is known.

    correlation_id: the same from the first message of a story to its last. causation_id: the message that led to this one.
    traceparent: W3C trace context; wrap() makes it of the ids, an outsider may leave it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: UUID = Field(description="the same when a sweep publishes it again")
    type: str = Field(
        min_length=3, max_length=64, examples=["mail.fetched"], description="what the message is; decode by it"
    )
    version: int = Field(ge=1, description="of the body's schema")
    occurred_at: AwareDatetime = Field(description="when it happened, UTC")
    correlation_id: UUID = Field(description="the same from the first message of a story to its last")
    causation_id: UUID | None = Field(default=None, description="the message that led to this one")
    traceparent: str | None = Field(default=None, max_length=64, description="W3C trace context")
    body: dict[str, Any] = Field(description="the message's own fields, by the schema of its type and version")


def wrap(
    body: Body,
    *,
    message_id: UUID,
    occurred_at: datetime,
    correlation_id: UUID,
    causation_id: UUID | None = None,
) -> Envelope:
    """The envelope for `body`, in the trace of its story."""
    return Envelope(
        message_id=message_id,
        type=body.type,
        version=body.version,
        occurred_at=occurred_at,
        correlation_id=correlation_id,
        causation_id=causation_id,
        traceparent=traceparent(correlation_id, message_id),
        body=body.model_dump(mode="json"),
    )
