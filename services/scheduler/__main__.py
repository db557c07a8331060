"""Composition of the scheduler. Start it with `apiconnect run scheduler`."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from services.scheduler.core.due import JOBS
from services.scheduler.handler import Jobs
from services.scheduler.settings import SchedulerSettings
from shared.messaging.broker import Broker
from shared.messaging.process import Service, run_service
from shared.messaging.topology import work_queues
from shared.messaging.unit import UnitFactory
from shared.settings import instance_name
from shared.storage import gauges
from shared.storage.database import Database
from shared.telemetry import Reading, show_state, start_tracing


class _Ticking:
    """APScheduler with a few ticks; each job runs at once, then in its period, never twice at a time."""

    def __init__(self, jobs: Jobs, periods: dict[str, timedelta]) -> None:
        self._jobs = jobs
        self._periods = periods

    def run(self, stop: threading.Event) -> None:
        """Ticks until `stop` is set."""
        scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(len(self._periods))}, timezone="UTC")
        for name in ("keep_partitions", *self._periods):
            self._jobs.run(name)
        for name, every in self._periods.items():
            scheduler.add_job(
                self._jobs.run,
                IntervalTrigger(seconds=every.total_seconds()),
                args=[name],
                id=name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=60,
            )
        scheduler.start()
        stop.wait()
        scheduler.shutdown(wait=True)


def build(settings: SchedulerSettings, database: Database, broker: Broker) -> Service:
    """The service over an open database and a broker."""
    jobs = Jobs(UnitFactory(database, broker.publisher()), broker, settings, uuid4)
    periods = {job.name: job.every for job in JOBS}
    periods["poll_due_mailboxes"] = timedelta(seconds=settings.tick_seconds)
    periods["sweep_stages"] = periods["sweep_replays"] = timedelta(seconds=settings.sweep_seconds)

    def state() -> list[Reading]:
        with database.transaction() as connection:
            return gauges.read(connection, list(work_queues(broker.known())))

    closing = [show_state(gauges.FAMILIES, state), start_tracing("scheduler", settings.otlp_endpoint)]
    return Service("scheduler", instance_name(), database, [_Ticking(jobs, periods)], closing)


def main() -> None:
    """Runs the service until it is told to stop."""
    run_service("scheduler", SchedulerSettings.read(), build)


if __name__ == "__main__":
    main()
