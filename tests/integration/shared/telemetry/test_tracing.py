"""Spans reach a collector: a tiny one in this process, which reads OTLP over HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.contracts.naming import mail_message_id
from shared.contracts.trace import span_id, trace_id
from shared.telemetry import handling, start_tracing


@dataclass(frozen=True)
class Heard:
    """A message as a runner has it."""

    correlation_id: UUID
    message_id: UUID = field(default_factory=uuid4)
    causation_id: UUID | None = None
    attempt: int = 1


class Collector:
    """Keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        taking = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taking.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *values: object) -> None:
                """Not on the test's output."""

        self.server = HTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.services |= {
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            }
            for scope in resource.scope_spans:
                self.spans += scope.spans


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def spans_of(collector: Collector, *batches: list[Heard], fails: bool = False) -> list[Any]:
    stop = start_tracing("classifier", collector.url)
    for batch in batches:
        with suppress(ValueError), handling("classifier.mail_fetched", batch):
            if fails:
                raise ValueError("hush")
    stop()
    return sorted(collector.spans, key=lambda span: span.start_time_unix_nano)


def test_a_mails_story_is_one_trace_with_each_message_below_its_cause(collector: Collector) -> None:
    story = uuid4()
    fetched = Heard(story, mail_message_id("mail.fetched", 1, 0))
    classified = Heard(story, mail_message_id("mail.classified", 1, 0), causation_id=fetched.message_id)
    first, second = spans_of(collector, [fetched], [classified])
    assert first.trace_id.hex() == second.trace_id.hex() == trace_id(story)
    assert first.span_id.hex() == span_id(fetched.message_id)
    assert second.parent_span_id == first.span_id
    assert not first.parent_span_id
    assert collector.services == {"apiconnect-classifier"}


def test_a_batch_is_a_span_for_each_message(collector: Collector) -> None:
    found = spans_of(collector, [Heard(uuid4()) for _ in range(5)])
    assert len({span.trace_id for span in found}) == 5
    counts = {one.value.int_value for span in found for one in span.attributes if one.key.endswith("message_count")}
    assert counts == {5}


def test_a_failure_names_its_kind_and_not_its_text(collector: Collector) -> None:
    (span,) = spans_of(collector, [Heard(uuid4())], fails=True)
    assert span.status.message == "ValueError"
    assert b"hush" not in span.SerializeToString()


def test_a_second_attempt_stands_below_the_message(collector: Collector) -> None:
    story, message = uuid4(), uuid4()
    again = Heard(story, message, attempt=2)
    (span,) = spans_of(collector, [again])
    assert span.parent_span_id.hex() == span_id(message)
    assert span.span_id != span.parent_span_id


def test_a_batch_that_failed_leaves_its_spans_to_the_single_tries(collector: Collector) -> None:
    assert spans_of(collector, [Heard(uuid4()), Heard(uuid4())], fails=True) == []
