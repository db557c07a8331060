"""A simulator with mailboxes full of reports, and the installation that watches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.installation import CUSTOMERS, Box, Key, create, enter_sent_mail
from bench.reports import reports
from services.simulator.__main__ import RunningSimulator, start
from services.simulator.http.control_client import ControlClient
from services.simulator.settings import SimulatorSettings
from shared.domain.installation import KeyRecord
from shared.storage.database import Database
from shared.storage.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Simulated:
    """A running simulator and the client of its control API."""

    running: RunningSimulator
    control: ControlClient


@contextmanager
def simulator(latency_ms: float) -> Iterator[Simulated]:
    """One in a process of its own, ended with the block."""
    running = start(SimulatorSettings(own_process=True, latency_ms=latency_ms))
    try:
        yield Simulated(running, ControlClient(running.http_url))
    finally:
        running.stop()


def keys(simulated: Simulated) -> list[Key]:
    """Registers an app and a service account for each customer; the keys that open their mailboxes, over HTTPS."""
    base = simulated.running.https_url
    made: list[Key] = []
    for customer in CUSTOMERS:
        tenant, client, secret = f"{customer}.onmicrosoft.example", f"client-{customer}", f"secret-{customer}"
        simulated.control.register_app(tenant, client, secret)
        record = KeyRecord(
            f"{customer}-microsoft", "microsoft", "microsoft", customer, tenant_id=tenant, client_id=client,
            credential=client, authority_url=base, api_url=base,
        )  # fmt: skip
        made.append(Key(record, secret.encode()))
        email = f"reader@{customer}-bench.iam.gserviceaccount.com"
        file: Mapping[str, Any] | None = simulated.control.register_service_account(
            email, token_uri=f"{base}/token", project=f"project-{customer}"
        )
        assert file is not None  # no public key was given, so one was made
        record = KeyRecord(
            f"{customer}-google", "google", "google", customer, service_account_email=email,
            private_key_id=file["private_key_id"], credential=email, authority_url=f"{base}/token", api_url=base,
        )  # fmt: skip
        made.append(Key(record, file["private_key"].encode()))
    return made


def fill(
    simulated: Simulated,
    database: Database,
    sealer: Sealer,
    counts: Mapping[Box, int],
    planted: Callable[[int], None],
) -> None:
    """Plants `counts` reports into each mailbox, and enters the mails that they are about. planted: told the sum so far."""
    with database.transaction() as connection:
        create(connection, sealer, keys(simulated), list(counts))
    done = 0
    for number, (box, count) in enumerate(counts.items()):
        now = datetime.now(UTC)
        mine = list(reports(count, prefix=f"t{number:02d}", provider=box.provider, customer=box.customer, at=now))
        enter_sent_mail(database, box.customer, mine)
        simulated.control.register_mailbox(box.provider, box.email)
        simulated.control.plant_many(box.provider, box.email, [report.raw for report in mine])
        done += count
        planted(done)
