"""Benchmark 1: from a fetched mail to its committed effect.

Reports stand as rows in stage `fetched` (sealed raw MIME, as the fetcher leaves them) and their messages in the queue. The
classifier and actions are started as two processes; the clock runs from the first message that the classifier takes to the
commit of the last effect, so the start of the classifier's child process is inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from bench.installation import Box, Key, boxes, create, enter_sent_mail, mailbox_ids
from bench.outcome import differences
from bench.processes import check, cpu_seconds, services, used_since
from bench.reports import Report, reports
from bench.results import Figure, Result, at_least, at_most
from bench.servers import Place, Servers
from shared.contracts.events import MailFetched
from shared.contracts.naming import mail_message_id
from shared.domain.installation import KeyRecord
from shared.domain.mailboxes import Folder, ListedMail
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import queue_for
from shared.messaging.unit import UnitFactory
from shared.storage import fetched_mail
from shared.storage.database import Database
from shared.storage.fetched_mail import Fetched
from shared.storage.migrator import migrate
from shared.storage.sealing import Sealer

NAME = "main_line"
MAILS = 20_000
ONE_BY_ONE_MAILS = 1_500
MAILS_PER_SECOND = 1_000
_CHUNK = 500
_MAILBOXES_EACH = 10
_LIMIT_SECONDS = 240.0
_LOOK_SECONDS = 0.1

Tell = Callable[[str, int, int], None]
"""tell(what, done, of): shown as progress."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement. cpu: seconds by side. faults: what is not as it must be, empty when all is well."""

    mails: int
    seconds: float
    cpu: dict[str, float]
    faults: list[str]

    @property
    def rate(self) -> float:
        return self.mails / self.seconds


def run(servers: Servers, tell: Tell, *, mails: int = MAILS, one_by_one: int = ONE_BY_ONE_MAILS) -> Result:
    """The measurement in batches, and beside it the same code with batches of one."""
    batched = measure(servers, tell, mails, batch_size=None)
    single = measure(servers, tell, one_by_one, batch_size=1)
    result = Result(NAME, f"1. Fetched mail to committed effect: {mails} reports, classifier and actions, 2 processes")
    result.figures += [
        at_least("mails_per_second", batched.rate, "mails/s", MAILS_PER_SECOND),
        Figure("seconds", batched.seconds, "s"),
        Figure("one_by_one_mails_per_second", single.rate, "mails/s"),
        Figure("ratio_to_one_by_one", batched.rate / single.rate, "times"),
        at_most("differences", len(batched.faults) + len(single.faults), "facts", 0),
        Figure("cpu_per_mail", 1e6 * sum(batched.cpu.values()) / mails, "µs"),
        *(_per_mail(side, seconds, mails) for side, seconds in batched.cpu.items() if seconds >= 0.05),
    ]
    result.notes += [f"{fault} (batches)" for fault in batched.faults] + [f"{f} (one by one)" for f in single.faults]
    result.notes.append(f"one by one: {one_by_one} mails with batch size 1 in both services")
    result.detail = {"cpu_seconds": batched.cpu, "cpu_seconds_one_by_one": single.cpu}
    return result


def _per_mail(side: str, seconds: float, mails: int) -> Figure:
    return Figure(f"cpu_{side.replace(' ', '_').replace(chr(39), '')}", 1e6 * seconds / mails, "µs/mail")


def measure(servers: Servers, tell: Tell, mails: int, *, batch_size: int | None, processes: int = 1) -> Run:
    """batch_size: None leaves the services' own. processes: of each service."""
    label = "in batches" if batch_size is None else f"batch size {batch_size}"
    label += f", {processes} processes each" if processes > 1 else ""
    environment = {} if batch_size is None else {"APICONNECT_BATCH_SIZE": str(batch_size)}
    with (
        servers.place(f"main-line-{batch_size or 'batches'}-{processes}") as place,
        Database(place.database_url, name="bench") as database,
    ):
        planted = plant(database, place, mails, lambda done: tell(f"planting ({label})", done, mails))
        environment = {**place.environment, **environment}
        seconds, cpu = _clock(place, environment, mails, processes, lambda done: tell(label, done, mails))
        return Run(mails, seconds, cpu, differences(database, place.rabbitmq_url, planted))


def plant(database: Database, place: Place, mails: int, done: Callable[[int], None]) -> list[Report]:
    """An installation with so many reports in stage `fetched`, and their messages in the queue. done: told the sum so far."""
    sealer = Sealer.parse(place.sealing_key)
    mailboxes = boxes(_MAILBOXES_EACH)
    all_keys = [
        Key(KeyRecord(f"{box.customer}-{box.provider}", box.provider, box.provider, box.customer), b"unused")
        for box in {(box.customer, box.provider): box for box in mailboxes}.values()
    ]
    migrate(database)
    with database.transaction() as connection:
        create(connection, sealer, all_keys, mailboxes)
    broker = RabbitBroker(place.rabbitmq_url, name="bench")
    broker.declare()
    planted: list[Report] = []
    for number, box in enumerate(mailboxes):
        count = mails // len(mailboxes) + (number < mails % len(mailboxes))
        now = datetime.now(UTC)
        mine = list(reports(count, prefix=f"b{number:02d}", provider=box.provider, customer=box.customer, at=now))
        enter_sent_mail(database, box.customer, mine)
        _store(database, sealer, box, mine)
        planted += mine
        done(len(planted))
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")  # what autovacuum would have done by now
        connection.execute("checkpoint")
    _publish(UnitFactory(database, broker.publisher()))
    broker.close()
    return planted


def _store(database: Database, sealer: Sealer, box: Box, mine: Sequence[Report]) -> None:
    """Through the ledger, as the fetcher does it."""
    now = datetime.now(UTC)
    with database.transaction() as connection:
        mailbox_id = mailbox_ids(connection)[box.email]
        raws = {f"{box.email}-{number}": report.raw for number, report in enumerate(mine)}
        fetched_mail.record_listed(connection, mailbox_id, [ListedMail(name, Folder.INBOX, now) for name in raws])
        listed = fetched_mail.next_listed(connection, mailbox_id, len(mine))
        fetched = [
            Fetched(one.mail_id, raws[one.provider_mail_id], len(raws[one.provider_mail_id]), False, now)
            for one in listed
        ]
        fetched_mail.store_fetched(connection, sealer, now.date(), fetched)


def _publish(units: UnitFactory) -> None:
    """The messages of all fetched mails. Mailboxes take turns, as they would if they were fetched at once."""
    with units.database.transaction() as connection:
        rows = connection.execute(
            """
            select id, correlation_id, generation from fetched_mail where stage = 'fetched'
            order by row_number() over (partition by mailbox_id order by id), mailbox_id
            """
        ).fetchall()
    now = datetime.now(UTC)
    for start in range(0, len(rows), _CHUNK):
        with units.begin() as unit:
            for mail_id, correlation_id, generation in rows[start : start + _CHUNK]:
                unit.publish(
                    MailFetched(mail_id=mail_id),
                    message_id=mail_message_id(MailFetched.type, mail_id, generation),
                    correlation_id=correlation_id,
                    occurred_at=now,
                )


def _clock(
    place: Place, environment: dict[str, str], mails: int, processes: int, done: Callable[[int], None]
) -> tuple[float, dict[str, float]]:
    """Seconds from the first message taken to the last effect committed, and CPU seconds by side in that time."""
    queue = queue_for(MailFetched)
    broker = RabbitBroker(place.rabbitmq_url, name="bench")
    try:
        with (
            psycopg.connect(place.database_url, autocommit=True) as connection,
            services(["actions", "classifier"] * processes, environment, place.logs) as running,
        ):
            give_up_at = time.monotonic() + _LIMIT_SECONDS
            while broker.depths()[queue] == mails:
                check(running, give_up_at)
                time.sleep(0.01)
            before, started = cpu_seconds(), time.monotonic()
            while (left := waiting(connection)) > 0:
                check(running, give_up_at)
                done(mails - left)
                time.sleep(_LOOK_SECONDS)
            return time.monotonic() - started, used_since(before)
    finally:
        broker.close()


def waiting(connection: psycopg.Connection) -> int:
    """Mails whose effect is not committed; answered from the partial index of those stages."""
    row = connection.execute("select count(*) from fetched_mail where stage in ('fetched', 'classified')").fetchone()
    return int(row[0]) if row else 0
