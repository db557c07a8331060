"""A minute of `make chaos`: fewer mails, fewer kills, one broker that loses everything; the same looks at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.play import Run, Seen
from tests.chaos.scenario import short
from tests.chaos.servers import Servers, own_postgresql
from tests.servers.rabbitmq import RabbitMQ

pytestmark = pytest.mark.system

SEED = 7


@pytest.fixture
def servers(rabbitmq: RabbitMQ) -> Iterator[Servers]:
    """Both, ours alone; PostgreSQL remembers when each transaction was committed."""
    with own_postgresql() as postgresql:
        yield Servers(postgresql, rabbitmq)


def test_nothing_is_lost_doubled_or_left_over_while_services_die_and_the_broker_forgets_everything(
    servers: Servers, tmp_path: Path
) -> None:
    told: list[str] = []
    shown: list[Seen] = []
    report = Run(short(SEED), servers, tmp_path, told.append, shown.append).play()
    differing = [line for line in report.verdict.lines if not line.good]
    assert report.verdict.good, f"{differing}\n{report.verdict.wrong}\n{report.notes}\n{told}"
    assert sum(report.kills.values()) == 6
    assert report.server_faults == {"broker_wipe": 1}
    assert sum(report.answers.values()) > 0
