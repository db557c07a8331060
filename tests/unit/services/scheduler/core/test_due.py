"""The scheduler's jobs, and how much a sweep publishes again."""

from __future__ import annotations

import pytest

from services.scheduler.core.due import JOBS, Job, may_republish
from services.scheduler.handler import Jobs


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_is_a_method_of_the_handler_and_has_a_period(job: Job) -> None:
    assert callable(getattr(Jobs, job.name))
    assert job.every.total_seconds() > 0


@pytest.mark.parametrize(
    ("overdue", "in_queue", "again"),
    [
        (100, 0, 100),  # the broker was wiped
        (100, 100, 0),  # the queue is merely long
        (100, 40, 60),
        (10, 500, 0),
        (0, 0, 0),
    ],
)
def test_a_sweep_publishes_what_can_not_be_waiting_in_the_queue(overdue: int, in_queue: int, again: int) -> None:
    assert may_republish(overdue, in_queue) == again
