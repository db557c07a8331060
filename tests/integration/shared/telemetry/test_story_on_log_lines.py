"""Whatever is logged while a message is handled carries its story: also its retries and its end as a dead letter."""

from __future__ import annotations

from uuid import UUID, uuid4

import structlog
from structlog.testing import LogCapture

from shared.contracts.commands import PollMailbox
from shared.messaging.memory import MemoryBroker
from shared.messaging.received import Received
from shared.messaging.runner import ConcurrentRunner
from shared.messaging.unit import UnitFactory
from shared.storage.database import Database
from shared.telemetry import log
from tests.integration.shared.messaging.running import running
from tests.integration.shared.messaging.stories import sent


class Failing:
    """Logs a line, then has a bug."""

    message = PollMailbox

    def handle(self, received: Received[PollMailbox]) -> None:
        log.info("working", mailbox_id=received.body.mailbox_id)
        raise ZeroDivisionError


def test_lines_of_one_message_are_found_by_its_correlation_id(database: Database) -> None:
    broker = MemoryBroker(tiers={"10s": 0.01, "1m": 0.01, "10m": 0.01, "1h": 0.01})
    stories = [uuid4(), uuid4()]
    broker.publisher().publish([sent(PollMailbox(mailbox_id=n), story) for n, story in enumerate(stories, start=1)])
    captured, before = LogCapture(), structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, captured], cache_logger_on_first_use=False)
    try:
        runner = ConcurrentRunner(broker, UnitFactory(database, broker.publisher()), Failing(), concurrency=2)
        with running(runner):
            assert broker.wait_until_quiet(20)
    finally:
        structlog.configure(**before)
    for number, story in enumerate(stories, start=1):
        lines = [line for line in captured.entries if line.get("correlation_id") == str(story)]
        assert [line["event"] for line in lines] == ["working", "message.retry"] * 3 + [
            "working",
            "message.dead_letter",
        ]
        assert {line["trace_id"] for line in lines} == {story.hex}
        assert {line["mailbox_id"] for line in lines if "mailbox_id" in line} == {number}
    assert all(UUID(line["correlation_id"]) in stories for line in captured.entries if "correlation_id" in line)
