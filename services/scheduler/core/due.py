"""The scheduler's jobs, and how many rows a sweep may publish again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """name: a method of the handler. every: its period."""

    name: str
    every: timedelta


JOBS = (
    Job("poll_due_mailboxes", timedelta(seconds=5)),
    Job("refresh_due_tokens", timedelta(seconds=30)),
    Job("relay_outbox", timedelta(seconds=10)),
    Job("sweep_stages", timedelta(seconds=30)),
    Job("know_integrations", timedelta(seconds=5)),
    Job("declare_queues", timedelta(seconds=30)),
    Job("sweep_replays", timedelta(seconds=30)),
    Job("collect_dead_letters", timedelta(seconds=30)),
    Job("tie_again", timedelta(seconds=60)),
    Job("end_quiet_holds", timedelta(minutes=5)),
    Job("put_back_integrations", timedelta(seconds=60)),
    Job("keep_partitions", timedelta(hours=1)),
    Job("retain", timedelta(hours=1)),
    Job("warn_of_expiring_secrets", timedelta(days=1)),
)


def may_republish(overdue: int, waiting_in_queue: int) -> int:
    """How many overdue rows to publish again: those whose message can't be waiting in the queue.

    A queue that is merely long must not be made longer; after a broker was wiped it is empty, and all rows are published.
    """
    return max(0, overdue - waiting_in_queue)
