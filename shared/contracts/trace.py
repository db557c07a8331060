"""W3C trace context (https://www.w3.org/TR/trace-context/), made of the ids that a message has anyway: one trace for each story.

The same message published again names the same span, and any part of a story can be put together without having been recorded.
"""

from __future__ import annotations

from uuid import UUID


def trace_id(correlation_id: UUID) -> str:
    """32 hex digits: the story."""
    return correlation_id.hex


def span_id(message_id: UUID) -> str:
    """16 hex digits: this message in its story. Never all zeros: the version's digit is among them."""
    return message_id.hex[:16]


def traceparent(correlation_id: UUID, message_id: UUID) -> str:
    """The `traceparent` of a message, version 00, sampled."""
    return f"00-{trace_id(correlation_id)}-{span_id(message_id)}-01"
