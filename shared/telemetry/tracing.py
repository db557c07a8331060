"""One story through the queues: its ids on log lines, and, if a collector is named, a span for each handled message.

Trace and span ids are not random: they follow from the correlation id and the message id (shared/contracts/trace.py), as the
message's `traceparent` says them. So a span's parent is known to a process that never saw it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

from structlog.contextvars import bound_contextvars

_FLUSH_MS = 3_000


class Message(Protocol):
    """What a story needs of a received message. causation_id: the message that led to it. attempt: from 1."""

    @property
    def message_id(self) -> UUID: ...
    @property
    def correlation_id(self) -> UUID: ...
    @property
    def causation_id(self) -> UUID | None: ...
    @property
    def attempt(self) -> int: ...


class NoOpenTelemetry(SystemExit):
    """A collector is named and the extra `otlp` is not installed."""


class _Export:
    """Sends spans to a collector, in the background. What it can't deliver is dropped, with a line in the log."""

    def __init__(self, service: str, endpoint: str) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk import trace as sdk
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise NoOpenTelemetry(
                "settings: APICONNECT_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: install api-connect[otlp]"
            ) from None
        self._trace: Any = trace
        self._readable_span: Any = sdk.ReadableSpan
        self._resource = Resource({"service.name": f"apiconnect-{service}"})
        self._processor: Any = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=5))

    def span(self, queue: str, message: Message, started_ns: int, together: int, error: BaseException | None) -> None:
        """A span that ends now. Its ids are given, which a tracer would not allow, hence a finished span at once.

        A further attempt is a span of its own below the message's.
        """
        own, above = message.message_id.int >> 64, message.causation_id
        if message.attempt > 1:
            own, above = own ^ message.attempt, message.message_id
        status = self._trace.Status()
        if error is not None:
            status = self._trace.Status(self._trace.StatusCode.ERROR, type(error).__name__)
        self._processor.on_end(
            self._readable_span(
                f"{queue} process",
                context=self._context(message, own),
                parent=None if above is None else self._context(message, above.int >> 64),
                resource=self._resource,
                kind=self._trace.SpanKind.CONSUMER,
                attributes={
                    "messaging.system": "rabbitmq",
                    "messaging.operation.type": "process",
                    "messaging.destination.name": queue,
                    "messaging.message.id": str(message.message_id),
                    "messaging.message.conversation_id": str(message.correlation_id),
                    "messaging.batch.message_count": together,
                    "apiconnect.attempt": message.attempt,
                },
                status=status,
                start_time=started_ns,
                end_time=time.time_ns(),
            )
        )

    def _context(self, message: Message, span: int) -> Any:
        sampled = self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED)
        return self._trace.SpanContext(message.correlation_id.int, span, is_remote=False, trace_flags=sampled)

    def close(self) -> None:
        """Sends what is left, for three seconds at most."""
        self._processor.force_flush(_FLUSH_MS)
        self._processor.shutdown()


_export: _Export | None = None


def start_tracing(service: str, endpoint: str | None) -> Callable[[], None]:
    """Spans of this process go to `endpoint` (OTLP over HTTP) until the returned function is called; None: nothing happens.

    A collector that wants a password is told it by OpenTelemetry's own OTEL_EXPORTER_OTLP_HEADERS. Raises NoOpenTelemetry.
    """
    global _export
    if not endpoint:
        return _nothing
    export = _export = _Export(service, endpoint)

    def stop() -> None:
        global _export
        _export = None if _export is export else _export
        export.close()

    return stop


def _nothing() -> None:
    """There is nothing to end."""


@contextmanager
def telling(message: Message) -> Iterator[None]:
    """Log lines of this thread carry the message's story meanwhile."""
    with bound_contextvars(correlation_id=str(message.correlation_id), trace_id=message.correlation_id.hex):
        yield


@contextmanager
def handling(queue: str, messages: Sequence[Message]) -> Iterator[None]:
    """The block handles these messages: a span for each, and its story on log lines if it is one.

    A batch that fails leaves no spans: its messages are tried again one at a time.
    """
    started_ns, error = time.time_ns(), None
    try:
        with telling(messages[0]) if len(messages) == 1 else bound_contextvars(queue=queue, messages=len(messages)):
            yield
    except Exception as caught:
        error = caught
        raise
    finally:
        export = _export
        if export is not None and (error is None or len(messages) == 1):
            for message in messages:
                export.span(queue, message, started_ns, len(messages), error)
